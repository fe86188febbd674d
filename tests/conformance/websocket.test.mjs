// The WebSocket of a route, from outside: docs/websocket.md.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { System } from '../e2e/system.mjs';
import { RawSocket, Wire, frame, text } from './websocket.mjs';
import { eventually, flash, metric, serverConfig } from './weir.mjs';

// `{query.room}` keeps the cases apart.
const config = ({ more = '', drain = '200ms' } = {}) => `
auth:
  keys: [{algorithm: HS256, file: keys/hs256.key}]
  leeway: 0s
cors: {origins: ["https://app.example.com"]}
drain: {window: ${drain}, retry_max: 400ms}
routes:
  - path: /room
    filters: ["dispatch.{query.room}"]
    websocket: true
    retry: 100ms
  - path: /beating
    filters: ["dispatch.{query.room}"]
    websocket: true
    heartbeat: {interval: 1s, event: beat}
  - path: /pinging
    filters: ["dispatch.{query.room}"]
    websocket: true
    heartbeat: {interval: 1s}
  - path: /halls
    filters: ["dispatch.{query.room}.>"]
    websocket: true
  - path: /mine
    filters: ["dispatch.users.{jwt.sub}.>", "dispatch.tenants.{jwt.tenant_id}.goals"]
    auth: required
    websocket: true
    connected: {event: weir.connected, data: {user: "{jwt.sub}"}}
  - path: /sse
    filters: ["dispatch.{query.room}"]
  - path: /stopped
    filters: ["dispatch.{query.room}"]
    websocket: true
    stopped: true
${more}`;

let system;
const start = (options = {}) => async () => {
  system = await System.start({ edge: config(options), server: serverConfig(options.server) });
};
const stop = () => system?.stop();

const numbered = (room, from, to) => Array.from({ length: to - from + 1 }, (_, at) => flash(room, String(from + at)));
const ids = (wire) => wire.given.map(({ id }) => id);
const counter = async (name, label) => {
  const page = await (await fetch(`http://${system.edgeAdmin}/metrics`)).text();
  return Number(page.split('\n').find((line) => line.startsWith(`${name}{${label}}`))?.split(' ')[1]);
};

async function refusal(target, options) {
  const wire = Wire.open(system.http, target, { auth: null, ...options });
  await wire.until('a refusal', () => wire.refusal);
  assert.equal(wire.refusal.headers['content-type'], 'application/problem+json');
  assert.equal(wire.refusal.body.status, wire.refusal.status);
  return wire.refusal;
}

describe('a WebSocket', { timeout: 180_000, concurrency: 16 }, () => {
  before(start());
  after(stop);

  describe('the upgrade', () => {
    test('is granted, chooses weir.v1 when it is offered, and no extension', async () => {
      const plain = await Wire.start(system.http, '/room?room=up');
      assert.equal(plain.ws.protocol, '');
      const chosen = await Wire.start(system.http, '/room?room=up', { protocols: ['other', 'weir.v1'], perMessageDeflate: true });
      assert.equal(chosen.ws.protocol, 'weir.v1');
      assert.equal(chosen.ws.extensions, '');
      await Promise.all([plain.close(), chosen.close()]);
    });

    test('is refused by an ordinary answer', async () => {
      for (const [target, status, type] of [
        ['/sse?room=a', 400, 'no-websocket'],
        ['/stopped?room=a', 410, 'stopped'],
        ['/room?room=a&start=never', 400, 'bad-request'],
      ]) {
        const { status: got, body } = await refusal(target);
        assert.deepEqual([got, body.type], [status, `urn:weir:problem:${type}`]);
      }
      const missing = Wire.open(system.http, '/nothing', { auth: null });
      await missing.until('a refusal', () => missing.refusal);
      assert.equal(missing.refusal.status, 404);
      const { status, headers } = await refusal('/room?room=a', { protocolVersion: 8 });
      assert.deepEqual([status, headers['sec-websocket-version']], [426, '13']);
    });

    test('is refused to pages of other origins', async () => {
      const { status, body } = await refusal('/room?room=a', { origin: 'https://evil.example' });
      assert.deepEqual([status, body.type], [403, 'urn:weir:problem:origin-refused']);
      for (const origin of ['https://app.example.com', `http://${system.http}`]) {
        const wire = await Wire.start(system.http, '/room?room=a', { origin });
        await wire.close();
      }
    });
  });

  describe('the first message', () => {
    test('begins the stream', async () => {
      const wire = await Wire.start(system.http, '/room?room=begin');
      assert.deepEqual(wire.answers, [{ type: 'auth.success' }]);
      assert.equal(wire.texts[0], '{"type":"auth.success"}', 'it comes before the stream');
      const [connected] = wire.events;
      assert.equal(connected.event, 'weir.connected');
      assert.match(connected.id, /^[a-z0-9]{8}-\d+$/);
      assert.deepEqual(connected.data, {});
      assert.equal(connected.retry, 100);
      const cursors = await system.publish(numbered('begin', 1, 3));
      await wire.reached(cursors.at(-1));
      assert.deepEqual(ids(wire), cursors);
      assert.deepEqual(wire.given[0], { event: 'flash_message', id: cursors[0], data: { text: '1' } });
      await wire.close();
    });

    test('may come together with the request', async () => {
      const raw = await RawSocket.open(system.http, '/room?room=early', { auth: null });
      raw.write(text({ type: 'auth' }), frame(9, 'now'), text({ type: 'ping' }));
      await raw.until('all answers', () => raw.frames.length === 4);
      assert.deepEqual(raw.messages.map(({ type, event }) => type ?? event).sort(), ['auth.success', 'pong', 'weir.connected']);
      assert.ok(raw.frames.some(({ opcode, payload }) => opcode === 10 && payload.toString() === 'now'));
      raw.close();
    });

    test('brings the token, and says until when it counts', async () => {
      const token = await system.token('ann', 'tenant_id=t1');
      const { exp } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
      for (const how of [
        { auth: { token } },
        { auth: {}, headers: { Authorization: `Bearer ${token}` } },
        { auth: {}, target: `/mine?token=${token}` },
      ]) {
        const wire = await Wire.start(system.http, how.target ?? '/mine', how);
        assert.equal(Date.parse(wire.answers[0].expiresAt), exp * 1000);
        assert.deepEqual(wire.events[0].data, { user: 'ann' });
        await wire.close();
      }
    });

    test('without a good token is refused, with a reason and 4401', async () => {
      const token = await system.token('ann', 'tenant_id=t1');
      for (const auth of [{}, { token: '' }, { token: 'nonsense' }, { token: `${token.slice(0, -2)}xx` }]) {
        const wire = Wire.open(system.http, '/mine', { auth });
        assert.deepEqual(await wire.ended(), { code: 4401, reason: 'TOKEN_INVALID' });
        assert.equal(wire.answers[0].type, 'auth.error');
        assert.equal(wire.answers[0].reason, 'TOKEN_INVALID');
        assert.ok(wire.answers[0].detail);
        assert.deepEqual(wire.events, []);
      }
    });

    test('with a token that does not allow it is refused with 4403', async () => {
      const wire = Wire.open(system.http, '/mine', { auth: { token: await system.token('ann') } });
      assert.deepEqual(await wire.ended(), { code: 4403, reason: 'NOT_ALLOWED' });
      assert.equal(wire.answers[0].type, 'auth.error');
    });

    test('may ask for some of the filters, and for no others', async () => {
      const token = await system.token('fil', 'tenant_id=t9');
      const wire = await Wire.start(system.http, '/mine', { auth: { token, filters: ['dispatch.users.fil.news'] } });
      const cursors = await system.publish([
        flash('tenants.t9.goals', 'no'),
        flash('users.fil.other', 'no'),
        flash('users.fil.news', 'yes'),
      ]);
      await wire.reached(cursors[2]);
      assert.deepEqual(ids(wire), [cursors[2]]);
      await wire.close();
      for (const filters of [['dispatch.users.bob.news'], ['dispatch.users.*.news'], ['>'], ['dispatch.users.fil.a', 'dispatch.tenants.t1.goals'], ['dispatch.users.fil..']]) {
        const refused = Wire.open(system.http, '/mine', { auth: { token, filters } });
        assert.deepEqual(await refused.ended(), { code: 4403, reason: 'FILTER_NOT_ALLOWED' });
      }
    });

    test('must be `auth`', async () => {
      for (const message of [{ type: 'ping' }, { type: 'subscribe', filters: ['a'] }, 'nonsense', '', '[]', { type: 'auth', start: 'never' }, { type: 'auth', filters: [] }]) {
        const wire = Wire.open(system.http, '/room?room=a', { auth: null });
        await wire.until('it to open', () => wire.opened);
        wire.say(message);
        assert.deepEqual(await wire.ended(), { code: 4400, reason: 'MESSAGE_INVALID' });
        assert.equal(wire.answers[0].type, 'error');
        assert.equal(wire.answers[0].reason, 'MESSAGE_INVALID');
      }
    });
  });

  describe('on an open connection', () => {
    test('pings are answered, those of the protocol and those in JSON', async () => {
      const wire = await Wire.start(system.http, '/room?room=pings');
      wire.ws.ping('payload');
      await wire.until('the pong', () => wire.pongs.length > 0);
      assert.deepEqual(wire.pongs, ['payload']);
      assert.deepEqual(await wire.ask({ type: 'ping' }), { type: 'pong' });
      await wire.close();
    });

    test("the client's close is answered with its code, and the connection ends", async () => {
      for (const code of [1000, 3000, 4999]) {
        const wire = await Wire.start(system.http, '/room?room=close');
        wire.ws.close(code, 'bye');
        assert.equal((await wire.ended()).code, code);
      }
      const raw = await RawSocket.open(system.http, '/room?room=close');
      raw.write(frame(8));
      assert.equal(await raw.closeCode(), 1005);
      raw.close();
    });

    test('a message that is none is told and closed with 4400', async () => {
      for (const message of ['nonsense', '{}', { type: 'publish' }, { type: 'auth', cursor: 'abcdefgh-1' }, { type: 'subscribe' }, { type: 'ping', more: 1 }]) {
        const wire = await Wire.start(system.http, '/room?room=bad');
        wire.say(message);
        assert.deepEqual(await wire.ended(), { code: 4400, reason: 'MESSAGE_INVALID' });
        assert.equal(wire.answers.at(-1).reason, 'MESSAGE_INVALID');
      }
    });
  });
});
