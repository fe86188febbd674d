// What clients make of the content of streams: ids, names, texts with line ends and all of Unicode, large payloads.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { Clients, clientNames } from './clients.mjs';
import { Tap } from './tap.mjs';
import { flash, startWeir } from './weir.mjs';

const texts = {
  'lines that end with LF': 'one\ntwo\n\nfour\n',
  'lines that end with CR and CR LF': '\rone\r\ntwo\r\r\n',
  'the fields of a stream': 'x\n\nevent: error\nid: 1\nretry: 1\n: comment\ndata: y\n\n\rdata: z\r\r',
  'colons and blanks': ': : ::\n \n  leading and trailing  ',
  'astral characters': '😀𝒳🇳🇴👩‍👩‍👧‍👦\u{10FFFF}\u{1F600}',
  'combining characters, composed and not': 'e\u0301 \u00e9 a\u030a\u0323 नमस्ते ṩ s\u0323\u0307',
  'separators that are line ends elsewhere': 'a\u2028b\u2029c\u0085d\u000be\u000cf',
  'a byte order mark at the start and within': '\ufeffa\ufeff',
  'NUL and all other controls': `${Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).join('')}\u007f\u0080\u009f`,
  'noncharacters and the replacement character': '\ufffd\ufffe\uffff\ufdd0',
  'both directions': 'abc \u202eעברית\u202c العربية',
  'quotes and backslashes': '"\\"\\\\u0000\\n</script><!--',
  'every length of UTF-8': 'aøあ😀'.repeat(40),
};

const hash = (text) => createHash('sha256').update(text).digest('hex');

// About `bytes` of UTF-8, the same for the same seed: nothing in it repeats, and characters of each length are in it.
function large(seed, bytes) {
  let text = '';
  let size = 0;
  for (let state = seed; size < bytes; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const piece = `${state.toString(36)}${String.fromCodePoint(0x1f300 + (state % 500), 0xe0 + (state % 31), 0x3041 + (state % 80), 10)}`;
    text += piece;
    size += Buffer.byteLength(piece);
  }
  return text;
}

describe('content', { timeout: 600_000 }, () => {
  let clients;
  let system;
  const taps = [];
  before(async () => {
    clients = await Clients.start();
    system = await startWeir({ origin: clients.origin });
  });
  after(async () => {
    for (const tap of taps) tap.close();
    await clients?.stop();
    await system?.stop();
  });

  // All clients read `target`, behind the proxy if there is one; `events` are published; each has read the last of them.
  async function readAll(target, events, tap) {
    const mine = await clients.readAll(() => `${tap?.url ?? system.url}${target}`);
    await Promise.all(mine.map((reader) => reader.connected()));
    const cursors = await system.publish(events);
    await Promise.all(mine.map((reader) => reader.reached(cursors.at(-1))));
    await Promise.all(mine.map((reader) => reader.end()));
    return { cursors, of: (name) => mine.find(({ client }) => client.name === name) };
  }

  // A case: what is done once for all clients, then what holds for each.
  function eachClient(name, act, holds) {
    describe(name, () => {
      let result;
      before(async () => {
        result = await act();
      });
      for (const client of clientNames) test(client, () => holds(result.of(client), result));
    });
  }

  const textsOf = (reader, type = 'flash_message') => reader.named(type).map(({ data }) => JSON.parse(data).text);

  eachClient(
    'ids are the cursors of the log, and names those of the types',
    () =>
      readAll('/room?room=names', [
        flash('names', 'a'),
        { topic: 'dispatch.names', type: 'apps.dispatch.v1.BilstatusUpdate', data: { callSign: 'B1' } },
        { topic: 'dispatch.names', type: 'apps.dispatch.v1.EventCreated', data: { title: 'Fire', priority: 0 } },
        flash('names', 'b'),
      ]),
    (reader, { cursors }) => {
      const events = reader.events.filter(({ type }) => !type.startsWith('weir.'));
      assert.deepEqual(events.map(({ id }) => id), cursors);
      assert.deepEqual(events.map(({ type }) => type), ['flash_message', 'bilstatus_update', 'event_created', 'flash_message']);
      assert.deepEqual(events.map(({ data }) => JSON.parse(data)), [{ text: 'a' }, { callSign: 'B1' }, { title: 'Fire', priority: 0 }, { text: 'b' }]);
    },
  );

  eachClient(
    'a route that names its events `message` is read with onmessage',
    () => readAll('/message?room=onmessage', [flash('onmessage', 'a'), flash('onmessage', 'b')]),
    (reader) => assert.deepEqual(textsOf(reader, 'message'), ['a', 'b']),
  );

  const all = Object.values(texts).map((text) => flash('texts', text));
  const equal = (reader) => {
    for (const [at, text] of textsOf(reader).entries()) assert.equal(text, Object.values(texts)[at], Object.keys(texts)[at]);
    assert.equal(reader.named('flash_message').length, all.length);
    // Nothing else came of them: no event of another name, and none that is empty.
    assert.deepEqual([...new Set(reader.events.map(({ type }) => type))], ['weir.connected', 'flash_message']);
  };
  eachClient('texts arrive as they were, line ends and Unicode', () => readAll('/room?room=texts', all), equal);

  eachClient(
    'texts arrive as they were in packets of one byte',
    async () => {
      const tap = await Tap.open(system.http);
      tap.inPieces(1);
      taps.push(tap);
      return readAll('/room?room=texts', all, tap);
    },
    equal,
  );

  const payloads = Array.from({ length: 5 }, (_, seed) => large(seed + 1, 1_000_000));
  eachClient(
    'payloads of 1 MB in a row arrive equal by hash',
    () => readAll('/room?room=large', payloads.map((text) => flash('large', text))),
    (reader, { cursors }) => {
      assert.deepEqual(textsOf(reader).map(hash), payloads.map(hash));
      assert.deepEqual(reader.named('flash_message').map(({ id }) => id), cursors);
    },
  );
});
