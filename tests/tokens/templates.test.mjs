// What a template takes from a request becomes exactly one literal token, or the request is refused: over every transport,
// never a wider filter.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { RawStream } from '../conformance/raw.mjs';
import { flash } from '../conformance/weir.mjs';
import { ws } from '../e2e/tls.mjs';
import { makeToken } from './bad_tokens.mjs';
import { poll, startWeir } from './weir.mjs';

const key = randomBytes(48);
const token = (claims) => makeToken('HS256', key, { sub: 'ann', exp: Math.floor(Date.now() / 1000) + 600, ...claims }, { alg: 'HS256' });
let system;

before(async () => {
  system = await startWeir({
    auth: '  keys: [{algorithm: HS256, file: keys/a}]\n  stream_age_max: 1s',
    files: { 'keys/a': key },
    routes: `
  - {path: /query, filters: ["dispatch.{query.room}"], websocket: true}
  - {path: /maybe, filters: ["dispatch.{query.room|none}"], websocket: true}
  - {path: /claim, filters: ["dispatch.{jwt.room}"], auth: required, websocket: true}
  - {path: /encoded, filters: ["dispatch.{jwt.room|token}"], auth: required, websocket: true}
  - {path: /staff, filters: ["dispatch.staff"], auth: required, require: {role: staff, level: 2}, websocket: true}`,
  });
  await system.publish(['a', 'b', 'staff', '_2a', 'a_2eb', 'none'].map((room) => flash(room, room)));
});

after(() => system?.stop());

// The code that a WebSocket is closed with, or the refusal of its upgrade.
async function overWebSocket(target, message) {
  const socket = new WebSocket(`${ws}://${system.http}${target}`);
  return new Promise((resolve) => {
    socket.onopen = () => socket.send(JSON.stringify({ type: 'auth', ...message }));
    socket.onmessage = ({ data }) => JSON.parse(data).type === 'auth.success' && resolve('taken');
    socket.onclose = ({ code }) => resolve(code);
    socket.onerror = () => resolve(1006); // the upgrade was refused
  });
}

// The statuses of a stream, of a native one, a poll and a long poll. `target` is sent as it stands.
async function statuses(target, bearer) {
  const all = [];
  const authorization = bearer ? [`Authorization: Bearer ${bearer}`] : [];
  const join = target.includes('?') ? '&' : '?';
  for (const [accept, more] of [['text/event-stream; weir=1', ''], ['text/event-stream', ''], ['application/json', ''], ['application/json', `${join}wait=1`]]) {
    const raw = await RawStream.open(system.http, target + more, { headers: [`Accept: ${accept}`, ...authorization] });
    all.push(raw.status);
    raw.close();
  }
  return all;
}

// Percent-encoded, and what stands in a claim.
const wide = {
  star: '*', rest: '>', dots: 'a.b', empty: '', parent: '..', dot: '.', 'star in a token': 'a*', 'rest in a token': 'a.>', space: 'a b', slash: 'a/b',
  'line end': 'a\nb', 'return': 'a\rb', nul: 'a\0b', umlaut: 'ä', 'wide dot': 'a．b', 'wide star': '＊', emoji: '😀', tab: 'a\tb', 'brace': '{jwt.sub}', percent: '%2e', overlong: 'a'.repeat(2000),
};

for (const [name, value] of Object.entries(wide)) {
  test(`a parameter that is ${name} gets 400 over every transport`, async () => {
    for (const route of ['/query', '/maybe']) {
      const target = `${route}?room=${encodeURIComponent(value)}`;
      assert.deepEqual(await statuses(target), [400, 400, 400, 400], route);
      assert.equal(await overWebSocket(target, {}), /[\0-\x1f]/.test(value) ? 1006 : 4400, route);
    }
  });

  test(`a claim that is ${name} gets 403 over every transport`, async () => {
    const bearer = token({ room: value });
    assert.deepEqual(await statuses('/claim', bearer), [403, 403, 403, 403]);
    assert.equal(await overWebSocket('/claim', { token: bearer }), 4403);
  });
}

for (const raw of ['%2e', '%2E%2e', 'a%2eb', '%00', 'a%00', '%2a', '%3e', '%3E', '%0a', '%0d%0a', '%', '%2', '%zz', '%ff', '%c0%ae', '%e2%80%a4', '%252e', '+', '%20', 'a%2f', 'é']) {
  test(`a parameter that is written ${raw} gets 400`, async () => {
    for (const route of ['/query', '/maybe']) {
      // As it stands, so that what is not ASCII is raw bytes.
      assert.deepEqual(await statuses(`${route}?room=${raw}`), [400, 400, 400, 400], route);
    }
  });
}

test('an absent or repeated parameter, and a claim that is absent or no text, are refused', async () => {
  assert.deepEqual(await statuses('/query'), [400, 400, 400, 400]);
  assert.deepEqual(await statuses('/query?room=a&room=b'), [400, 400, 400, 400]);
  assert.deepEqual(await statuses('/maybe?room=a&room=a'), [400, 400, 400, 400]);
  for (const claims of [{}, { room: null }, { room: ['a'] }, { room: { a: 1 } }, { room: true }, { room: 1.5 }]) {
    assert.deepEqual(await statuses('/claim', token(claims)), [403, 403, 403, 403], JSON.stringify(claims));
  }
});

const rooms = async (target, bearer) => {
  const headers = { accept: 'application/json', ...(bearer && { authorization: `Bearer ${bearer}` }) };
  const { events } = await (await fetch(`${system.url}${target}`, { headers })).json();
  return events.map(({ data }) => data.text);
};

test('what is taken reads its one topic and no other', async () => {
  assert.deepEqual(await rooms('/query?room=a&start=earliest'), ['a']);
  assert.deepEqual(await rooms('/maybe?start=earliest'), ['none']);
  assert.deepEqual(await rooms('/claim?start=earliest', token({ room: 'b' })), ['b']);
  assert.deepEqual(await rooms('/encoded?start=earliest', token({ room: '*' })), ['_2a']);
  assert.deepEqual(await rooms('/encoded?start=earliest', token({ room: 'a.b' })), ['a_2eb']);
});

test('a route requires its claims over every transport', async () => {
  const good = token({ role: ['reader', 'staff'], level: 2 });
  assert.deepEqual(await statuses('/staff', good), [200, 200, 200, 200]);
  assert.equal(await overWebSocket('/staff', { token: good }), 'taken');
  for (const claims of [{}, { role: 'staff' }, { level: 2 }, { role: 'Staff', level: 2 }, { role: ['staffs'], level: 2 }, { role: 'staff', level: '2' }, { role: [['staff']], level: 2 }]) {
    assert.deepEqual(await statuses('/staff', token(claims)), [403, 403, 403, 403], JSON.stringify(claims));
    assert.equal(await overWebSocket('/staff', { token: token(claims) }), 4403);
  }
});

test('a stream with a token ends at its greatest age, and one without does not', { timeout: 600_000 }, async () => {
  const open = await RawStream.open(system.http, '/query?room=a', { headers: ['Accept: text/event-stream'] });
  const own = await RawStream.open(system.http, '/claim', { headers: ['Accept: text/event-stream', `Authorization: Bearer ${token({ room: 'a' })}`] });
  await own.until('the end', () => own.framed.whole);
  assert.equal(own.blocks.at(-1).event, 'weir.draining');
  assert.ok(!open.framed.whole && !open.ended);
  open.close();
});

test('the status of a poll says why', async () => {
  assert.equal((await poll(system, '/claim', token({ room: '*' }))).problem.type, 'urn:weir:problem:forbidden');
  assert.equal((await poll(system, '/query?room=*')).problem.type, 'urn:weir:problem:bad-request');
});
