// Tokens of an independent implementation are judged by the edge as that implementation judges them, thousands of them, and
// it takes the tokens that `weir token` makes.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { bin } from '../e2e/system.mjs';
import { forAll, poll, startWeir } from './weir.mjs';

const script = path.join(import.meta.dirname, 'pyjwt.py');
const python = (...args) => promisify(execFile)('/usr/bin/python3', [script, ...args], { maxBuffer: 1 << 28 });
const count = Number(process.env.WEIR_TEST_TOKENS ?? 3000);
const seed = Math.floor(Math.random() * 2 ** 31);
const pems = { rs1: 'RS256', ps1: 'PS256', es1: 'ES256', ed1: 'EdDSA' };

const keys = mkdtempSync(path.join(tmpdir(), 'weir-tokens-'));
let tokens;
let system;

before(async () => {
  const { stdout } = await python('generate', keys, String(count), String(seed));
  tokens = stdout.trim().split('\n').map((line) => JSON.parse(line));
  system = await startWeir({
    auth: `  issuers: ["https://issuer.example"]
  audiences: [weir]
  keys:
    - {file: keys/jwks.json}
    - {algorithm: HS256, file: keys/hs1, id: hs1}
${Object.entries(pems).map(([kid, name]) => `    - {algorithm: ${name}, file: keys/${kid}.pub, id: ${kid}}`).join('\n')}`,
    routes: `  - {path: /mine, filters: ["users.{jwt.sub|token}"], auth: required}`,
    files: Object.fromEntries(readdirSync(keys).map((name) => [`keys/${name}`, readFileSync(path.join(keys, name))])),
  });
});

after(async () => {
  await system?.stop();
  rmSync(keys, { recursive: true });
});

test('the edge judges tokens of PyJWT as PyJWT does', async (t) => {
  t.diagnostic(`${count} tokens, seed ${seed}`);
  const seen = { 200: 0, 401: 0 };
  await forAll(tokens, async ({ token, good, what }) => {
    const { status, problem } = await poll(system, '/mine', token);
    assert.equal(status, good ? 200 : 401, `${what}: ${problem?.detail}\n${token}`);
    seen[status] += 1;
  });
  assert.ok(seen[200] > count / 4 && seen[401] > count / 4, JSON.stringify(seen));
});

test('PyJWT takes what `weir token` signs by each algorithm, and nothing else', async () => {
  const lines = [];
  const expected = [];
  for (const [kid, name] of [['hs1', 'HS256'], ...Object.entries(pems)]) {
    for (let i = 0; i < 8; ++i) {
      const flags = ['--key', path.join(keys, kid), '--key-id', kid, '--algorithm', name, '--sub', `${name}-${i}`];
      const claims = ['--claim', 'iss=https://issuer.example', '--claim', 'aud=weir'];
      const { stdout, stderr } = spawnSync(bin('weir'), ['token', ...flags, ...claims], { encoding: 'utf8' });
      assert.equal(stderr, '');
      const token = stdout.trim();
      const [head, body, signature] = token.split('.');
      const middle = signature.length >> 1;
      const other = signature.slice(0, middle) + (signature[middle] === 'A' ? 'B' : 'A') + signature.slice(middle + 1);
      lines.push(token, [head, body, other].join('.'));
      expected.push(`${name}-${i}`, undefined);
    }
  }
  const judging = python('judge', keys);
  judging.child.stdin.end(`${lines.join('\n')}\n`);
  const judged = (await judging).stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(judged.map(({ subject }) => subject), expected);
});
