// docs/configuration.md names every flag of the daemons, and no other.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { read } from '../checks/tree.mjs';
import { bin } from '../e2e/system.mjs';

const flagsIn = (text) => [...new Set(text.match(/--[a-z][a-z-]+/g))].sort();

for (const name of ['weir-server', 'weir-edge']) {
  test(`the flags of ${name}`, () => {
    const help = execFileSync(bin(name), ['--help'], { encoding: 'utf8' });
    const listed = help.split('\n').filter((line) => /^\s+-/.test(line)).map((line) => line.split(/\s{2,}/)[1]).join('\n');
    const section = read('docs/configuration.md').split(`\n## ${name}\n`)[1].split('<!--')[0];
    assert.deepEqual(flagsIn(section), flagsIn(listed));
  });
}
