// Tickets over the wire and in a real browser: an EventSource without a token in its URL, which comes back by itself long
// after its ticket is over. Tickets that are over already are sealed here, by another implementation.
import assert from 'node:assert/strict';
import { createCipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { RawStream } from '../conformance/raw.mjs';
import { eventually, flash } from '../conformance/weir.mjs';
import { launch } from '../e2e/browser.mjs';
import { makeToken } from './bad_tokens.mjs';
import { startAnotherEdge, startWeir } from './weir.mjs';

const key = randomBytes(48);
const ticketKey = randomBytes(40);
const seconds = () => Math.floor(Date.now() / 1000);
const token = (sub, more = {}) => makeToken('HS256', key, { sub, exp: seconds() + 600, ...more }, { alg: 'HS256' });

// As docs/http-api.md says that edges seal them.
function seal(kind, route, bearer, expires, sub, secret = ticketKey) {
  const derived = Buffer.from(hkdfSync('sha256', secret, '', 'weir tickets 1', 32));
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', derived, nonce);
  cipher.setAAD(Buffer.from(`weir tickets 1 ${kind} ${route}`));
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(expires));
  const principal = createHash('sha256').update(JSON.stringify(['', sub])).digest();
  const sealed = Buffer.concat([cipher.update(Buffer.concat([time, principal, Buffer.from(bearer)])), cipher.final()]);
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64url');
}

const edgeOptions = {
  auth: '  keys: [{algorithm: HS256, file: keys/a}]\n  ticket_keys: [keys/tickets, keys/older]',
  files: { 'keys/a': key, 'keys/tickets': ticketKey, 'keys/older': randomBytes(32) },
  routes: `  - {path: /api/mine, filters: ["dispatch.{jwt.sub}"], auth: required, retry: 100ms}
  - {path: /api/other, filters: ["dispatch.{jwt.sub}"], auth: required}`,
};
let system;

before(async () => {
  system = await startWeir(edgeOptions);
});

after(() => system?.stop());

const ask = (bearer, route = '/api/mine') =>
  fetch(`${system.url}${route}/ticket`, { method: 'POST', headers: bearer ? { authorization: `Bearer ${bearer}` } : {} });
const ticketFor = async (sub) => (await (await ask(token(sub))).json()).ticket;
const openAt = (edge, ticket, ...headers) => RawStream.open(edge.http, `/api/mine?ticket=${ticket}`, { headers: ['Accept: text/event-stream', ...headers] });
const open = (...how) => openAt(system, ...how);

test('a ticket opens the stream of its token, and leaves a cookie for that path alone', async () => {
  const answer = await ask(token('ann'));
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  const { ticket, expiresIn } = await answer.json();
  assert.equal(expiresIn, 60);
  const raw = await open(ticket);
  assert.equal(raw.status, 200);
  assert.match(raw.header('set-cookie'), /^weir_ticket=[\w-]+; Path=\/api\/mine; Max-Age=\d+; HttpOnly; Secure; SameSite=Strict$/);
  await raw.block('weir.connected');
  await system.publish([flash('bob', 'not for ann'), flash('ann', 'for ann')]);
  await raw.until('the event', () => raw.body.includes('for ann'));
  assert.ok(!raw.body.includes('not for ann'));
  raw.close();
  const poll = await fetch(`${system.url}/api/mine?ticket=${ticket}`, { headers: { accept: 'application/json' } });
  assert.equal(poll.status, 200);
});

test('a ticket that is over goes on with its cookie only, and only for the same origin', async () => {
  const bearer = token('ann');
  const old = seal('t', '/api/mine', bearer, seconds() - 1, 'ann');
  const pass = `Cookie: weir_ticket=${seal('p', '/api/mine', bearer, seconds() + 600, 'ann')}`;
  const status = async (...headers) => {
    const raw = await open(old, ...headers);
    raw.close();
    return raw.status;
  };
  assert.equal(await status(), 401);
  assert.equal(await status(pass), 200);
  assert.equal(await status(pass, 'Sec-Fetch-Site: same-origin'), 200);
  assert.equal(await status(pass, `Origin: ${system.url}`), 200);
  for (const from of ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Site: same-site', 'Sec-Fetch-Site: none', 'Origin: https://evil.example', 'Origin: null']) {
    assert.equal(await status(pass, from), 401, from);
  }
  assert.equal(await status(pass, 'Sec-Fetch-Site: cross-site', 'Sec-Fetch-Site: same-origin'), 400);
  // A browser sends that of `/api` to `/api/mine` as well, and a page of a sibling domain may have set another.
  const ofAbove = `weir_ticket=${seal('p', '/api', bearer, seconds() + 600, 'ann')}`;
  assert.equal(await status(`${pass}; ${ofAbove}`), 200, 'with one of another route behind it');
  assert.equal(await status(`Cookie: ${ofAbove}; weir_ticket=x; ${pass.slice('Cookie: '.length)}`), 200, 'with others before it');
  assert.equal(await status(`Cookie: ${ofAbove}; weir_ticket=x`), 401, 'only others');
  const others = [
    seal('p', '/api/mine', token('bob'), seconds() + 600, 'bob'),
    seal('p', '/api/mine', bearer, seconds() - 1, 'ann'),
    seal('p', '/api/other', bearer, seconds() + 600, 'ann'),
    seal('t', '/api/mine', bearer, seconds() + 600, 'ann'),
    seal('p', '/api/mine', bearer, seconds() + 600, 'ann', randomBytes(40)),
    seal('p', '/api/mine', token('ann', { exp: seconds() - 60 }), seconds() + 600, 'ann'),
    '', 'x',
  ];
  for (const [i, other] of others.entries()) assert.equal(await status(`Cookie: weir_ticket=${other}`), 401, `cookie ${i}`);
});

test('a cookie alone is nothing, and nor are tickets of another path, key or kind', async () => {
  const bearer = token('ann');
  const cookie = `Cookie: weir_ticket=${seal('p', '/api/mine', bearer, seconds() + 600, 'ann')}`;
  const bare = await RawStream.open(system.http, '/api/mine', { headers: [cookie, 'Accept: text/event-stream; weir=1', 'Sec-Fetch-Site: same-origin'] });
  assert.equal(bare.status, 401);
  bare.close();
  for (const ticket of [
    seal('t', '/api/other', bearer, seconds() + 60, 'ann'), seal('p', '/api/mine', bearer, seconds() + 60, 'ann'),
    seal('t', '/api/mine', bearer, seconds() + 60, 'ann', randomBytes(40)), '', 'x', 'A'.repeat(4000), bearer,
  ]) {
    const raw = await open(ticket);
    assert.equal(raw.status, 401);
    assert.ok(!raw.wire.includes('Set-Cookie'));
    raw.close();
  }
});

test('a ticket of one edge is good at another that has its key, and so is the cookie', async () => {
  const other = await startAnotherEdge(system);
  try {
    const ticket = await ticketFor('ann');
    const raw = await openAt(other, ticket);
    assert.equal(raw.status, 200, raw.wire);
    await raw.block('weir.connected');
    await system.publish([flash('bob', 'not for ann'), flash('ann', 'for ann at the other')]);
    await raw.until('the event', () => raw.body.includes('for ann at the other'));
    assert.ok(!raw.body.includes('not for ann'));
    const [cookie] = raw.header('set-cookie').split(';');
    raw.close();
    // And back: a ticket that is over goes on at the first edge by what the second has set.
    const old = seal('t', '/api/mine', token('ann'), seconds() - 1, 'ann');
    const back = await open(old, `Cookie: ${cookie}`, 'Sec-Fetch-Site: same-origin');
    assert.equal(back.status, 200, back.wire);
    back.close();
    const without = await openAt(other, old);
    assert.equal(without.status, 401);
    without.close();
  } finally {
    await other.end();
  }
  // One that has another key takes none.
  const files = { ...edgeOptions.files, 'keys/tickets': randomBytes(40), 'keys/older': randomBytes(32) };
  const stranger = await startWeir({ ...edgeOptions, files });
  try {
    const refused = await openAt(stranger, await ticketFor('ann'));
    assert.equal(refused.status, 401);
    refused.close();
  } finally {
    await stranger.stop();
  }
});

test('tickets are given for the header of a good token alone', async () => {
  assert.equal((await ask()).status, 401);
  assert.equal((await ask('x')).status, 401);
  assert.equal((await ask(token('ann', { exp: seconds() - 60 }))).status, 401);
  assert.equal((await ask(token('ann', { pad: 'x'.repeat(2500) }))).status, 400);
  assert.equal((await ask(token('ann'), '/api/none')).status, 405, 'it might be a file');
  assert.equal((await fetch(`${system.url}/api/mine/ticket`, { headers: { authorization: `Bearer ${token('ann')}` } })).status, 405);
  const body = await fetch(`${system.url}/api/mine/ticket`, { method: 'POST', body: '{}', headers: { authorization: `Bearer ${token('ann')}` } });
  assert.equal(body.status, 413);
});

test('a browser reads by a ticket, and comes back by itself when it is over', { timeout: 600_000 }, async () => {
  writeFileSync(path.join(system.page, 'index.html'), '<!doctype html><title>tickets</title>');
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.goto(`${system.url}/`);
    const made = await page.evaluate(
      async (bearer) => (await (await fetch('/api/mine/ticket', { method: 'POST', headers: { authorization: `Bearer ${bearer}` } })).json()).ticket,
      token('ann'),
    );
    assert.ok(made.length > 100);
    const over = seconds() + 30;
    const brief = seal('t', '/api/mine', token('ann'), over, 'ann'); // as `made`, but over soon
    await page.evaluate((ticket) => {
      window.seen = [];
      window.opened = 0;
      window.source = new EventSource(`/api/mine?ticket=${ticket}`);
      window.source.onopen = () => (window.opened += 1);
      window.source.addEventListener('flash_message', ({ data }) => window.seen.push(JSON.parse(data).text));
    }, brief);
    await eventually('the stream to open', () => page.evaluate(() => window.opened === 1));
    await eventually('the ticket to be over', () => seconds() > over);
    await system.end('weir-edge', 'SIGKILL');
    await system.startEdge();
    await system.publish([flash('ann', 'while it was away')]);
    await eventually('what came meanwhile', () => page.evaluate(() => window.opened >= 2 && window.seen.includes('while it was away')));
    assert.equal(await page.evaluate('document.cookie'), '', 'no script can read it');
  } finally {
    await browser.close();
  }
});
