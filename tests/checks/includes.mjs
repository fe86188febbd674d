// The table of who may include whom, and the judgement of one tree by it. Pure: files come in as text.

// Libraries that only some folders may touch, and how an include of theirs begins.
export const libraries = {
  grpc: /^(grpcpp|grpc)\/|\.grpc\.pb\.h$/,
  beast: /^boost\/beast/,
  rocksdb: /^rocksdb\//,
  client: /^(weir\/client\.h$|clients\/cpp\/)/, // ours, over gRPC
};

// Per folder (the longest that matches counts): the folders whose headers it may include besides its own, and the
// libraries. `proto` stands for generated headers.
export const table = {
  base: { folders: ['proto'], libraries: [] },
  admin: { folders: ['base', 'proto'], libraries: ['beast'] },
  load: { folders: ['base'], libraries: [] },
  log: { folders: ['base', 'proto'], libraries: ['rocksdb'] },
  server: { folders: ['base', 'admin', 'log', 'proto'], libraries: ['grpc'] },
  edge: { folders: ['base', 'admin', 'clients/cpp', 'proto'], libraries: [] },
  'clients/cpp': { folders: ['base', 'proto'], libraries: ['grpc', 'client'] },
  'clients/cli': { folders: ['base', 'clients/cpp', 'load', 'log', 'proto'], libraries: ['grpc', 'client'] },
  demo: { folders: ['base', 'clients/cpp', 'proto'], libraries: ['client'] },
  tests: { folders: ['base', 'admin', 'load', 'log', 'server', 'edge', 'clients/cpp', 'proto'], libraries: Object.keys(libraries) },
};

// Single files and folders of edge/ and base/ that leave the pure core.
export const doors = {
  grpc: /^(edge\/(upstream|history_client|schema_cache)|base\/quiet_grpc)/,
  client: /^edge\/(upstream|history_client|schema_cache|revocation_feed|edge\.)/,
  beast: /^edge\/http\//,
};

const longest = (path) =>
  Object.keys(table).filter((folder) => path.startsWith(folder + '/')).sort((a, b) => b.length - a.length)[0];

// includesOf(text) → the names between quotes or angle brackets, with their lines.
export function includesOf(text) {
  const found = [];
  text.split('\n').forEach((line, index) => {
    const match = /^\s*#\s*include\s+["<]([^">]+)[">]/.exec(line);
    if (match) found.push({ name: match[1], line: index + 1 });
  });
  return found;
}

// resolve(name, files) → the path in the tree, or undefined for a foreign header.
function resolve(name, files) {
  if (files.has(name)) return name;
  const installed = 'clients/cpp/include/' + name;
  return files.has(installed) ? installed : undefined;
}

// What is never shipped may use more: a unit test the applications' types and tests/support, an example those types.
const isTest = (path) => /_(test|benchmark)\.cc$/.test(path);
const mayUseApps = (folder, path) => ['tests', 'demo'].includes(folder) || isTest(path) || path.includes('/example/');

const isGenerated = (name) => name.endsWith('.pb.h');

const allows = (folder, path, library) =>
  table[folder].libraries.includes(library) || doors[library]?.test(path);

// judge(files: Map path → text) → complaints, one string each.
export function judge(files) {
  const complaints = [];
  const direct = new Map();
  for (const [path, text] of files) {
    const folder = longest(path);
    if (!folder) {
      complaints.push(`${path}: no row of the include table covers it`);
      continue;
    }
    const own = [];
    for (const { name, line } of includesOf(text)) {
      const where = `${path}:${line}: includes ${name}`;
      for (const [library, pattern] of Object.entries(libraries)) {
        if (pattern.test(name) && !allows(folder, path, library)) complaints.push(`${where}: ${library} does not belong in ${folder}/ there`);
      }
      if (isGenerated(name)) {
        if (name.startsWith('apps/') && !mayUseApps(folder, path))
          complaints.push(`${where}: the product knows no application`);
        continue;
      }
      const target = resolve(name, files);
      if (!target) continue;
      own.push(target);
      const targetFolder = longest(target);
      const allowed = targetFolder === folder || table[folder].folders.includes(targetFolder);
      if (!allowed && !(isTest(path) && target.startsWith('tests/support/')))
        complaints.push(`${where}: ${folder}/ may not depend on ${targetFolder}/`);
      if (/(^|\/)main\.(h|cc)$/.test(target)) complaints.push(`${where}: nothing depends on a main`);
    }
    direct.set(path, own);
  }
  return complaints.concat(mixedUnits(files, direct));
}

// gRPC and Beast in one translation unit take minutes to compile.
function mixedUnits(files, direct) {
  const complaints = [];
  for (const path of files.keys()) {
    if (!path.endsWith('.cc')) continue;
    const seen = new Set([path]);
    const source = {};
    for (const file of seen) {
      for (const { name } of includesOf(files.get(file))) {
        for (const library of ['grpc', 'beast']) if (libraries[library].test(name)) source[library] ??= file;
      }
      for (const next of direct.get(file) ?? []) seen.add(next);
    }
    if (source.grpc && source.beast)
      complaints.push(`${path}: gRPC (by ${source.grpc}) and Beast (by ${source.beast}) in one translation unit`);
  }
  return complaints;
}
