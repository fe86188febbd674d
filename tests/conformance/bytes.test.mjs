// The rules for the bytes that the edge sends, each as it is on the wire.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { bin } from '../e2e/system.mjs';
import { RawStream, blocksOf } from './raw.mjs';
import { eventually, flash, metric, startLonelyEdge, startWeir } from './weir.mjs';

const native = ['Accept: text/event-stream'];
const fetchClient = ['Accept: text/event-stream; weir=1'];

describe('the bytes of a stream', { timeout: 600_000 }, () => {
  let system;
  const opened = [];
  before(async () => {
    system = await startWeir();
  });
  after(() => system?.stop());
  // Whatever a case was about: every byte that came keeps the grammar of rules 1 to 6.
  afterEach(() => {
    for (const stream of opened.splice(0)) {
      stream.close();
      if (stream.status === 200) blocksOf(stream.body);
    }
  });

  async function open(target, options = { headers: native }) {
    const stream = await RawStream.open(system.http, target, options);
    opened.push(stream);
    return stream;
  }

  test('rule 1: a comment heartbeat is `:` and LF, nothing more', async () => {
    const stream = await open('/room?room=rule1');
    await stream.block('weir.connected');
    const comments = () => stream.framed.chunks.filter((chunk) => chunk.startsWith(':'));
    await stream.until('two heartbeats', () => comments().length >= 2);
    const [cursor] = await system.publish([flash('rule1', 'after them')]);
    assert.equal((await stream.block('flash_message')).id, cursor);
    assert.ok(comments().every((chunk) => chunk === ':\n'));
    assert.match(stream.body, /\n\n(:\n)+event: flash_message\n/);
  });

  test('rule 2: no block is without data; what advances an idle reader is an event with id and data', async () => {
    const stream = await open('/named?room=rule2');
    await stream.block('weir.connected');
    const [elsewhere] = await system.publish([flash('other', 'the log goes on')]);
    const beats = () => stream.blocks.filter(({ event }) => event === 'beat');
    await stream.until('a heartbeat that has seen it', () => beats().some(({ id }) => id === elsewhere));
    assert.ok(stream.blocks.every(({ comment, data }) => comment || data.length > 0));
    assert.equal(beats().at(-1).all, `event: beat\nid: ${elsewhere}\ndata: {}\n\n`);
  });

  test('rule 3: `retry:` rides inside a block that has data', async () => {
    const stream = await open('/room?room=rule3');
    const { id, all } = await stream.block('weir.connected');
    assert.equal(all, `event: weir.connected\nid: ${id}\nretry: 100\ndata: {}\n\n`);
    assert.equal(stream.body.match(/^retry/gm).length, 1);
  });

  test('rule 4: ids are ASCII of at most 128 bytes, and those that the publisher was given', async () => {
    const stream = await open('/room?room=rule4');
    const first = await stream.block('weir.connected');
    const cursors = await system.publish([flash('rule4', 'one'), flash('rule4', 'two')]);
    await stream.until('both', () => stream.blocks.filter(({ event }) => event === 'flash_message').length === 2);
    assert.deepEqual(stream.blocks.flatMap(({ event, id }) => (event === 'flash_message' ? [id] : [])), cursors);
    for (const id of [first.id, ...cursors]) assert.match(id, /^[\x21-\x7e]{1,128}$/);
  });

  test('rule 4: what a client sends as an id never comes back as it was', async () => {
    for (const bad of ['æøå', 'a b', 'x'.repeat(300), 'nope-0', 'zzzzzzzz-99999999999999999999', '<script>']) {
      const stream = await open(`/room?room=rule4b&last_event_id=${encodeURIComponent(bad)}`);
      const gap = await stream.block('weir.gap');
      assert.deepEqual(JSON.parse(gap.data), { reason: 'malformed', requested: null, resumedAt: gap.id });
      assert.ok(!stream.body.includes(bad), bad);
    }
  });

  test('rule 5: never `event: error` or `event: open`, however the routes are configured', async () => {
    for (const name of ['error', 'open'])
      for (const setting of [`event_name: ${name}`, `gap_event: ${name}`, `connected: {event: ${name}}`, `heartbeat: {event: ${name}}`]) {
        const file = path.join(system.dir, 'bad.yaml');
        writeFileSync(file, `routes:\n- path: /a\n  filters: [a]\n  ${setting}\n`);
        const refused = await promisify(execFile)(bin('weir-edge'), ['--config', file, '--check']).then(
          () => assert.fail(`${setting} was accepted`),
          (error) => error,
        );
        assert.match(refused.stderr, new RegExp(`"${name}"; allowed is`));
      }
  });

  test('rule 6: JSON is on one line, whatever is in it', async () => {
    const texts = ['two\nlines\n', 'cr\rcrlf\r\n', '\u0000\u0001\u001f', '\u0085\u2028\u2029', 'x\n\nevent: error\nid: 1\ndata: 2\n\n'];
    const stream = await open('/room?room=rule6');
    await stream.block('weir.connected');
    await system.publish(texts.map((text) => flash('rule6', text)));
    const events = () => stream.blocks.filter(({ event }) => event === 'flash_message');
    await stream.until('all', () => events().length === texts.length);
    assert.deepEqual(events().map(({ data }) => JSON.parse(Buffer.from(data, 'latin1').toString('utf8')).text), texts);
    for (const { all } of events()) assert.match(all, /^event: flash_message\nid: [^\n\r]+\ndata: [^\n\r\0]+\n\n$/);
  });

  test('rule 7: the content type is bare, nothing is compressed, and there is no Content-Length', async () => {
    const stream = await open('/room?room=rule7', { headers: [...native, 'Accept-Encoding: gzip, deflate, br, zstd'] });
    assert.equal(
      stream.head,
      [
        'HTTP/1.1 200 OK',
        'Content-Type: text/event-stream',
        'Cache-Control: no-cache',
        'X-Accel-Buffering: no',
        'X-Content-Type-Options: nosniff',
        'Vary: Accept',
        'Connection: keep-alive',
        'Transfer-Encoding: chunked',
      ].join('\r\n'),
    );
    await stream.block('weir.connected');
  });

  test('rule 9: the first bytes are `connected`, before anything happens', async () => {
    const stream = await open('/room?room=rule9');
    await stream.until('bytes', () => stream.body.length > 0);
    assert.match(stream.body, /^event: weir\.connected\n/);
  });

  test('rule 9: the first bytes leave also while the server is away', async () => {
    const lonely = await startLonelyEdge();
    try {
      const stream = await RawStream.open(lonely.http, '/room?room=a', { headers: native });
      await stream.until('a comment', () => stream.body.length > 0);
      assert.equal(stream.status, 200);
      assert.match(stream.body, /^(:\n)+$/);
      stream.close();
    } finally {
      await lonely.stop();
    }
  });

  test('to HTTP/1.0 a stream is not framed, and its connection is closed', async () => {
    const stream = await open('/room?room=http10', { version: '1.0', headers: native });
    await stream.block('weir.connected');
    const [id] = await system.publish([flash('http10', 'hello')]);
    assert.equal((await stream.block('flash_message')).id, id);
    assert.equal(stream.header('transfer-encoding'), undefined);
    assert.equal(stream.header('content-length'), undefined);
    assert.equal(stream.header('connection'), 'close');
    assert.match(stream.rest, /^event: weir\.connected\n/);
  });

  test('a stopped route is answered with 204 and nothing behind it, a poll of it with 410', async () => {
    const stream = await open('/stopped?room=a', { headers: [...native, 'Connection: close'] });
    await stream.until('the end', () => stream.ended);
    assert.equal(stream.status, 204);
    assert.equal(stream.header('content-type'), undefined);
    assert.equal(stream.header('content-length'), undefined);
    assert.equal(stream.rest, '');
    assert.equal((await open('/stopped?room=a', { headers: fetchClient })).status, 204);
    const poll = await open('/stopped?room=a', { headers: ['Accept: application/json'] });
    assert.equal(poll.status, 410);
    assert.equal(poll.header('content-type'), 'application/problem+json');
    await poll.until('the body', () => poll.rest.endsWith('}'));
    assert.equal(JSON.parse(poll.rest).type, 'urn:weir:problem:stopped');
  });

  test('a stream that is cut has no last chunk', async () => {
    const stream = await open('/room?room=cut');
    await stream.block('weir.connected');
    await system.end('weir-edge', 'SIGKILL');
    await stream.until('the end', () => stream.ended);
    assert.equal(stream.framed.whole, false);
    await system.startEdge();
  });

  test('rule 8: the `retry:` of a drain is spread, and the end of each stream is clean', async () => {
    const streams = await Promise.all(Array.from({ length: 10 }, () => open('/room?room=drain')));
    await Promise.all(streams.map((stream) => stream.block('weir.connected')));
    await system.end('weir-edge');
    await Promise.all(streams.map((stream) => stream.until('the end', () => stream.ended)));
    const last = streams.map((stream) => stream.blocks.at(-1));
    for (const { event, id, data, retry } of last) {
      assert.deepEqual([event, data], ['weir.draining', '{}']);
      assert.match(id, /^[a-z0-9]{8}-\d+$/); // it was not behind: how far it was read for
      assert.ok(retry >= 0 && retry <= 400, `${retry}`);
    }
    assert.ok(new Set(last.map(({ retry }) => retry)).size > 2, 'they come back in the same moment');
    assert.ok(streams.every(({ framed }) => framed.whole));
    await system.startEdge();
  });
});

describe('the bytes when an address opens streams too often', { timeout: 600_000 }, () => {
  let system;
  before(async () => {
    system = await startWeir({ more: 'trusted_proxies: [127.0.0.1]\nlimits: {attempts_per_minute: 2}\n' });
  });
  after(() => system?.stop());

  test('beyond its rate an address is sent away, each client in its own way, and polls go on', async () => {
    const open = (headers) => RawStream.open(system.http, '/room?room=a', { headers: [...headers, 'X-Forwarded-For: 192.0.2.7'] });
    for (let i = 0; i < 2; i += 1) await (await open(native)).block('weir.connected');
    const browser = await open(native);
    await browser.until('the end', () => browser.ended);
    assert.equal(browser.status, 200);
    assert.equal(browser.framed.whole, true);
    const [{ event, retry, data }, ...more] = browser.blocks;
    assert.deepEqual([event, data, more], ['weir.overloaded', '{"reason":"too-many-attempts"}', []]);
    assert.ok(retry > 0);
    const other = await open(fetchClient);
    await other.until('the end', () => other.ended);
    assert.equal(other.status, 429);
    assert.match(other.header('retry-after'), /^[1-9]\d*$/);
    assert.equal(JSON.parse(other.rest).type, 'urn:weir:problem:too-many-attempts');
    const headers = { accept: 'application/json', 'x-forwarded-for': '192.0.2.7' };
    const poll = await fetch(`${system.url}/room?room=a`, { headers });
    assert.equal(poll.status, 200);
    assert.equal(await metric(system.edgeAdmin, 'weir_edge_http_limited_total{limit="attempts_per_minute"}'), 2);
  });
});

describe('the bytes when there is no room', { timeout: 600_000 }, () => {
  const most = 8;
  let system;
  let held;
  before(async () => {
    system = await startWeir({ more: `limits: {connections_max: ${most}}\n`, drain: '20s' });
    held = await Promise.all(Array.from({ length: most }, () => RawStream.open(system.http, '/room?room=held', { headers: native })));
    await Promise.all(held.map((stream) => stream.block('weir.connected')));
  });
  after(() => system?.stop());

  test('rule 8: a native client gets 200, a block with `retry:`, and a clean end', async () => {
    const retries = [];
    for (let i = 0; i < 5; i += 1) {
      const stream = await RawStream.open(system.http, '/room?room=a', { headers: native });
      await stream.until('the end', () => stream.ended);
      assert.equal(stream.status, 200);
      assert.equal(stream.header('content-type'), 'text/event-stream');
      assert.equal(stream.framed.whole, true);
      const [{ event, retry, data }, ...more] = stream.blocks;
      assert.deepEqual([event, data, more], ['weir.overloaded', '{"reason":"overloaded"}', []]);
      retries.push(retry);
    }
    assert.ok(new Set(retries).size > 1, `not spread: ${retries}`);
  });

  test('rule 8: a client that says `weir=1` gets 503 with Retry-After', async () => {
    const stream = await RawStream.open(system.http, '/room?room=a', { headers: fetchClient });
    await stream.until('the end', () => stream.ended);
    assert.equal(stream.status, 503);
    assert.match(stream.header('retry-after'), /^[1-9]\d*$/);
    assert.equal(JSON.parse(stream.rest).type, 'urn:weir:problem:overloaded');
  });

  test('rule 8: a drain says so in a block with `retry:`, then comes a clean end; newcomers are told alike', async () => {
    for (const stream of held.splice(0, 2)) stream.close();
    await eventually('room for two', async () => (await metric(system.edgeAdmin, 'sse_connections_total')) === held.length);
    const ended = system.end('weir-edge');
    const first = await Promise.race(held.map(async (stream) => [stream, await stream.block('weir.draining')]));
    const [stream, { retry, data, id }] = first;
    assert.ok(retry >= 0 && retry <= 400, `${retry}`);
    assert.equal(data, '{}');
    assert.match(id, /^[a-z0-9]{8}-\d+$/); // it was not behind: how far it was read for
    await stream.until('the end', () => stream.ended);
    assert.equal(stream.framed.whole, true);
    assert.equal(stream.blocks.at(-1).event, 'weir.draining');

    const newcomer = await RawStream.open(system.http, '/room?room=a', { headers: native });
    await newcomer.until('the end', () => newcomer.ended);
    assert.equal(newcomer.status, 200);
    assert.equal(newcomer.framed.whole, true);
    assert.deepEqual(newcomer.blocks.map(({ event }) => event), ['weir.connected', 'weir.draining']);
    const told = await RawStream.open(system.http, '/room?room=a', { headers: fetchClient });
    assert.equal(told.status, 503);
    assert.match(told.header('retry-after'), /^[1-9]\d*$/);
    for (const each of held) each.close();
    await ended;
  });
});
