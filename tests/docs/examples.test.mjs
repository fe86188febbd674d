import assert from 'node:assert/strict';
import { test } from 'node:test';
import { moved, ofHelp, ofMarkdown } from './examples.mjs';

test('only blocks that are marked are examples', () => {
  const text = 'a\n```sh\nrm -rf /\n```\n```sh runnable\nweir status\nweir list x\n```\n```sh runnable until="id: "\ncurl x\n```\n';
  assert.deepEqual(ofMarkdown('R.md', text), [
    { name: 'R.md:5', script: 'weir status\nweir list x', until: undefined },
    { name: 'R.md:9', script: 'curl x', until: 'id: ' },
  ]);
});

test('a block without an end is an error', () => {
  assert.throws(() => ofMarkdown('R.md', '```sh runnable\nweir status\n'), /R\.md:1/);
});

test('a help text has its examples first, one a line, with remarks', () => {
  const text = 'Examples:\n  weir list a.b   all of it\n  weir publish \\\n    --topic t\n\nUsage: weir\n  weir no\n';
  assert.deepEqual(
    ofHelp('weir', text).map(({ script }) => script),
    ['weir list a.b', 'weir publish \\\n--topic t'],
  );
});

test('an example that reads without end need only begin to print', () => {
  const untils = ofHelp('weir', 'Examples:\n  weir subscribe a\n  weir subscribe a -n 1\n  weir list a\n').map(({ until }) => until);
  assert.deepEqual(untils, ['{"', undefined, undefined]);
});

test('a help text without examples has none', () => {
  assert.deepEqual(ofHelp('weir', 'Usage: weir\n'), []);
});

test("the demo's addresses and data become those of the system", () => {
  assert.equal(moved('curl 127.0.0.1:8080 127.0.0.1:50051', { http: 'a:1', grpc: 'b:2' }), 'curl a:1 b:2');
  assert.equal(moved('A=$PWD/build/dev-data/tokens/developer.jwt', { dir: '/tmp/x' }), 'A=/tmp/x/tokens/developer.jwt');
});
