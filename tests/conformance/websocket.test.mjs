// The WebSocket of a route, from outside: docs/websocket.md.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { launch } from '../e2e/browser.mjs';
import { System } from '../e2e/system.mjs';
import { ws } from '../e2e/tls.mjs';
import { RawSocket, Wire, frame, text } from './websocket.mjs';
import { flash, serverConfig } from './weir.mjs';

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
    heartbeat: {interval: 4s, event: beat}
  - path: /pinging
    filters: ["dispatch.{query.room}"]
    websocket: true
    heartbeat: {interval: 4s}
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

describe('a WebSocket', { timeout: 600_000, concurrency: 16 }, () => {
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
      for (const origin of ['https://app.example.com', system.url]) {
        const wire = await Wire.start(system.http, '/room?room=a', { origin });
        await wire.close();
      }
    });
  });

  describe('a browser', () => {
    // What the page's WebSocket is told; `say` goes out when it opens.
    const inPage = async (page, url, say) =>
      page.evaluate(
        ([to, message]) =>
          new Promise((resolve) => {
            const socket = new WebSocket(to, 'weir.v1');
            const told = { texts: [] };
            socket.onopen = () => {
              told.protocol = socket.protocol;
              told.extensions = socket.extensions;
              socket.send(message);
            };
            socket.onmessage = ({ data }) => {
              told.texts.push(data);
              if (told.texts.length === 2) socket.send('nonsense');
            };
            socket.onclose = ({ code, reason, wasClean }) => resolve({ ...told, code, reason, wasClean });
          }),
        [url, say],
      );

    test('speaks with it from a page of its own host, and from no other', async () => {
      const browser = await launch();
      const elsewhere = createServer((_, response) => response.end('a page')).listen(0, '127.0.0.1');
      try {
        await once(elsewhere, 'listening');
        const page = await browser.newPage();
        const url = `${ws}://${system.http}/room?room=page`;
        await page.goto(`${system.url}/nothing`);
        const told = await inPage(page, url, '{"type":"auth"}');
        assert.deepEqual([told.protocol, told.extensions, told.code, told.reason, told.wasClean], ['weir.v1', '', 4400, 'MESSAGE_INVALID', true]);
        assert.deepEqual(told.texts.map((one) => JSON.parse(one).type ?? JSON.parse(one).event), ['auth.success', 'weir.connected', 'error']);
        await page.goto(`http://127.0.0.1:${elsewhere.address().port}/`);
        const refused = await inPage(page, url, '{"type":"auth"}');
        assert.deepEqual([refused.texts, refused.code], [[], 1006]);
      } finally {
        elsewhere.close();
        await browser.close();
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
      for (const message of [{ type: 'ping' }, { type: 'subscribe', filters: ['a'] }, 'nonsense', '', '[]', { type: 'auth', start: 'never' }, { type: 'auth', filters: 'a' }]) {
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

  describe('the protocol', () => {
    const raw = async (bytes, options) => {
      const socket = await RawSocket.open(system.http, '/room?room=raw', options);
      socket.write(...bytes);
      const code = await socket.closeCode();
      socket.close();
      return code;
    };
    // Before the first message and after it.
    for (const [when, options] of [['before the first message', { auth: null }], ['on an open connection', {}]])
      test(`is kept strictly, ${when}`, async () => {
        for (const [what, code, ...bytes] of [
          ['unmasked', 1002, frame(1, 'hi', { mask: false })],
          ['a reserved bit', 1002, frame(1, 'hi', { rsv: 4 })],
          ['an unknown opcode', 1002, frame(3, '')],
          ['an unknown control opcode', 1002, frame(11, '')],
          ['a continuation of nothing', 1002, frame(0, 'hi')],
          ['a message within a message', 1002, frame(1, 'a', { fin: false }), frame(1, 'b')],
          ['a ping in parts', 1002, frame(9, 'a', { fin: false })],
          ['a long ping', 1002, frame(9, 'x'.repeat(126))],
          ['a bad close code', 1002, frame(8, Buffer.from([3, 237]))],
          ['a close code of one byte', 1002, frame(8, Buffer.from([3]))],
          ['binary', 1003, frame(2, 'hi')],
          ['no UTF-8', 1007, frame(1, Buffer.from([0x61, 0xff]))],
          ['no UTF-8 over fragments', 1007, frame(1, Buffer.from([0xe2]), { fin: false }), frame(0, Buffer.from([0x28]))],
          ['half a character', 1007, frame(1, Buffer.from([0xe2, 0x82]))],
          ['too long', 1009, frame(1, 'x'.repeat(16 * 1024 + 1))],
          ['too long by its header', 1009, frame(1, '', { length: 0x7fffffff })],
          ['too long over fragments', 1009, frame(1, 'x'.repeat(16 * 1024), { fin: false }), frame(0, 'x')],
          ['a close', 1000, frame(8, Buffer.from([3, 232]))],
        ])
          assert.equal(await raw(bytes, options), code, what);
      });

    test('lets a message come in parts, with pings between them', async () => {
      const socket = await RawSocket.open(system.http, '/room?room=parts');
      const message = Buffer.from('{"type":"ping"}');
      for (const bytes of [frame(1, message.subarray(0, 3), { fin: false }), frame(9, 'one'), frame(0, '', { fin: false }), frame(0, message.subarray(3))])
        for (const byte of bytes) socket.write(Buffer.from([byte]));
      await socket.until('both pongs', () => socket.frames.length === 4);
      assert.equal(socket.frames[2].payload.toString(), 'one');
      assert.deepEqual(socket.messages.at(-1), { type: 'pong' });
      socket.close();
    });

    test('takes messages of 16 KiB', async () => {
      const wire = await Wire.start(system.http, '/room?room=large');
      wire.say(`{"type":"ping"}${' '.repeat(16 * 1024 - 15)}`);
      await wire.until('the pong', () => wire.answers.at(-1).type === 'pong');
      await wire.close();
    });
  });

  describe('the token', () => {
    test('is renewed in place', async () => {
      const token = (ttl, ...claims) => system.weir('token', '--key', system.key, '--sub', 'ren', '--ttl', ttl, ...claims.flatMap((claim) => ['--claim', claim])).then((out) => out.trim());
      const next = await token('1h', 'tenant_id=t1', 'other=changes');
      const brief = await token('30s', 'tenant_id=t1'); // on a busy machine two connections take their time
      const wire = await Wire.start(system.http, '/mine', { auth: { token: brief } });
      const witness = await Wire.start(system.http, '/mine', { auth: { token: brief } });
      const renewed = await wire.ask({ type: 'auth', token: next });
      assert.equal(renewed.type, 'auth.success');
      assert.ok(Date.parse(renewed.expiresAt) > Date.now() + 3_000_000);
      // The other one's end shows that the first token has ended.
      assert.equal((await witness.ended()).code, 4401);
      assert.equal(witness.events.at(-1).event, 'weir.auth_expired');
      assert.deepEqual(witness.events.at(-1).data, {});
      const cursors = await system.publish([flash('users.ren.news', 'after')]);
      await wire.reached(cursors[0]);
      assert.equal(wire.events.filter(({ event }) => event === 'weir.connected').length, 1);
      await wire.close();
    });

    test("cannot become another principal's", async () => {
      const ann = await system.token('ann', 'tenant_id=t1');
      for (const other of [await system.token('bob', 'tenant_id=t1'), await system.token('ann', 'tenant_id=t2'), await system.token('ann')]) {
        const wire = await Wire.start(system.http, '/mine', { auth: { token: ann } });
        wire.say({ type: 'auth', token: other });
        assert.deepEqual(await wire.ended(), { code: 4403, reason: 'PRINCIPAL_CHANGED' });
        assert.equal(wire.answers.at(-1).type, 'auth.error');
      }
    });

    test('that is bad ends the connection', async () => {
      const wire = await Wire.start(system.http, '/mine', { auth: { token: await system.token('ann', 'tenant_id=t1') } });
      wire.say({ type: 'auth', token: 'nonsense' });
      assert.deepEqual(await wire.ended(), { code: 4401, reason: 'TOKEN_INVALID' });
    });

    test('keeps tenants apart, in events, replay and filters', async () => {
      const [one, two] = await Promise.all(['t1', 't2'].map(async (tenant) => Wire.start(system.http, '/mine', { auth: { token: await system.token(`iso-${tenant}`, `tenant_id=iso-${tenant}`) } })));
      const cursors = await system.publish([flash('tenants.iso-t1.goals', 'a'), flash('tenants.iso-t2.goals', 'b'), flash('users.iso-t1.x', 'c'), flash('users.iso-t2.x', 'd')]);
      await Promise.all([one.reached(cursors[2]), two.reached(cursors[3])]);
      assert.deepEqual(ids(one), [cursors[0], cursors[2]]);
      assert.deepEqual(ids(two), [cursors[1], cursors[3]]);
      for (const filter of ['dispatch.tenants.iso-t2.goals', 'dispatch.tenants.*.goals', 'dispatch.users.iso-t2.x', 'dispatch.users.>', 'dispatch.>', '>']) {
        const answer = await one.ask({ type: 'subscribe', filters: [filter] });
        assert.deepEqual([answer.type, answer.reason], ['error', 'FILTER_NOT_ALLOWED']);
      }
      const again = await Wire.start(system.http, '/mine', { auth: { token: await system.token('iso-t1', 'tenant_id=iso-t1'), start: 'earliest' } });
      await again.reached(cursors[2]);
      assert.deepEqual(ids(again), [cursors[0], cursors[2]]);
      await Promise.all([one.close(), two.close(), again.close()]);
    });
  });

  describe('heartbeats', () => {
    test('are pings, and named ones besides', async () => {
      const pinged = await Wire.start(system.http, '/pinging?room=beats');
      const beaten = await Wire.start(system.http, '/beating?room=beats');
      await pinged.until('pings', () => pinged.pings >= 2);
      await beaten.until('heartbeats', () => beaten.pings >= 2 && beaten.events.filter(({ event }) => event === 'beat').length >= 2);
      assert.deepEqual(pinged.events.map(({ event }) => event), ['weir.connected']);
      assert.match(beaten.events.at(-1).id, /-\d+$/);
      await Promise.all([pinged.close(), beaten.close()]);
    });

    test('that are not answered end the connection', async () => {
      const before = await counter('weir_edge_streams_closed_total', 'reason="vanished"');
      const socket = await RawSocket.open(system.http, '/pinging?room=silent');
      assert.equal(await socket.closeCode(), undefined);
      assert.equal(socket.frames.filter(({ opcode }) => opcode === 9).length, 2);
      assert.equal(await counter('weir_edge_streams_closed_total', 'reason="vanished"'), before + 1);
      socket.close();
    });
  });
});
