// Writes the software bill of materials of what a build made, as CycloneDX 1.5 JSON, to stdout:
//
//   node dev.d/sbom.mjs BUILD_DIRECTORY
//
// It is read off the result, not off a list: which shared libraries the programs load (ldd), which static libraries and
// headers their objects were made of (ninja), and which Debian package and version each of those files belongs to (dpkg);
// and which npm packages the browser's code imports, with the versions of its package-lock.json.
import { execFileSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { ownFiles, read, root } from '../tests/checks/tree.mjs';

const PROGRAMS = ['weir-server', 'weir-edge', 'weir'];
const build = process.argv[2];
const run = (command, ...args) => execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 29, stdio: ['ignore', 'pipe', 'pipe'] });
const ninja = (...args) => run('ninja', '-C', build, ...args);
const { version, license } = JSON.parse(read('package.json'));

// The shared libraries that a program loads, those of libraries too.
function loaded(program) {
  const lines = run('ldd', path.join(build, 'bin', program)).split('\n');
  const missing = lines.find((line) => line.includes('not found'));
  if (missing) throw new Error(`${program}: ${missing.trim()}`);
  return lines.flatMap((line) => line.match(/\/\S+(?= \()/g) ?? []);
}

// The headers of each object of the build that are not our own.
function headersOfObjects() {
  const found = new Map();
  let object;
  for (const line of ninja('-t', 'deps').split('\n')) {
    if (line.startsWith('    ')) {
      const file = path.resolve(build, line.trim()); // ccache may have written it relative to the build
      if (!file.startsWith(`${root}/`)) object.push(file);
    } else if (line.includes(': #deps')) {
      found.set(line.split(': #deps')[0], (object = []));
    }
  }
  return found;
}

// What of the system was compiled into a program.
function compiledIn(program, headers) {
  const inputs = ninja('-t', 'inputs', `bin/${program}`).trim().split('\n');
  const objects = inputs.filter((input) => input.endsWith('.o'));
  const unknown = objects.find((object) => !headers.has(object));
  if (unknown || !objects.length) throw new Error(`ninja knows no headers of ${unknown ?? program}: build it first`);
  return [...inputs.filter((input) => /^\/.*\.a$/.test(input)), ...objects.flatMap((object) => headers.get(object))];
}

// The Debian package of each file, `{name, version, architecture, source}` by path.
function packagesOf(files) {
  const places = new Map(files.flatMap((file) => {
    const real = realpathSync(file);
    // Packages may have a file under the name that it had before /lib became a link to /usr/lib.
    return [file, real, real.replace(/^\/usr/, ''), file.replace(/^\/usr/, '')].map((place) => [place, file]);
  }));
  const owners = new Map();
  for (const line of dpkgSearch([...places.keys()])) {
    const [, name, place] = /^([^:, ]+)(?::\w+)?(?:, [^/]*)?: (\/.*)$/.exec(line) ?? [];
    if (name && places.has(place)) owners.set(places.get(place), name);
  }
  const lost = files.find((file) => !owners.has(file));
  if (lost) throw new Error(`${lost} belongs to no Debian package`);
  const fields = '${Package}\t${Version}\t${Architecture}\t${source:Package}\n';
  const about = run('dpkg-query', '--show', `--showformat=${fields}`, ...new Set(owners.values())).trim().split('\n');
  const packages = new Map(about.map((line) => line.split('\t')).map(([name, version, architecture, source]) => [name, { name, version, architecture, source }]));
  return new Map([...owners].map(([file, name]) => [file, packages.get(name)]));
}

// dpkg-query fails when it does not know one of them, and prints the others all the same.
function dpkgSearch(places) {
  try {
    return run('dpkg-query', '--search', ...places).split('\n');
  } catch (error) {
    return error.stdout.split('\n');
  }
}

function debian({ name, version, architecture, source }, use) {
  const distribution = /^VERSION_ID="?(\d+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}&distro=debian-${distribution}`;
  return { type: 'library', 'bom-ref': purl, name, version, purl, properties: [{ name: 'weir:source', value: source }, { name: 'weir:use', value: use }] };
}

// The npm packages that files import, and those that these need, as the lock file has them.
function npm(lock, files) {
  const { packages } = JSON.parse(read(lock));
  const imported = /^(?:import|export) (?!type\b)(?:[^'"]*from )?['"]((?:@[\w.-]+\/)?\w[\w.-]*)/gm;
  const wanted = files.flatMap((file) => [...read(file).matchAll(imported)].map(([, name]) => name)).filter((name) => !name.startsWith('@weir/'));
  const found = new Map();
  while (wanted.length) {
    const name = wanted.pop();
    const entry = packages[`node_modules/${name}`];
    if (!entry) throw new Error(`${lock} has no ${name}`);
    if (found.has(name)) continue;
    const purl = `pkg:npm/${name.replace('@', '%40')}@${entry.version}`;
    const content = Buffer.from(entry.integrity.replace('sha512-', ''), 'base64').toString('hex');
    const licenses = entry.license ? [{ license: { id: entry.license } }] : [];
    found.set(name, { type: 'library', 'bom-ref': purl, name, version: entry.version, purl, hashes: [{ alg: 'SHA-512', content }], licenses });
    wanted.push(...Object.keys(entry.dependencies ?? {}));
  }
  return [...found.values()];
}

const components = new Map(); // by bom-ref
const dependencies = [];
function add(component, needs) {
  for (const one of [component, ...needs]) if (!components.has(one['bom-ref'])) components.set(one['bom-ref'], one);
  dependencies.push({ ref: component['bom-ref'], dependsOn: [...new Set(needs.map((one) => one['bom-ref']))].sort() });
}

const headers = headersOfObjects();
for (const program of PROGRAMS) {
  const shared = loaded(program);
  const compiled = [...new Set(compiledIn(program, headers))];
  const owners = packagesOf([...new Set([...shared, ...compiled])]);
  const needs = [...shared.map((file) => debian(owners.get(file), 'loaded')), ...compiled.map((file) => debian(owners.get(file), 'compiled in'))];
  const content = createHash('sha256').update(readFileSync(path.join(build, 'bin', program))).digest('hex');
  add({ type: 'application', 'bom-ref': program, name: program, version, hashes: [{ alg: 'SHA-256', content }] }, needs);
}
const web = 'clients/web/package-lock.json';
const client = ownFiles('clients/web/src/*.ts').filter((file) => !/\/(react|testing)\.ts$/.test(file));
add({ type: 'library', 'bom-ref': 'client', name: '@weir/client', version }, npm(web, client));
add({ type: 'application', 'bom-ref': 'page', name: 'weir-demo-page', version }, npm(web, ownFiles('clients/web/src/*.ts', 'clients/web/demo/src/*.ts', 'clients/web/demo/src/*.tsx')));

const main = { type: 'application', 'bom-ref': 'all', name: 'weir', version, licenses: [{ license: { id: license } }] };
dependencies.unshift({ ref: 'all', dependsOn: [...PROGRAMS, 'client', 'page'] });
const bom = {
  bomFormat: 'CycloneDX',
  specVersion: '1.5',
  serialNumber: `urn:uuid:${randomUUID()}`,
  version: 1,
  metadata: { timestamp: new Date().toISOString(), component: main },
  components: [...components.values()],
  dependencies: [...dependencies, ...[...components.keys()].filter((ref) => ref.startsWith('pkg:')).map((ref) => ({ ref, dependsOn: [] }))],
};
console.log(JSON.stringify(bom, null, 2));
