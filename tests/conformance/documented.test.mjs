// docs/sse-clients.md says what the cases are run with.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { read } from '../checks/tree.mjs';
import { clientNames } from './clients.mjs';
import { ofMarkdown } from './documented.mjs';

const text = read('docs/sse-clients.md');

test('the table has the clients that the cases run with, in their versions', () => {
  const { packages } = JSON.parse(read('package-lock.json'));
  const rows = [...text.matchAll(/^\| (?!client |---)(.+?) \| (.+?) \|/gm)].map(([, name, version]) => [name.replaceAll('`', ''), version]);
  assert.deepEqual(rows.map(([name]) => name), clientNames);
  packages['node_modules/@weir/client'] = JSON.parse(read('clients/web/package.json'));
  for (const [name, version] of rows.slice(1)) assert.ok(packages[`node_modules/${name}`].version.startsWith(`${version}.`), name);
});

test('the wrapper that is shown is the one that the cases read with', () => {
  assert.ok(read('tests/conformance/readers/follow.mjs').endsWith(ofMarkdown(text, 'js')));
});
