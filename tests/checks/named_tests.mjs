// Tests that the documents name, as `Suite.Behaviour`, `FuzzCorpus.target` or as `file.test.mjs: its title`, are there; and every promise of
// docs/guarantees.md names some, and every row of docs/apps.md and of the tables of threats in docs/security.md.
import path from 'node:path';
import { ownFiles, read, report } from './tree.mjs';

const macro = /^\s*(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)/gm;
const tests = new Set(ownFiles('*.cc').flatMap((file) => [...read(file).matchAll(macro)].map(([, suite, name]) => `${suite}.${name}`)));
for (const [, corpus] of read('tests/fuzz/CMakeLists.txt').matchAll(/^weir_fuzz\((\w+)/gm)) tests.add(`FuzzCorpus.${corpus}`);
const name = /`([A-Z]\w+\.[A-Z]\w+|FuzzCorpus\.\w+)`/g;

const complaints = [];
for (const file of ownFiles('*.md'))
  for (const [, test] of read(file).matchAll(name)) if (!tests.has(test)) complaints.push(`${file}: there is no test ${test}`);

const scripts = ownFiles('*.test.mjs', '*.test.ts', '*.test.tsx');
const titled = /`([\w.-]+\.test\.(?:mjs|tsx?)): ([^`]+)`/g;
const titles = (file) => new Set([...read(file).matchAll(/\b(?:test|describe)(?:\.each)?\b[^'"`\n]*(['"`])((?:(?!\1)[^\\\n]|\\.)*)\1/g)].map(([, , title]) => title.replace(/\\(.)/g, '$1')));
// Of test.each the title stands behind the cases.
const eachTitles = (file) => new Set([...read(file).matchAll(/^ *\]\)\((['"`])((?:(?!\1).)*)\1/gm)].map(([, , title]) => title));
for (const file of ownFiles('*.md'))
  for (const [, script, title] of read(file).matchAll(titled)) {
    const found = scripts.filter((candidate) => path.basename(candidate) === script);
    if (found.length !== 1) complaints.push(`${file}: ${script} is ${found.length} files`);
    else if (!titles(found[0]).has(title) && !eachTitles(found[0]).has(title)) complaints.push(`${file}: ${script} has no test "${title}"`);
  }

const apps = 'docs/apps.md';
for (const row of read(apps).matchAll(/^\|(?! *(?:-|what is needed))([^|]*)\|([^|]*)\|$/gm))
  if (!row[2].match(name) && !row[2].match(titled)) complaints.push(`${apps}: "${row[1].trim()}" names no test that proves it`);

const security = 'docs/security.md';
const threats = [...read(security).matchAll(/^\| threat \| defence \| proved by \|\n\|[-|]+\|\n((?:\|.*\|\n)+)/gm)].flatMap(([, rows]) => rows.trim().split('\n'));
if (threats.length < 40) complaints.push(`${security}: only ${threats.length} rows of tables \"threat, defence, proved by\"`);
for (const row of threats) {
  const cells = row.replaceAll('\\|', '').split('|').slice(1, -1);
  if (cells.length !== 3 || cells.some((cell) => !cell.trim())) complaints.push(`${security}: not three cells: ${row}`);
  else if (!cells[2].match(name) && !cells[2].match(titled)) complaints.push(`${security}: \"${cells[0].trim()}\" names no test that proves it`);
}

const guarantees = 'docs/guarantees.md';
const [promises] = read(guarantees).split('\n## What is not');
for (const section of promises.split(/\n## /).slice(1))
  if (!section.match(name) && !/\.test\.mjs/.test(section)) complaints.push(`${guarantees}: "${section.split('\n')[0]}" names no test that proves it`);
report(complaints);
