// Tokens that are revoked, over every transport and at every edge, and for how long: over restarts, kills and retention.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { RawStream } from '../conformance/raw.mjs';
import { eventually, flash, metric, serverConfig } from '../conformance/weir.mjs';
import { Wire } from '../conformance/websocket.mjs';
import { bin, System } from '../e2e/system.mjs';
import { makeToken } from './bad_tokens.mjs';
import { poll, startAnotherEdge, startWeir } from './weir.mjs';

const key = randomBytes(48);
const seconds = () => Math.floor(Date.now() / 1000);
// Issued a minute ago, unless `more` says otherwise.
const token = (sub, more = {}) => makeToken('HS256', key, { sub, iat: seconds() - 60, exp: seconds() + 600, ...more }, { alg: 'HS256' });

const options = {
  auth: '  keys: [{algorithm: HS256, file: keys/a}]\n  ticket_keys: [keys/tickets]',
  files: { 'keys/a': key, 'keys/tickets': randomBytes(40) },
  routes: `  - {path: /mine, filters: ["dispatch.{jwt.sub}"], auth: required, retry: 100ms, websocket: true}
  - {path: /all, filters: [">", "{query.first|*}.>"], websocket: true}`,
};
let system;

before(async () => {
  system = await startWeir(options);
});

after(() => system?.stop());

const bearer = (jwt) => [`Authorization: Bearer ${jwt}`, 'Accept: text/event-stream; weir=1'];
const openStream = async (jwt, at = system.http) => {
  const raw = await RawStream.open(at, '/mine', { headers: bearer(jwt) });
  assert.equal(raw.status, 200, raw.wire);
  await raw.block('weir.connected');
  return raw;
};
const status = async (jwt, of = system) => (await poll(of, '/mine', jwt)).status;
const revoke = (...flags) => system.weir('revoke', ...flags);
// How long it took until this came about, in milliseconds.
const took = async (begin, happens) => (await happens, performance.now() - begin);

// One reader of each kind has its token revoked: how many milliseconds pass until the last of them is told.
async function revokeReaders(name) {
  const jwt = token(name);
  const sse = await openStream(jwt);
  const wire = await Wire.start(system.http, '/mine', { auth: { token: jwt } });
  const { cursor } = await (await fetch(`${system.url}/mine`, { headers: { accept: 'application/json', authorization: `Bearer ${jwt}` } })).json();
  const polls = () => metric(system.edgeAdmin, 'weir_edge_polls_total');
  const before = await polls();
  const waiting = poll(system, `/mine?wait=60&last_event_id=${cursor}`, jwt);
  await eventually('the poll to wait', async () => (await polls()) > before);

  await revoke('--subject', name);
  const begin = performance.now();
  const times = await Promise.all([
    took(begin, sse.until('its end', () => sse.ended)), took(begin, wire.ended()), took(begin, waiting),
  ]);
  assert.deepEqual(JSON.parse((await sse.block('weir.auth_expired')).data), { reason: 'revoked' });
  assert.ok(sse.framed.whole, 'a clean end');
  assert.deepEqual(wire.closed, { code: 4401, reason: 'TOKEN_REVOKED' });
  assert.equal(wire.events.at(-1).event, 'weir.auth_expired');
  const polled = await waiting;
  assert.equal(polled.status, 401);
  assert.equal(polled.problem.type, 'urn:weir:problem:token-revoked');
  return Math.max(...times);
}

test('ends open streams, WebSockets and polls within a second, and says why', async () => {
  const other = await openStream(token('bob'));
  // Most of five in a row, as soon as the machine has the time; and none is forgotten.
  const times = [];
  const inTime = () => times.slice(-5).filter((ms) => ms < 1000).length >= 3;
  while (times.length < 5 || (times.length < 30 && !inTime())) times.push(await revokeReaders(`reader-${times.length}`));
  assert.ok(inTime(), `they took ${times} ms`);

  await system.publish([flash('bob', 'still there')]);
  await other.until('the event', () => other.body.includes('still there'));
  assert.equal(other.ended, false);
  other.close();
  const page = await (await fetch(`http://${system.edgeAdmin}/metrics`)).text();
  assert.match(page, new RegExp(`^weir_edge_streams_closed_total\\{reason="revoked"\\} ${2 * times.length}$`, 'm'));
});

test('a revoked token is refused over every transport, and a newer one of the subject is good', async () => {
  const old = token('cyd');
  const silent = makeToken('HS256', key, { sub: 'cyd', exp: seconds() + 600 }, { alg: 'HS256' });
  assert.equal(await status(old), 200);
  const wire = await Wire.start(system.http, '/mine', { auth: { token: token('dan') } });
  await revoke('--subject', 'cyd');
  await eventually('it to count', async () => (await status(old)) === 401);
  assert.equal(await status(silent), 401, 'when it was issued is not known');
  const raw = await RawStream.open(system.http, '/mine', { headers: bearer(old) });
  assert.equal(raw.status, 401);
  await raw.until('why', () => raw.body.includes('token-revoked'));
  raw.close();
  const refused = Wire.open(system.http, '/mine', { auth: { token: old } });
  assert.deepEqual(await refused.ended(), { code: 4401, reason: 'TOKEN_REVOKED' });
  assert.equal(refused.answers[0].type, 'auth.error');

  const newer = token('cyd', { iat: seconds() + 2 }); // within the leeway
  assert.equal(await status(newer), 200);
  (await openStream(newer)).close();

  await revoke('--subject', 'dan');
  assert.equal((await wire.ended()).code, 4401);
});

test('says what it wrote, by the server\'s clock', async () => {
  const begin = seconds();
  const line = JSON.parse(await revoke('--subject', 'pat', '--issuer', 'https://a', '--keep', '90m'));
  assert.deepEqual(Object.keys(line), ['cursor', 'event_id', 'issued_until', 'expire_time']);
  const until = Date.parse(line.issued_until) / 1000;
  assert.ok(until >= begin && until <= seconds(), line.issued_until);
  const kept = Date.parse(line.expire_time) / 1000 - until;
  assert.ok(kept >= 5400 && kept < 5401, line.expire_time);
  const listed = (await system.weir('list', 'weir.revocations')).trim().split('\n').map((text) => JSON.parse(text)).at(-1);
  assert.equal(listed.cursor, line.cursor);
  assert.deepEqual([listed.data.subject, listed.data.issuer], ['pat', 'https://a']);
  assert.deepEqual([listed.data.issuedUntil, listed.data.expireTime].map(Date.parse), [line.issued_until, line.expire_time].map(Date.parse));
  const one = JSON.parse(await revoke('--token-id', 'some'));
  assert.equal(one.issued_until, undefined);
  const month = Date.parse(one.expire_time) / 1000 - seconds();
  assert.ok(Math.abs(month - 31 * 86_400) < 60, one.expire_time);
});

test('a WebSocket cannot be renewed with a revoked token', async () => {
  await revoke('--token-id', 'second');
  const wire = await Wire.start(system.http, '/mine', { auth: { token: token('eve', { jti: 'first' }) } });
  await eventually('it to count', async () => (await status(token('eve', { jti: 'second' }))) === 401);
  const answer = await wire.ask({ type: 'auth', token: token('eve', { jti: 'second' }) });
  assert.deepEqual([answer.type, answer.reason], ['auth.error', 'TOKEN_REVOKED']);
  assert.equal((await wire.ended()).code, 4401);
  // Renewed before, it is the new token that counts.
  const renewed = await Wire.start(system.http, '/mine', { auth: { token: token('eve', { jti: 'third' }) } });
  assert.equal((await renewed.ask({ type: 'auth', token: token('eve', { jti: 'fourth' }) })).type, 'auth.success');
  await revoke('--token-id', 'third');
  await eventually('it to count', async () => (await status(token('eve', { jti: 'third' }))) === 401);
  assert.equal((await renewed.ask({ type: 'ping' })).type, 'pong');
  await revoke('--token-id', 'fourth');
  assert.equal((await renewed.ended()).code, 4401);
});

test('a token id takes one token, and an issuer only its own', async () => {
  const [one, two] = [token('fay', { jti: 'one' }), token('fay', { jti: 'two' })];
  const [first, second] = [await openStream(one), await openStream(two)];
  await revoke('--token-id', 'one');
  await first.until('its end', () => first.ended);
  assert.equal(await status(one), 401);
  assert.equal(await status(two), 200);
  assert.equal(second.ended, false);
  second.close();

  const [a, b] = ['https://a', 'https://b'].map((iss) => token('gil', { iss }));
  await revoke('--subject', 'gil', '--issuer', 'https://a');
  await eventually('it to count', async () => (await status(a)) === 401);
  assert.equal(await status(b), 200);
});

test('tickets and cookies of a revoked token count no more', async () => {
  const jwt = token('hal');
  const ticket = async () => fetch(`${system.url}/mine/ticket`, { method: 'POST', headers: { authorization: `Bearer ${jwt}` } });
  const { ticket: given } = await (await ticket()).json();
  const opened = await RawStream.open(system.http, `/mine?ticket=${given}`, { headers: ['Accept: text/event-stream'] });
  await opened.block('weir.connected');
  const cookie = opened.header('set-cookie').split(';')[0];
  await revoke('--subject', 'hal');
  await opened.until('its end', () => opened.ended);
  assert.match(opened.body, /weir\.auth_expired/);
  for (const headers of [['Accept: text/event-stream'], ['Accept: text/event-stream', `Cookie: ${cookie}`, 'Sec-Fetch-Site: same-origin']]) {
    const again = await RawStream.open(system.http, `/mine?ticket=${given}`, { headers });
    assert.equal(again.status, 401);
    await again.until('why', () => again.body.includes('token-revoked'));
    again.close();
  }
  assert.equal((await ticket()).status, 401);
});

test('every edge obeys, also one that starts later', async () => {
  const jwt = token('ida');
  const second = await startAnotherEdge(system);
  try {
    const streams = [await openStream(jwt), await openStream(jwt, second.http)];
    await revoke('--subject', 'ida');
    await Promise.all(streams.map((raw) => raw.until('its end', () => raw.ended)));
    assert.equal(await status(jwt, second), 401);
    const third = await startAnotherEdge(system);
    assert.equal(await status(jwt, third), 401);
    assert.equal(await status(token('jan'), third), 200);
    await third.end();
  } finally {
    await second.end();
  }
});

test('stays in force over kills of the server and of the edge', async () => {
  const jwt = token('kim');
  await revoke('--subject', 'kim');
  await eventually('it to count', async () => (await status(jwt)) === 401); // that it is stored says not that the edge has it
  await system.end('weir-server', 'SIGKILL');
  assert.equal(await status(jwt), 401);
  await system.startServer();
  await system.end('weir-edge', 'SIGKILL');
  await system.startEdge();
  assert.equal(await status(jwt), 401);
  assert.equal(await status(token('lea')), 200);
});

test('browsers see nothing of it, whatever they ask for', async () => {
  const wild = await RawStream.open(system.http, '/all', { headers: ['Accept: text/event-stream'] });
  await wild.block('weir.connected');
  const wire = await Wire.start(system.http, '/all');
  await revoke('--subject', 'nobody-in-particular');
  const [cursor] = await system.publish([flash('all', 'behind it')]);
  await wild.until('the event', () => wild.body.includes('behind it'));
  await wire.reached(cursor);
  assert.ok(!/evocation|nobody-in-particular/.test(wild.body + wire.texts.join()));
  wild.close();
  for (const filter of ['weir.>', 'weir.*', 'weir.revocations']) {
    assert.equal((await wire.ask({ type: 'subscribe', filters: [filter] })).reason, 'FILTER_NOT_ALLOWED', filter);
  }
  await wire.close();
  assert.equal((await poll(system, '/all?first=weir&start=earliest')).status, 403);
  const history = await (await fetch(`${system.url}/all?start=earliest`, { headers: { accept: 'application/json' } })).text();
  assert.ok(history.includes('behind it') && !/evocation/.test(history));

  const config = path.join(system.dir, 'reserved.yaml');
  writeFileSync(config, 'routes: [{path: /a, filters: ["weir.>"]}]\n');
  const child = spawn(bin('weir-edge'), ['--config', config, '--check'], { stdio: ['ignore', 'ignore', 'pipe'] });
  const said = (await child.stderr.toArray()).join('');
  assert.match(said, /reserved\.yaml:1:\d+: routes\[0\]\.filters\[0\]: .*system/);
});

test('what is malformed is refused where it is published', async () => {
  const refused = async (topic, type, data) => {
    const outcome = await system.weir('publish', '--topic', topic, '--type', type, JSON.stringify(data)).catch((error) => error);
    return outcome.stderr ?? '';
  };
  const type = 'weir.v1.TokenRevocation';
  const inDays = (days) => new Date(Date.now() + days * 86_400_000).toISOString();
  for (const data of [{}, { subject: 'x' }, { tokenId: 'x' }, { subject: '', issuedUntil: '2026-01-01T00:00:00Z', expireTime: '2027-01-01T00:00:00Z' },
    { subject: 'x', issuedUntil: '2026-01-01T00:00:00Z', expireTime: '2025-01-01T00:00:00Z' }, { tokenId: 'x'.repeat(1025), expireTime: '2027-01-01T00:00:00Z' },
    { tokenId: 'x', expireTime: inDays(3652) }, { subject: 'x', issuedUntil: inDays(1), expireTime: inDays(2) }]) {
    assert.match(await refused('weir.revocations', type, data), /PAYLOAD_INVALID/, JSON.stringify(data));
  }
  assert.match(await refused('weir.revocations', 'apps.dispatch.v1.FlashMessage', { id: 'a' }), /TYPE_NOT_ALLOWED_ON_TOPIC/);
  assert.match(await refused('weir.other', 'apps.dispatch.v1.FlashMessage', { id: 'a' }), /TYPE_NOT_ALLOWED_ON_TOPIC/);
  assert.match(await refused('dispatch.x', type, { tokenId: 'x', expireTime: '2099-01-01T00:00:00Z' }), /TYPE_NOT_ALLOWED_ON_TOPIC/);
  const badly = async (...flags) => (await revoke(...flags).catch((error) => error)).stderr ?? '';
  assert.match(await badly('--subject', 'x'.repeat(1025)), /FIELD_INVALID.*subject is 1025 bytes; allowed is 1 to 1024/);
  assert.match(await badly('--token-id', 'x', '--keep', '3652d'), /FIELD_INVALID.*keep is .*at most 3651 days/);
  assert.match(await badly('--token-id', 'x', '--issuer', 'x'.repeat(257)), /FIELD_INVALID.*issuer/);
  // A service publishes what `weir revoke` has published.
  await system.weir('publish', '--topic', 'weir.revocations', '--type', type, JSON.stringify({ tokenId: 'by-hand', expireTime: inDays(3650) }));
  await eventually('it to count', async () => (await status(token('mia', { jti: 'by-hand' }))) === 401);
  const listed = (await system.weir('list', 'weir.revocations')).trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(listed.at(-1).data.tokenId, 'by-hand');
  assert.ok(!(await system.weir('list', '>')).includes('weir.revocations'));
});

test('tokens that would outlast a revocation are refused', async () => {
  const day = 86_400;
  assert.equal(await status(token('ned', { exp: seconds() + 29 * day })), 200);
  for (const claims of [{ iat: seconds() - 60, exp: seconds() + 30 * day }, { iat: undefined, exp: seconds() + 31 * day }]) {
    const answer = await poll(system, '/mine', token('ned', claims));
    assert.equal(answer.status, 401);
    assert.match(answer.problem.detail, /lasts longer/);
  }
});

test('outlives retention', { timeout: 600_000 }, async () => {
  const short = new System({ edge: `auth:\n${options.auth}\nroutes:\n${options.routes}\n`, server: serverConfig('retention: {age: 4s, check_interval: 1s}\n') });
  try {
    for (const [name, content] of Object.entries(options.files)) writeFileSync(path.join(short.dir, name), content, { mode: 0o600 });
    await short.startServer();
    await short.weir('revoke', '--subject', 'ann');
    await short.weir('revoke', '--subject', 'bob', '--keep', '5s');
    const sequence = async (name) => Number(JSON.parse(await short.weir('status'))[name].split('-').at(-1));
    const head = await sequence('head_cursor');
    for (const round of [1, 2]) {
      const passed = (await sequence('head_cursor')) + round;
      await eventually('what was there to be removed', async () => {
        await short.publish([flash('x', 'more')]);
        return (await sequence('earliest_cursor')) > passed;
      });
    }
    assert.ok((await sequence('earliest_cursor')) > head);
    await short.end('weir-server', 'SIGKILL');
    await short.startServer();
    await short.startEdge();
    assert.equal(await status(token('ann'), short), 401);
    assert.equal(await status(token('bob'), short), 200, 'its time is over');
    const kept = (await short.weir('list', 'weir.revocations')).trim().split('\n').map((line) => JSON.parse(line));
    assert.ok(kept.every(({ data }) => data.subject === 'ann') && kept.length <= 3, JSON.stringify(kept));
  } finally {
    await short.stop();
  }
});

test('an edge that cannot hold them all takes no token, says so, and goes on when there is room', async () => {
  const small = await startWeir({ ...options, auth: `${options.auth}\n  revocations_max: 2` });
  try {
    const ready = async () => (await fetch(`http://${small.edgeAdmin}/readyz`)).status;
    await small.weir('revoke', '--subject', 'ann');
    await small.weir('revoke', '--subject', 'bob');
    await eventually('both to count', async () => (await status(token('ann'), small)) === 401 && (await status(token('bob'), small)) === 401);
    assert.equal(await ready(), 200);
    const open = await RawStream.open(small.http, '/mine', { headers: bearer(token('cyd')) });
    await open.block('weir.connected');
    await small.weir('revoke', '--subject', 'cyd');
    await open.until('its end, though there is no room', () => open.ended);
    const { status: code, problem } = await poll(small, '/mine', token('dan'));
    assert.equal(code, 503);
    assert.equal(problem.type, 'urn:weir:problem:keys-unavailable');
    assert.equal(await ready(), 503);
    assert.equal(await metric(small.edgeAdmin, 'weir_edge_revocations'), 2);
    assert.equal(await metric(small.edgeAdmin, 'weir_edge_revocations_complete'), 0);
    assert.equal((await poll(small, '/all')).status, 200, 'who needs no token is served');
    const config = path.join(small.dir, 'edge.yaml');
    writeFileSync(config, readFileSync(config, 'utf8').replace('revocations_max: 2', 'revocations_max: 3'));
    small.signal('weir-edge', 'SIGHUP');
    await eventually('room', async () => (await ready()) === 200);
    assert.equal(await status(token('ann'), small), 401);
    assert.equal(await status(token('cyd'), small), 401);
    assert.equal(await status(token('dan'), small), 200);
  } finally {
    await small.stop();
  }
});

test('an edge that never heard from its server takes no token, and is not ready', async () => {
  const lonely = new System({ edge: `auth:\n${options.auth}\nroutes:\n${options.routes}\n`, server: serverConfig() });
  try {
    for (const [name, content] of Object.entries(options.files)) writeFileSync(path.join(lonely.dir, name), content, { mode: 0o600 });
    await lonely.startServer();
    await lonely.weir('revoke', '--subject', 'ann');
    await lonely.end('weir-server');
    await lonely.startEdge();
    const { status: code, problem } = await poll(lonely, '/mine', token('ann'));
    assert.deepEqual([code, problem.type], [503, 'urn:weir:problem:keys-unavailable']);
    assert.equal((await fetch(`http://${lonely.edgeAdmin}/readyz`)).status, 503);
    await lonely.startServer();
    await eventually('the edge to be ready', async () => (await fetch(`http://${lonely.edgeAdmin}/readyz`)).status === 200);
    assert.equal(await status(token('ann'), lonely), 401);
    assert.equal(await status(token('bob'), lonely), 200);
  } finally {
    await lonely.stop();
  }
});

test('only a service whose rule names the topic may publish it', async () => {
  const services = randomBytes(48);
  const guarded = new System({
    edge: 'routes: []',
    server: serverConfig(`auth: {keys: [{algorithm: HS256, file: keys/services}]}
access:
  - {who: ["sub:feed"], publish: {topics: [">"]}, subscribe: {topics: [">"]}}
  - {who: ["sub:operator"], revoke: true}
  - {who: ["sub:service"], publish: {topics: [weir.revocations]}}
  - {who: ["sub:edge"], subscribe: {topics: [">", weir.revocations]}}
`),
  });
  try {
    writeFileSync(path.join(guarded.dir, 'keys/services'), services, { mode: 0o600 });
    for (const name of ['feed', 'operator', 'service', 'edge']) {
      writeFileSync(path.join(guarded.dir, `${name}.jwt`), makeToken('HS256', services, { sub: name, exp: seconds() + 600 }, { alg: 'HS256' }));
    }
    await guarded.startServer();
    const as = (name, ...args) => guarded.weir(...args, '--token-file', path.join(guarded.dir, `${name}.jwt`)).then(() => 'done', (error) => error.stderr);
    const publish = ['publish', '--topic', 'weir.revocations', '--type', 'weir.v1.TokenRevocation',
      JSON.stringify({ tokenId: 'by-hand', expireTime: new Date(Date.now() + 60_000).toISOString() })];
    for (const name of ['feed', 'service', 'edge']) assert.match(await as(name, 'revoke', '--subject', 'ann'), /REVOKE_DENIED/);
    for (const name of ['feed', 'operator', 'edge']) assert.match(await as(name, ...publish), /PUBLISH_DENIED/);
    assert.equal(await as('service', ...publish), 'done');
    assert.equal(await as('operator', 'revoke', '--subject', 'ann'), 'done');
    assert.match(await as('operator', 'list', 'weir.revocations'), /SUBSCRIBE_DENIED/);
    assert.match(await (await fetch(`http://${guarded.serverAdmin}/metrics`)).text(), /^weir_access_refused_total\{reason="REVOKE_DENIED"\} 3$/m);
    assert.match(await as('feed', 'list', 'weir.revocations'), /SUBSCRIBE_DENIED/);
    assert.match(await as('feed', 'list', 'weir.>'), /SUBSCRIBE_DENIED/);
    assert.equal(await as('feed', 'list', '>'), 'done');
    assert.equal(await as('edge', 'list', 'weir.revocations'), 'done');
  } finally {
    await guarded.stop();
  }
});
