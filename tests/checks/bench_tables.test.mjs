import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from './bench_tables.mjs';

const sources = ['{.name = "rate", .what = "one", .quick = true}', '{.name = "tls",\n .what = "two"}'];
const table = '\nA machine.\n\n| figure | weir |\n|---|---:|\n| one | 1 |\n\n';
const section = (name, content) => `text\n<!-- bench ${name} -->\n${content}<!-- end -->\nmore\n`;

test('every mode has a section with a table', () => {
  assert.deepEqual(judge(section('rate', table) + section('tls', table), sources), []);
});

test('an empty section is a fault, and one without rows', () => {
  for (const content of ['', '\nA machine.\n', '| figure |\n|---|\n'])
    assert.deepEqual(judge(section('rate', content) + section('tls', table), sources), [
      '<!-- bench rate --> has no table: run ./dev bench --mode rate --write',
    ]);
});

test('a mode without a section is a fault, and a section without a mode', () => {
  assert.deepEqual(judge(section('tls', table) + section('old', table), sources), ['there is no section <!-- bench rate -->', '<!-- bench old --> is of no mode']);
});
