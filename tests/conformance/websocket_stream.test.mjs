// What a WebSocket carries, from outside: that nothing is lost and nothing comes twice, whatever happens on the way.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { System } from '../e2e/system.mjs';
import { RawStream } from './raw.mjs';
import { RawSocket, Wire, text } from './websocket.mjs';
import { eventually, flash, metric, serverConfig } from './weir.mjs';

// `{query.room}` keeps the cases apart.
const config = ({ more = '', drain = '200ms', routes = '' } = {}) => `
drain: {window: ${drain}, retry_max: 400ms}
routes:
  - path: /room
    filters: ["dispatch.{query.room}"]
    websocket: true
    retry: 100ms
  - path: /halls
    filters: ["dispatch.{query.room}.>"]
    websocket: true
${routes}
${more}`;

let system;
const start = (options = {}) => async () => {
  system = await System.start({ edge: config(options), server: serverConfig(options.server) });
};
const stop = () => system?.stop();

const numbered = (room, from, to, filler = '') => Array.from({ length: to - from + 1 }, (_, at) => flash(room, `${from + at}${filler}`));
const ids = (wire) => wire.given.map(({ id }) => id);

describe('a WebSocket carries', { timeout: 600_000, concurrency: 16 }, () => {
  before(start({ more: 'limits: {websocket_messages_per_minute: 10000000}\n' })); // filters change thousands of times
  after(stop);

  test('the same as SSE, and everything in order, to many readers', async () => {
    const wires = await Promise.all(Array.from({ length: 40 }, () => Wire.start(system.http, '/room?room=many')));
    const sse = await RawStream.open(system.http, '/room?room=many', { headers: ['Accept: text/event-stream'] });
    await sse.block('weir.connected');
    const cursors = await system.publish(numbered('many', 1, 500));
    await sse.until('the last', () => sse.blocks.some(({ event, id }) => event === 'flash_message' && id === cursors.at(-1)));
    for (const wire of wires) {
      await wire.reached(cursors.at(-1));
      assert.deepEqual(ids(wire), cursors);
    }
    const blocks = sse.blocks.filter(({ event }) => event === 'flash_message');
    assert.deepEqual(
      wires[0].given.map(({ event, id, data }) => ({ event, id, data })),
      blocks.map(({ event, id, data }) => ({ event, id, data: JSON.parse(data) })),
    );
    const raw = wires[0].texts.find((one) => one.includes(cursors[7]));
    assert.ok(raw.includes(`"data":${blocks[7].data}}`), 'the data is byte for byte that of SSE');
    sse.close();
    await Promise.all(wires.map((wire) => wire.close()));
  });

  test('on from a cursor: of the message, or of the query', async () => {
    const cursors = await system.publish(numbered('resume', 1, 20));
    for (const [target, auth] of [
      ['/room?room=resume', { cursor: cursors[9] }],
      [`/room?room=resume&last_event_id=${cursors[9]}`, {}],
      [`/room?room=resume&last_event_id=${cursors[2]}&start=earliest`, { cursor: cursors[9] }],
    ]) {
      const wire = await Wire.start(system.http, target, { auth });
      await wire.reached(cursors.at(-1));
      assert.equal(wire.events[0].id, cursors[9]);
      assert.deepEqual(ids(wire), cursors.slice(10));
      await wire.close();
    }
    const whole = await Wire.start(system.http, `/room?room=resume&last_event_id=${cursors[9]}`, { auth: { start: 'earliest' } });
    await whole.reached(cursors.at(-1));
    assert.deepEqual(ids(whole), cursors);
    const last = await Wire.start(system.http, '/room?room=resume', { auth: { start: 'last' } });
    await last.reached(cursors.at(-1));
    assert.deepEqual(ids(last), cursors.slice(-1));
    await Promise.all([whole.close(), last.close()]);
  });

  test('on with one cursor from SSE to WebSocket to polls, without loss', async () => {
    const room = '/room?room=moving';
    const given = [];
    let cursor = (await Wire.start(system.http, room)).cursor;
    const published = [];
    let done = false;
    // Events go on coming while the reader moves.
    const publishing = (async () => {
      for (let at = 0; at < 8; at += 1) published.push(...(await system.publish(numbered('moving', at * 20, at * 20 + 19))));
      done = true;
    })();
    for (let round = 0; !done || given.at(-1) !== published.at(-1); round += 1) {
      const before = given.length;
      if (round % 3 === 0) {
        const sse = await RawStream.open(system.http, `${room}&last_event_id=${cursor}`);
        await sse.until('some events', () => done || sse.blocks.filter(({ event }) => event === 'flash_message').length > 3);
        sse.close();
        given.push(...sse.blocks.filter(({ event }) => event === 'flash_message').map(({ id }) => id));
      } else if (round % 3 === 1) {
        const wire = await Wire.start(system.http, room, { auth: { cursor } });
        await wire.until('some events', () => done || wire.given.length > 3);
        await wire.close();
        given.push(...ids(wire));
      } else {
        const answer = await (await fetch(`${system.url}${room}&last_event_id=${cursor}&wait=1`, { headers: { Accept: 'application/json' } })).json();
        assert.equal(answer.gap, null);
        given.push(...answer.events.map(({ id }) => id));
      }
      if (given.length > before) cursor = given.at(-1);
    }
    await publishing;
    assert.deepEqual(given, published);
  });

  test('a gap, where events are missing', async () => {
    const wire = await Wire.start(system.http, '/room?room=gap', { auth: { cursor: 'zzzzzzzz-5' } });
    await wire.until('the gap', () => wire.events.length > 1);
    const [, gap] = wire.events;
    assert.equal(gap.event, 'weir.gap');
    assert.deepEqual(gap.data, { reason: 'other_epoch', requested: 'zzzzzzzz-5', resumedAt: gap.id });
    const malformed = await Wire.start(system.http, '/room?room=gap', { auth: { cursor: 'nonsense' } });
    await malformed.until('the gap', () => malformed.events.length > 1);
    assert.equal(malformed.events[1].data.reason, 'malformed');
    const cursors = await system.publish(numbered('gap', 1, 2));
    for (const one of [wire, malformed]) {
      await one.reached(cursors.at(-1));
      assert.deepEqual(ids(one), cursors);
      await one.close();
    }
  });

  test('one message of a large event, and of many in one write', async () => {
    const wire = await Wire.start(system.http, '/room?room=large');
    const cursors = await system.publish([flash('large', 'x'.repeat(200_000)), flash('large', 'y'.repeat(70_000)), ...numbered('large', 1, 200)]);
    await wire.reached(cursors.at(-1));
    assert.deepEqual(ids(wire), cursors);
    assert.deepEqual(wire.given.slice(0, 2).map(({ data }) => data.text.length), [200_000, 70_000]);
    await wire.close();
  });

  // Each event goes to one of three halls; the reader changes what it reads all the time. What `subscribed` says holds
  // for every single event.
  describe('what it is subscribed to and nothing else', () => {
    for (const [how, begin] of [
      ['live', undefined],
      ['while it catches up', 'earliest'],
    ])
      test(how, async () => {
        const room = `halls-${begin ?? 'live'}`;
        const hall = (name) => `dispatch.${room}.${name}`;
        const halls = ['a', 'b', 'c'];
        const events = (from, count) => Array.from({ length: count }, (_, at) => flash(`${room}.${halls[(from + at) % 3]}`, `${from + at}${'x'.repeat(500)}`));
        const all = [];
        if (begin) all.push(...(await system.publish(events(0, 3000))));
        const wire = await Wire.start(system.http, `/halls?room=${room}`, { auth: { filters: [hall('a')], start: begin } });
        let publishing = true;
        const feed = (async () => {
          for (let at = 0; at < 10; at += 1) all.push(...(await system.publish(events(all.length, 100))));
          publishing = false;
        })();
        let changes = 0;
        while (publishing || changes < 60) {
          const filters = [hall(halls[changes % 3])];
          const answer = await wire.ask({ type: changes % 2 ? 'unsubscribe' : 'subscribe', filters });
          assert.equal(answer.type, 'subscribed');
          changes += 1;
        }
        await feed;
        const end = await wire.ask({ type: 'subscribe', filters: halls.map(hall) });
        const [last] = await system.publish([flash(`${room}.a`, 'last')]);
        await wire.reached(last);
        all.push(last);
        // The places of the changes, in the order of the wire.
        const sequence = (cursor) => Number(cursor.split('-')[1]);
        const periods = [{ after: sequence(wire.events[0].id), filters: [hall('a')] }];
        for (const { cursor, filters } of wire.answers.filter(({ type }) => type === 'subscribed')) periods.push({ after: sequence(cursor), filters });
        const filtersAt = (at) => periods.findLast(({ after }) => after < at)?.filters ?? [];
        const expected = all.filter((cursor, at) => {
          const name = cursor === last ? 'a' : halls[at % 3];
          return sequence(cursor) > periods[0].after && filtersAt(sequence(cursor)).includes(hall(name));
        });
        assert.ok(changes >= 60 && end.filters.length === 3);
        assert.deepEqual(ids(wire), expected);
        await wire.close();
      });
  });

  test('answers also to a client that is behind', async () => {
    const socket = await RawSocket.open(system.http, '/room?room=behind');
    socket.socket.pause();
    const cursors = await system.publish(numbered('behind', 1, 400, 'x'.repeat(20_000)));
    await eventually('it to be behind', async () => (await metric(system.edgeAdmin, 'weir_edge_streams_lagging')) >= 1);
    socket.write(text({ type: 'ping' }));
    socket.socket.resume();
    await socket.until('all of it', () => socket.bytes.includes(cursors.at(-1)) && socket.messages.some(({ id }) => id === cursors.at(-1)) && socket.messages.some(({ type }) => type === 'pong'));
    assert.deepEqual(socket.messages.filter(({ event }) => event === 'flash_message').map(({ id }) => id), cursors);
    assert.equal(socket.messages.filter(({ type }) => type === 'pong').length, 1);
    socket.close();
  });
});

describe('a WebSocket ends', { timeout: 600_000 }, () => {
  describe('when its reader', () => {
    before(start({ more: 'limits: {slow_reader_timeout: 10s, head_timeout: 10s, send_buffer_bytes: 16KiB}\n' }));
    after(stop);

    test('takes nothing for slow_reader_timeout, and no other is concerned', async () => {
      const slow = await RawSocket.open(system.http, '/room?room=slow');
      slow.socket.pause();
      const other = await Wire.start(system.http, '/room?room=slow');
      const cursors = await system.publish(numbered('slow', 1, 800, 'x'.repeat(10_000)));
      await other.reached(cursors.at(-1));
      await eventually('it to be cut', async () => /reason="slow"} 1$/m.test(await (await fetch(`http://${system.edgeAdmin}/metrics`)).text()));
      assert.deepEqual(ids(other), cursors);
      slow.close();
      await other.close();
    });

    test('says nothing in time', async () => {
      const wire = Wire.open(system.http, '/room?room=late', { auth: null });
      // Nor does half a message help, nor pings.
      const slow = await RawSocket.open(system.http, '/room?room=late', { auth: null });
      slow.write(text({ type: 'auth' }).subarray(0, 7));
      assert.deepEqual(await wire.ended(), { code: 4408, reason: 'DEADLINE_EXCEEDED' });
      assert.equal(wire.answers[0].type, 'auth.error');
      assert.equal(await slow.closeCode(), 4408);
      slow.close();
    });
  });

  describe('when the edge', () => {
    before(start({ routes: '  - path: /changing\n    filters: [dispatch.changing]\n    websocket: true\n' }));
    after(stop);

    test('reloads its route: 1001 where it has changed, 4410 where it has gone', async () => {
      const file = path.join(system.dir, 'edge.yaml');
      const stays = await Wire.start(system.http, '/room?room=stays');
      const changes = await Wire.start(system.http, '/changing');
      const whole = readFileSync(file, 'utf8');
      writeFileSync(file, whole.replace('filters: [dispatch.changing]', 'filters: [dispatch.changing, dispatch.more]'));
      system.signal('weir-edge', 'SIGHUP');
      assert.equal((await changes.ended()).code, 1001);
      const farewell = changes.events.at(-1);
      assert.equal(farewell.event, 'weir.draining');
      assert.ok(farewell.retry <= 400 && farewell.id);
      await system.logged('weir-edge', /reload: taken over/); // by each of its threads
      const again = await Wire.start(system.http, '/changing', { auth: { cursor: farewell.id } });
      writeFileSync(file, whole.replace(/  - path: \/changing[^]*?true\n/, ''));
      system.signal('weir-edge', 'SIGHUP');
      assert.equal((await again.ended()).code, 4410);
      const cursors = await system.publish(numbered('stays', 1, 3));
      await stays.reached(cursors.at(-1));
      assert.deepEqual(ids(stays), cursors);
      await stays.close();
    });

    test('drains, and those that come back after a restart miss nothing', async () => {
      const wires = await Promise.all(Array.from({ length: 8 }, () => Wire.start(system.http, '/room?room=drain')));
      const waiting = Wire.open(system.http, '/room?room=drain', { auth: null });
      await waiting.until('it to open', () => waiting.opened);
      const first = await system.publish(numbered('drain', 1, 3));
      await Promise.all(wires.map((wire) => wire.reached(first.at(-1))));
      await system.end('weir-edge');
      for (const wire of wires) {
        assert.equal((await wire.ended()).code, 1001);
        assert.equal(wire.events.at(-1).event, 'weir.draining');
      }
      assert.equal((await waiting.ended()).code, 1001);
      const missed = await system.publish(numbered('drain', 4, 6));
      await system.startEdge();
      const again = await Wire.start(system.http, '/room?room=drain', { auth: { cursor: wires[0].cursor } });
      await again.reached(missed.at(-1));
      assert.deepEqual(ids(again), missed);
      await again.close();
    });
  });

  describe('when there is no room', () => {
    before(start({ more: 'limits: {connections_max: 4}\n' }));
    after(stop);

    test('for it: 503 before the upgrade', async () => {
      const held = await Promise.all(Array.from({ length: 4 }, () => Wire.start(system.http, '/room?room=held')));
      const wire = Wire.open(system.http, '/room?room=held', { auth: null });
      await wire.until('a refusal', () => wire.refusal);
      assert.equal(wire.refusal.status, 503);
      assert.equal(wire.refusal.body.type, 'urn:weir:problem:overloaded');
      assert.ok(Number(wire.refusal.headers['retry-after']) >= 1);
      assert.equal(await metric(system.edgeAdmin, 'weir_edge_websockets'), 4);
      assert.equal(await metric(system.edgeAdmin, 'sse_connections_total'), 4);
      await Promise.all(held.map((one) => one.close()));
      await eventually('them to be gone', async () => (await metric(system.edgeAdmin, 'weir_edge_websockets')) === 0);
    });
  });
});
