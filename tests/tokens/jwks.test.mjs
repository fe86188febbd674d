// Keys that an issuer publishes at a URL: fetched, rotated, withdrawn, and kept while the issuer is away.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { RawStream } from '../conformance/raw.mjs';
import { eventually, flash } from '../conformance/weir.mjs';
import { makeToken } from './bad_tokens.mjs';
import { poll, startWeir } from './weir.mjs';

const dir = mkdtempSync(path.join(tmpdir(), 'weir-jwks-'));
const keys = Object.fromEntries(['k1', 'k2', 'k3', 'stranger'].map((kid) => [kid, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey]));
const jwk = (kid) => ({ ...createPublicKey(keys[kid]).export({ format: 'jwk' }), kid, use: 'sig', alg: 'ES256' });
const token = (kid, iss = 'http://issuer', named = kid) =>
  makeToken('ES256', keys[kid], { sub: 'ann', iss, exp: Math.floor(Date.now() / 1000) + 600 }, { alg: 'ES256', kid: named });

// What the issuer answers, how often it was asked, and how often somebody went where it sent them.
const issuer = { kids: ['k1'], asked: 0, followed: 0, answer: null };
const listener = (request, response) => {
  if (request.url === '/elsewhere') {
    issuer.followed += 1;
    return response.end(JSON.stringify({ keys: [jwk('stranger')] }));
  }
  issuer.asked += 1;
  if (issuer.answer) return issuer.answer(response);
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'public, max-age=3600' });
  return response.end(JSON.stringify({ keys: issuer.kids.map(jwk) }));
};

let plain;
let secure;
let system;

before(async () => {
  const [key, cert] = ['key', 'cert'].map((name) => path.join(dir, `${name}.pem`));
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=issuer'],
    ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
  ], { stdio: 'ignore' });
  plain = http.createServer(listener).listen(0, '127.0.0.1');
  secure = https.createServer({ key: readFileSync(key), cert: readFileSync(cert) }, listener).listen(0, '127.0.0.1');
  await Promise.all([once(plain, 'listening'), once(secure, 'listening')]);
  system = await startWeir({
    auth: `  providers:
    - {issuer: "http://issuer", jwks_url: "http://127.0.0.1:${plain.address().port}/jwks"}
    - {issuer: "https://issuer", jwks_url: "https://127.0.0.1:${secure.address().port}/jwks", jwks_ca_file: ca.pem}
    - {issuer: "https://not-trusted", jwks_url: "https://127.0.0.1:${secure.address().port}/jwks"}`,
    routes: `  - {path: /mine, filters: ["dispatch.{jwt.sub}"], auth: required, retry: 100ms}`,
    files: { 'ca.pem': readFileSync(cert) },
  });
});

after(async () => {
  await system?.stop();
  plain?.close();
  secure?.close();
  rmSync(dir, { recursive: true });
});

beforeEach(() => (issuer.answer = null));

const status = async (bearer) => (await poll(system, '/mine', bearer)).status;
const metrics = async () => (await fetch(`http://${system.edgeAdmin}/metrics`)).text();
const stream = (bearer) =>
  RawStream.open(system.http, '/mine', { headers: ['Accept: text/event-stream; weir=1', `Authorization: Bearer ${bearer}`] });

test('keys are fetched over http on loopback, and over https from whom is trusted', async () => {
  await eventually('the keys', async () => (await status(token('k1'))) === 200);
  await eventually('the keys by https', async () => (await status(token('k1', 'https://issuer'))) === 200);
  assert.equal((await poll(system, '/mine', token('stranger', 'http://issuer', 'k1'))).status, 401);
});

test('while keys were never fetched, a client is told to come back', async () => {
  const { status: code, problem } = await poll(system, '/mine', token('k1', 'https://not-trusted'));
  assert.equal(code, 503);
  assert.equal(problem.type, 'urn:weir:problem:keys-unavailable');
  const native = await fetch(`${system.url}/mine?token=${token('k1', 'https://not-trusted')}`, { headers: { accept: 'text/event-stream' } });
  assert.equal(native.status, 200, 'EventSource gives up for good on any other');
  assert.match(await native.text(), /^event: weir.overloaded\nretry: \d+\ndata: {"reason":"keys-unavailable"}\n\n$/);
  await eventually('the failure', async () =>
    /weir_edge_jwks_fetches_total{issuer="https:\/\/not-trusted",result="error"} [1-9]/.test(await metrics()));
  await eventually('the log', () => /keys of https:\/\/not-trusted: .*certificate/i.test(system.log('weir-edge')));
});

test('a key that is new is fetched when a token names it, and nobody is refused for it', async () => {
  await eventually('the keys', async () => (await status(token('k1'))) === 200);
  issuer.kids = ['k1', 'k2'];
  const seen = new Set();
  await eventually('the new key', async () => {
    const code = await status(token('k2'));
    seen.add(code);
    return code === 200;
  });
  seen.delete(401); // within five seconds of the fetch before
  seen.delete(503); // while it is being fetched
  assert.deepEqual([...seen], [200]);
  assert.equal(await status(token('k1')), 200);
});

test('the streams of a key that is withdrawn end at once, and others go on', async () => {
  issuer.kids = ['k1', 'k2'];
  await eventually('both keys', async () => (await status(token('k1'))) === 200 && (await status(token('k2'))) === 200);
  const [old, kept] = [await stream(token('k1')), await stream(token('k2'))];
  await Promise.all([old, kept].map((raw) => raw.block('weir.connected')));
  issuer.kids = ['k2', 'k3'];
  await eventually('the third key', async () => (await status(token('k3'))) === 200);
  await old.until('the end', () => old.framed.whole);
  assert.equal(old.blocks.at(-1).event, 'weir.draining');
  // One thread of the edge may hear of it after the other, and asks the issuer when the last fetch is long ago.
  await eventually('its refusal', async () => (await status(token('k1'))) === 401);
  await system.publish([flash('ann', 'still here')]);
  await kept.until('an event', () => kept.body.includes('still here'));
  assert.ok(!kept.ended);
  kept.close();
});

test('an issuer that is away, or answers nonsense, takes nothing away', async () => {
  issuer.kids = ['k2', 'k3'];
  await eventually('the keys', async () => (await status(token('k2'))) === 200 && (await status(token('k3'))) === 200);
  const big = JSON.stringify({ keys: [jwk('k1')], pad: 'x'.repeat(70_000) });
  const ok = { 'content-type': 'application/json' };
  const failures = async () => Number(/^weir_edge_jwks_fetches_total{issuer="http:\/\/issuer",result="error"} (\d+)$/m.exec(await metrics())[1]);
  for (const answer of [
    (response) => response.writeHead(500).end(),
    (response) => response.writeHead(302, { location: `http://127.0.0.1:${plain.address().port}/elsewhere` }).end(),
    (response) => response.writeHead(200, ok).end('<html>'),
    (response) => response.writeHead(200, ok).end('{"keys":{}}'),
    (response) => response.writeHead(200, ok).end(big),
    (response) => response.destroy(),
  ]) {
    issuer.answer = answer;
    const before = await failures();
    await eventually('an attempt to fail', async () => (await status(token('stranger'))) && (await failures()) > before);
    assert.equal(await status(token('k2')), 200);
  }
  assert.equal(issuer.followed, 0);
});

test('an issuer that publishes no key any more has withdrawn the last one', async () => {
  issuer.kids = ['k2', 'k3'];
  await eventually('the keys', async () => (await status(token('k2'))) === 200);
  const open = await stream(token('k2'));
  await open.block('weir.connected');
  issuer.kids = [];
  await eventually('the end of it', async () => (await status(token('stranger'))) && (await status(token('k2'))) === 503);
  await open.until('the end', () => open.framed.whole);
  await eventually('the log', () => /the answer holds no keys; none of its tokens is taken/.test(system.log('weir-edge')));
  issuer.kids = ['k2', 'k3'];
  await eventually('the keys again', async () => (await status(token('k2'))) === 200);
});

test('bad tokens cannot make the edge hammer the issuer', async () => {
  const [asked, began] = [issuer.asked, Date.now()];
  for (let i = 0; i < 500; ++i) await status(token('stranger', 'http://issuer', `kid-${i}`));
  const most = 2 + Math.ceil((Date.now() - began) / 5000) * 2; // both providers share the listener
  assert.ok(issuer.asked - asked <= most, `${issuer.asked - asked} of 500`);
});

test('a reload keeps the keys that were fetched, also while the issuer is away', async () => {
  await eventually('the keys', async () => (await status(token('k2'))) === 200);
  const open = await stream(token('k2'));
  await open.block('weir.connected');
  issuer.answer = (response) => response.destroy();
  system.signal('weir-edge', 'SIGHUP');
  await eventually('the reload', async () => /weir_edge_config_reloads_total{result="ok"} 1/.test(await metrics()));
  assert.equal(await status(token('k2')), 200);
  await system.publish([flash('ann', 'after the reload')]);
  await open.until('an event', () => open.body.includes('after the reload'));
  assert.ok(!open.ended);
  open.close();
});
