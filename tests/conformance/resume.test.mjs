// How clients come back: after cuts and clean ends, with the id of the last event they were given, and what they are told
// when events after it are gone.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { EventSource as LaunchDarklyEventSource } from 'launchdarkly-eventsource';
import { Clients, clientNames } from './clients.mjs';
import { RawStream } from './raw.mjs';
import { Reader, names } from './reader.mjs';
import { listen } from './readers/like_native.mjs';
import { Tap } from './tap.mjs';
import { eventually, flash, metric, startWeir } from './weir.mjs';

let clients;
let system;
const taps = [];
before(async () => {
  clients = await Clients.start();
});
after(async () => {
  await clients?.stop();
});

async function start(options = {}) {
  system = await startWeir({ origin: clients.origin, ...options });
}
async function stop() {
  for (const tap of taps.splice(0)) tap.close();
  await system?.stop();
}

// A proxy for each client, so that each is seen and spoilt by itself.
async function tapped(target) {
  const tapOf = new Map();
  for (const client of clients.all) {
    tapOf.set(client, await Tap.open(system.http));
    taps.push(tapOf.get(client));
  }
  const readers = await clients.readAll((client) => `${tapOf.get(client).url}${target}`);
  for (const reader of readers) reader.tap = tapOf.get(reader.client);
  return readers;
}

const each = (readers, what) => Promise.all(readers.map(what));
const endAll = (readers) => each(readers, (reader) => reader.end());
const numbered = (room, from, to) => Array.from({ length: to - from + 1 }, (_, at) => flash(room, String(from + at)));

// A case: what is done once for all clients, then what holds for each of them.
function eachClient(name, act, holds) {
  describe(name, () => {
    let result;
    before(async () => {
      result = await act();
    });
    after(() => result && endAll(result.readers));
    for (const client of clientNames) test(client, () => holds(result.readers.find((reader) => reader.client.name === client), result));
  });
}

// No id is missing, none came twice, and no gap was announced.
function everythingOnce(reader, { cursors }) {
  assert.deepEqual(reader.named('flash_message').map(({ id }) => id), cursors);
  assert.deepEqual(reader.named('weir.gap', 'error'), []);
}

describe('coming back', { timeout: 600_000 }, () => {
  before(() => start());
  after(stop);

  // Events before, while the edge is away, and after.
  const restarted = (room, signal) => async () => {
    const readers = await clients.readAll(() => `${system.url}/room?room=${room}`);
    await each(readers, (reader) => reader.connected());
    const cursors = await system.publish(numbered(room, 1, 5));
    await each(readers, (reader) => reader.reached(cursors.at(-1)));
    await system.end('weir-edge', signal);
    cursors.push(...(await system.publish(numbered(room, 6, 10))));
    await system.startEdge();
    await each(readers, (reader) => reader.connected(2));
    cursors.push(...(await system.publish(numbered(room, 11, 15))));
    await each(readers, (reader) => reader.reached(cursors.at(-1)));
    return { readers, cursors };
  };

  eachClient('after kill -9 of the edge nothing is missing or double', restarted('killed', 'SIGKILL'), everythingOnce);

  eachClient('after a drain, whose last block has no id, nothing is missing or double', restarted('drained', 'SIGTERM'), (reader, result) => {
    everythingOnce(reader, result);
    // Who comes back while the edge still drains is told again.
    if (!reader.client.ownFarewells) assert.ok(reader.named('weir.draining').length >= 1);
  });

  describe('@microsoft/fetch-event-source without help', () => {
    const alone = async (target) => {
      const reader = new Reader();
      const tap = await Tap.open(system.http);
      taps.push(tap);
      reader.end = await clients.pages.read('fetch', `${tap.url}${target}`, reader, 'alone');
      return { reader, tap };
    };

    test('loses an event that is cut behind its id', async () => {
      const { reader, tap } = await alone('/room?room=alone');
      await reader.connected();
      // The browser may notice the cut before the library has read what came before it: then nothing is lost.
      let lost;
      for (let times = 1; !lost && times <= 20; times += 1) {
        const at = (text) => text.indexOf(`\ndata: {"text":"cut ${times}"`);
        tap.cutAt((text) => (at(text) < 0 ? -1 : at(text) + 1));
        const [cut] = await system.publish([flash('alone', `cut ${times}`)]);
        await reader.connected(times + 1);
        if (tap.sent('last-event-id').at(-1) === cut) lost = cut;
      }
      assert.ok(lost, 'it asks for the event that was cut: it needs no help any more');
      const [next] = await system.publish([flash('alone', 'next')]);
      await reader.reached(next);
      assert.ok(reader.named('flash_message').every(({ id }) => id !== lost));
      await reader.end();
    });

    test('comes back to a stopped route again and again', async () => {
      const { reader, tap } = await alone('/stopped?room=a');
      await eventually('a third try', () => tap.requests.length > 2);
      await reader.end();
    });

    test('does not come back after a clean end', async () => {
      const { reader } = await alone('/room?room=ended');
      await reader.connected();
      await system.end('weir-edge');
      await reader.until('its end', () => reader.ended);
      await system.startEdge();
      await reader.end();
    });
  });
});

// These wait much and work little: all at once.
describe('coming back while the edge stays', { timeout: 600_000, concurrency: 16 }, () => {
  before(() => start({ more: 'limits: {head_timeout: 5m}\n' }));
  after(stop);

  // Where an event is cut, by its block and where that begins in the text.
  const places = {
    'behind `event:`': (block) => block.indexOf('\n') + 1,
    'within `id:`': (block) => block.indexOf('id: ') + 8,
    'behind `id:`': (block) => block.indexOf('data: '),
    'within a character of the data': (block) => block.indexOf('\xf0\x9f') + 2,
    'behind the data': (block) => block.length - 2,
    'before the empty line': (block) => block.length - 1,
  };
  eachClient(
    'an event that is cut in the middle is dropped and comes again',
    async () => {
      const readers = await tapped('/room?room=cut');
      await each(readers, (reader) => reader.connected());
      const cursors = await system.publish(numbered('cut', 1, 2));
      await each(readers, (reader) => reader.reached(cursors.at(-1)));
      for (const [at, place] of Object.values(places).entries()) {
        const mark = `cut ${at} 😀`;
        for (const { tap } of readers)
          tap.cutAt((text) => {
            const found = text.indexOf(Buffer.from(mark).toString('latin1'));
            const end = found < 0 ? -1 : text.indexOf('\n\n', found);
            if (end < 0) return -1;
            const begin = text.lastIndexOf('event: ', found);
            return begin + place(text.slice(begin, end + 2));
          });
        cursors.push(...(await system.publish([flash('cut', mark), flash('cut', 'the next')])));
        await each(readers, (reader) => reader.reached(cursors.at(-1)));
      }
      return { readers, cursors };
    },
    (reader, result) => {
      everythingOnce(reader, result);
      // Each cut was one: it was seen as such, and the id before it was asked for.
      const { cursors } = result;
      const before = Object.keys(places).map((_, at) => cursors[1 + 2 * at]);
      assert.deepEqual(reader.tap.sent('last-event-id'), [undefined, ...before]);
    },
  );

  eachClient(
    'before the first event it comes back to where it began',
    async () => {
      const readers = await tapped('/room?room=first');
      await each(readers, (reader) => reader.connected());
      for (const { tap } of readers) tap.breakAll();
      const cursors = await system.publish(numbered('first', 1, 3));
      await each(readers, (reader) => reader.reached(cursors.at(-1)));
      return { readers, cursors };
    },
    (reader, result) => {
      everythingOnce(reader, result);
      assert.equal(reader.tap.sent('last-event-id').at(-1), reader.named('weir.connected')[0].id);
    },
  );

  eachClient(
    '`retry:` sets when it comes back',
    async () => {
      const readers = await tapped('/patient?room=patient');
      await each(readers, (reader) => reader.connected());
      const broken = Date.now();
      for (const { tap } of readers) tap.breakAll();
      await each(readers, (reader) => reader.connected(2));
      return { readers, broken };
    },
    (reader, { broken }) => {
      // The route says 4 s; no client waits so long by itself.
      const waited = reader.tap.requests[1].at - broken;
      assert.ok(reader.client.ownDelay || waited >= 3_950, `after ${waited} ms`);
    },
  );

  for (const [status, target] of [
    [204, '/stopped?room=a'],
    [401, '/mine?room=a'],
    [404, '/nothing'],
  ])
    eachClient(
      `the status ${status} ${status === 204 ? 'stops every client for good' : 'stops all but those that try again whatever it is'}`,
      async () => {
        const readers = await tapped(target);
        await each(readers, (reader) =>
          reader.client.retries(status)
            ? eventually('a second try', () => reader.tap.requests.length > 1)
            : reader.until('its end', () => reader.closed),
        );
        return { readers };
      },
      (reader) => {
        assert.equal(reader.closed, !reader.client.retries(status));
        assert.deepEqual(reader.events, []);
        if (reader.closed) assert.equal(reader.tap.requests.length, 1);
      },
    );

  eachClient(
    'comment heartbeats are not seen, and change nothing',
    async () => {
      const readers = await clients.readAll(() => `${system.url}/room?room=comments`);
      const witness = await RawStream.open(system.http, '/room?room=comments');
      await each(readers, (reader) => reader.connected());
      await witness.until('two heartbeats', () => witness.blocks.filter(({ comment }) => comment).length >= 2);
      const cursors = await system.publish(numbered('comments', 1, 2));
      await each(readers, (reader) => reader.reached(cursors.at(-1)));
      witness.close();
      return { readers, cursors };
    },
    (reader, result) => {
      everythingOnce(reader, result);
      assert.equal(reader.events.length, 3);
      assert.equal(reader.opens, 1);
    },
  );

  for (const [reason, cursor] of Object.entries({ malformed: 'nonsense', other_epoch: 'zzzzzzzz-5' }))
    eachClient(
      `a cursor that is ${reason} gives a gap, and the stream goes on`,
      async () => {
        const readers = await clients.readAll(() => `${system.url}/room?room=${reason}&last_event_id=${cursor}`);
        await each(readers, (reader) => reader.until('the gap', () => reader.named('weir.gap').length > 0));
        const cursors = await system.publish(numbered(reason, 1, 2));
        await each(readers, (reader) => reader.reached(cursors.at(-1)));
        return { readers, cursors };
      },
      (reader, { cursors }) => {
        assert.deepEqual(reader.events.map(({ type }) => type), ['weir.connected', 'weir.gap', 'flash_message', 'flash_message']);
        const [gap] = reader.named('weir.gap');
        assert.deepEqual(JSON.parse(gap.data), { reason, requested: reason === 'malformed' ? null : cursor, resumedAt: gap.id });
        assert.deepEqual(reader.named('flash_message').map(({ id }) => id), cursors);
      },
    );

  test('launchdarkly-eventsource sends a Last-Event-ID of its headers each time, and so doubles what came since', async () => {
    const cursors = await system.publish(numbered('headers', 1, 3));
    const tap = await Tap.open(system.http);
    taps.push(tap);
    const reader = new Reader();
    class Source extends LaunchDarklyEventSource {
      constructor(url) {
        super(url, { headers: { 'Last-Event-ID': cursors[0] } });
      }
    }
    const end = listen(Source, `${tap.url}/room?room=headers`, names, reader.record);
    await reader.reached(cursors[2]);
    tap.breakAll();
    await reader.until('all again', () => reader.named('flash_message').length === 4);
    end();
    assert.deepEqual(reader.named('flash_message').map(({ id }) => id), [cursors[1], cursors[2], cursors[1], cursors[2]]);
    assert.deepEqual(tap.sent('last-event-id'), [cursors[0], cursors[0]]);
  });
});

describe('no room', { timeout: 600_000 }, () => {
  const most = 12;
  before(() => start({ more: `limits: {connections_max: ${most}, head_timeout: 5m}\n` }));
  after(stop);

  eachClient(
    'is told, and comes back when there is',
    async () => {
      const held = await Promise.all(Array.from({ length: most }, () => RawStream.open(system.http, '/room?room=held')));
      const readers = await tapped('/room?room=full');
      await each(readers, (reader) => eventually('a second try', () => reader.tap.requests.length > 1));
      for (const stream of held) stream.close();
      await each(readers, (reader) => reader.connected());
      const cursors = await system.publish(numbered('full', 1, 3));
      await each(readers, (reader) => reader.reached(cursors.at(-1)));
      return { readers, cursors };
    },
    (reader, result) => {
      everythingOnce(reader, result);
      const told = reader.named('weir.overloaded').map(({ data }) => data);
      // Those that read statuses were given 503 instead.
      if (reader.client.statuses) assert.deepEqual(told, []);
      else assert.ok(told.length > 0 && told.every((data) => data === '{"reason":"overloaded"}'), told);
    },
  );
});

describe('no room by far', { timeout: 600_000 }, () => {
  const most = 12;
  before(() => start({ more: `limits: {connections_max: ${most}, head_timeout: 5m}\n` }));
  after(stop);

  // Above the limit by sixteen connections are not even read.
  eachClient(
    'is cut, and comes back when there is some',
    async () => {
      const [host, port] = system.http.split(':');
      const held = Array.from({ length: most + 16 }, () => connect({ host, port: Number(port) }));
      await eventually('all are there', async () => (await metric(system.edgeAdmin, 'weir_edge_http_connections')) === held.length);
      const readers = await tapped('/room?room=far');
      await each(readers, (reader) => eventually('a second try', () => reader.tap.requests.length > 1));
      assert.ok((await metric(system.edgeAdmin, 'weir_edge_http_connections_refused_total')) >= readers.length);
      for (const socket of held) socket.destroy();
      await each(readers, (reader) => reader.connected());
      const cursors = await system.publish(numbered('far', 1, 3));
      await each(readers, (reader) => reader.reached(cursors.at(-1)));
      return { readers, cursors };
    },
    everythingOnce,
  );
});

describe('retention', { timeout: 600_000 }, () => {
  before(() => start({ server: 'engine: memory\nretention: {bytes_max: 64KiB, check_interval: 1s}\n' }));
  after(stop);

  // Two idle readers of each client: the one's sign of life is an event with an id, the other's a comment. Elsewhere the
  // log goes on until what they began at is gone; then the edge, which still had it in memory, is started anew.
  eachClient(
    'an idle reader whose heartbeats have ids comes back without a gap; one without them gets it first',
    async () => {
      const beaten = await clients.readAll(() => `${system.url}/named?room=idle`);
      const silent = await clients.readAll(() => `${system.url}/room?room=idle`);
      const all = [...beaten, ...silent];
      await each(all, (reader) => reader.connected());
      const began = Math.max(...all.map((reader) => sequenceOf(reader.events[0].id)));
      const filler = 'x'.repeat(4096);
      let head;
      await eventually('retention', async () => {
        head = (await system.publish(Array.from({ length: 20 }, () => flash('elsewhere', filler)))).at(-1);
        return (await metric(system.serverAdmin, 'weir_log_earliest_sequence')) > began + 1;
      });
      // The head itself: more may go at any time.
      await each(beaten, (reader) => reader.until('a heartbeat of the head', () => reader.named('beat').some(({ id }) => id === head)));
      await system.end('weir-edge', 'SIGKILL');
      await system.startEdge();
      await each(all, (reader) => reader.connected(2));
      const cursors = await system.publish(numbered('idle', 1, 2));
      await each(all, (reader) => reader.reached(cursors.at(-1)));
      return { readers: all, beaten, silent, cursors };
    },
    ({ client }, { beaten, silent, cursors }) => {
      const of = (readers) => readers.find((reader) => reader.client === client);
      everythingOnce(of(beaten), { cursors });
      const { id: began } = of(silent).events[0];
      const [gap, ...more] = of(silent).named('weir.gap');
      assert.deepEqual(more, []);
      assert.deepEqual(JSON.parse(gap.data), { reason: 'expired', requested: began, resumedAt: gap.id });
      assert.deepEqual(of(silent).events.map(({ type }) => type), ['weir.connected', 'weir.connected', 'weir.gap', 'flash_message', 'flash_message']);
      assert.deepEqual(of(silent).named('flash_message').map(({ id }) => id), cursors);
    },
  );
});

const sequenceOf = (cursor) => Number(cursor.split('-').pop());
