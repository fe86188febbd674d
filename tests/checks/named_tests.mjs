// Tests that the documents name, as `Suite.Behaviour`, are there; and every promise of docs/guarantees.md names some.
import { ownFiles, read, report } from './tree.mjs';

const macro = /^\s*(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)/gm;
const tests = new Set(ownFiles('*.cc').flatMap((file) => [...read(file).matchAll(macro)].map(([, suite, name]) => `${suite}.${name}`)));
const name = /`([A-Z]\w+\.[A-Z]\w+)`/g;

const complaints = [];
for (const file of ownFiles('*.md'))
  for (const [, test] of read(file).matchAll(name)) if (!tests.has(test)) complaints.push(`${file}: there is no test ${test}`);

const guarantees = 'docs/guarantees.md';
const [promises] = read(guarantees).split('\n## What is not');
for (const section of promises.split(/\n## /).slice(1))
  if (!section.match(name) && !/\.test\.mjs/.test(section)) complaints.push(`${guarantees}: "${section.split('\n')[0]}" names no test that proves it`);
report(complaints);
