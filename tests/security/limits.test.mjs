// Every limit of weir-edge, from the configuration to what a client meets: what is above it is refused or ended and counted
// by the limit's name, what is established stays, and others are not concerned. Of those that no small test can reach from
// outside, the test that does is named.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { ownFiles, read } from '../checks/tree.mjs';
import { Wire } from '../conformance/websocket.mjs';
import { eventually, serverConfig } from '../conformance/weir.mjs';
import { System, bin } from '../e2e/system.mjs';

const elsewhere = {
  send_buffer_bytes: 'SlowReaderTest.StoppedReadersCostNothingThatGrowsAndLoseNothing',
  slow_reader_timeout: 'SlowReaderTest.WhoTakesNothingForTooLongIsClosedAndComesBackWithItsId',
  history_reads_max: 'HistoryQueueTest.OnlySoManyReadsRunAtOnce',
  answer_bytes_max: 'ListenerTest.HoldsNoMoreOfAnswersThatAreNotTakenThanItsLimit',
};

const stream = 'Accept: text/event-stream; weir=1';
const poll = 'Accept: application/json';
const proxied = 'trusted_proxies: [127.0.0.1]';

// The header of the PROXY protocol that names this client.
const proxyHeader = (address) =>
  Buffer.concat([Buffer.from('\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c', 'latin1'), Buffer.from(address.split('.').map(Number)), Buffer.from([127, 0, 0, 1, 0x12, 0x34, 0, 80])]);

class Client {
  text = '';
  closed = false;
  constructor(address) {
    const [host, port] = address.split(':');
    this.socket = net.connect({ host, port: Number(port) });
    this.socket.on('data', (data) => (this.text += data.toString('latin1')));
    this.socket.on('error', () => {});
    this.socket.on('close', () => (this.closed = true));
  }
  send(bytes) {
    this.socket.write(bytes);
    return this;
  }
  ask(target, ...headers) {
    return this.send([`GET ${target} HTTP/1.1`, 'Host: h', ...headers, '', ''].join('\r\n'));
  }
  // Resolves to the status, once the head and, of a stream, the first block is there; undefined: closed without an answer.
  async status() {
    await eventually('an answer', () => this.closed || (this.text.includes('\r\n\r\n') && (!this.text.includes('text/event-stream') || this.text.includes('data: '))));
    return this.text ? Number(this.text.slice(9, 12)) : undefined;
  }
  end() {
    this.socket.destroy();
  }
}

describe('a limit of the edge', { timeout: 600_000 }, () => {
  let system;
  let tokens;
  before(async () => {
    system = new System({ edge: '', server: serverConfig() });
    await system.startServer();
    tokens = { ann: await system.token('ann'), bob: await system.token('bob') };
  });
  after(() => system?.stop());

  // Runs `body` with an edge that has this limit, and checks that it counted `times` at least by the limit's name.
  async function withEdge(limit, value, body, { more = '', metric = `weir_edge_http_limited_total{limit="${limit}"}`, times } = {}) {
    const config = path.join(system.dir, `${limit}.yaml`);
    writeFileSync(config, `
limits: {${limit}: ${value}}
auth: {keys: [{algorithm: HS256, file: keys/hs256.key}]}
routes:
  - {path: /a, filters: [dispatch.a]}
  - {path: /mine, filters: ["dispatch.{jwt.sub}"], auth: required, websocket: true}
${more}
`);
    const child = spawn(bin('weir-edge'), ['--config', config, '--server', system.grpc, '--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0', '--threads', '1'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let log = '';
    child.stderr.on('data', (data) => (log += data));
    const clients = [];
    try {
      const [line] = await once(createInterface({ input: child.stdout }), 'line');
      const [, http, admin] = /http=(\S+) admin=(\S+)/.exec(line) ?? assert.fail(log);
      await eventually('the edge', async () => (await fetch(`http://${admin}/readyz`)).status === 200);
      const open = () => (clients.push(new Client(http)), clients.at(-1));
      await body({ open, http, logged: () => log });
      const counted = async () => Number((await (await fetch(`http://${admin}/metrics`)).text()).split('\n').find((one) => one.startsWith(`${metric} `))?.split(' ')[1] ?? 0);
      await eventually(`${metric} to be ${times}`, async () => (await counted()) >= times);
    } finally {
      clients.forEach((client) => client.end());
      child.kill('SIGKILL');
      await once(child, 'close');
    }
  }

  test('connections_max is kept', () =>
    withEdge('connections_max', 2, async ({ open }) => {
      const held = [open().ask('/a', stream), open().ask('/a', stream)];
      for (const one of held) assert.equal(await one.status(), 200);
      assert.equal(await open().ask('/a', stream).status(), 503);
      assert.ok(held.every(({ closed }) => !closed));
      held[0].end();
      let last;
      await eventually('room', async () => (await (last = open().ask('/a', stream)).status()) === 200 || last.end());
    }, { times: 1 }));

  test('head_bytes_max is kept', () =>
    withEdge('head_bytes_max', '1KiB', async ({ open }) => {
      assert.equal(await open().ask('/a', poll, `X: ${'x'.repeat(800)}`).status(), 200);
      assert.equal(await open().ask('/a', poll, `X: ${'x'.repeat(1100)}`).status(), 431);
    }, { metric: 'weir_edge_http_requests_total{status="431"}', times: 1 }));

  test('head_timeout is kept', () =>
    withEdge('head_timeout', '5s', async ({ open }) => {
      const held = open().ask('/a', stream);
      assert.equal(await held.status(), 200);
      assert.equal(await open().send('GET /a HTTP/1.1\r\nHost:').status(), 408);
      assert.ok(!held.closed);
    }, { times: 1 }));

  test('keep_alive_timeout is kept', () =>
    withEdge('keep_alive_timeout', '1s', async ({ open }) => {
      const held = open().ask('/a', stream);
      const idle = open().ask('/none');
      assert.equal(await idle.status(), 404);
      await eventually('it to be closed', () => idle.closed);
      assert.ok(!held.closed);
    }, { times: 1 }));

  test('attempts_per_minute is kept', () =>
    withEdge('attempts_per_minute', 2, async ({ open }) => {
      const from = (address) => open().ask('/a', stream, `X-Forwarded-For: ${address}`);
      const held = [from('192.0.2.7'), from('192.0.2.7')];
      for (const one of held) assert.equal(await one.status(), 200);
      assert.equal(await from('192.0.2.7').status(), 429);
      assert.equal(await from('192.0.2.8').status(), 200);
      for (const address of ['2001:db8::1', '2001:db8::ffff']) assert.equal(await from(address).status(), 200);
      assert.equal(await from('2001:db8::2:1').status(), 429, 'of one network of 64 bits');
      assert.equal(await from('2001:db8:0:1::1').status(), 200);
      assert.ok(held.every(({ closed }) => !closed));
    }, { more: proxied, times: 2 }));

  test('attempts_per_minute concerns nobody behind a local proxy that is not named, which is said once', () =>
    withEdge('attempts_per_minute', 1, async ({ open, logged }) => {
      for (let i = 0; i < 3; ++i) assert.equal(await open().ask('/a', stream, 'X-Forwarded-For: 192.0.2.7').status(), 200);
      await eventually('the warning', () => logged().includes('trusted_proxies does not name that address'));
      assert.equal(logged().match(/warning .*127\.0\.0\.1 brings X-Forwarded-For/g)?.length, 1);
    }, { times: 0 }));

  test('polls_per_minute is kept', () =>
    withEdge('polls_per_minute', 2, async ({ open }) => {
      const from = (address) => open().ask('/a', poll, `X-Forwarded-For: ${address}`).status();
      for (const status of [200, 200, 429]) assert.equal(await from('192.0.2.7'), status);
      assert.equal(await from('192.0.2.8'), 200);
    }, { more: proxied, times: 1 }));

  test('connects_per_minute is kept', () =>
    withEdge('connects_per_minute', 2, async ({ open }) => {
      const from = (address) => open().send(proxyHeader(address)).ask('/none').status();
      for (const status of [404, 404, undefined]) assert.equal(await from('192.0.2.7'), status);
      assert.equal(await from('192.0.2.8'), 404);
    }, { more: `${proxied}\nproxy_protocol: true`, times: 1 }));

  test('connections_per_address is kept', () =>
    withEdge('connections_per_address', 2, async ({ open }) => {
      const from = (address) => open().ask('/a', stream, `X-Forwarded-For: ${address}`);
      const held = [from('192.0.2.7'), from('192.0.2.7')];
      for (const one of held) assert.equal(await one.status(), 200);
      assert.equal(await from('192.0.2.7').status(), 429);
      assert.equal(await from('192.0.2.8').status(), 200);
      assert.ok(held.every(({ closed }) => !closed));
    }, { more: proxied, times: 1 }));

  test('connections_per_principal is kept', () =>
    withEdge('connections_per_principal', 2, async ({ open, http }) => {
      const as = (who) => open().ask('/mine', stream, `Authorization: Bearer ${tokens[who]}`);
      const held = [as('ann'), as('ann')];
      for (const one of held) assert.equal(await one.status(), 200);
      assert.equal(await as('ann').status(), 429);
      assert.equal(await as('bob').status(), 200);
      const wire = Wire.open(http, '/mine', { auth: { token: tokens.ann } });
      assert.equal((await wire.ended()).code, 4429);
      assert.equal(await open().ask('/mine', poll, `Authorization: Bearer ${tokens.ann}`).status(), 200, 'a poll is no stream');
      assert.ok(held.every(({ closed }) => !closed));
      held[0].end();
      let last;
      await eventually('room', async () => (await (last = as('ann')).status()) === 200 || last.end());
    }, { times: 2 }));

  test('websocket_messages_per_minute is kept', () =>
    withEdge('websocket_messages_per_minute', 5, async ({ http }) => {
      const start = () => Wire.start(http, '/mine', { auth: { token: tokens.ann } });
      const [held, wire] = [await start(), await start()];
      for (let i = 0; i < 6; i += 1) wire.say({ type: 'ping' });
      assert.deepEqual(await wire.ended(), { code: 4429, reason: 'TOO_MANY_MESSAGES' });
      assert.equal((await held.ask({ type: 'ping' })).type, 'pong');
      await held.close();
    }, { metric: 'weir_edge_streams_closed_total{reason="rate"}', times: 1 }));

  test('has a test, each of them', () => {
    const [, table] = /\n### EdgeLimits\n([^]*?)\n###? /.exec(read('docs/configuration.md'));
    const keys = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, key]) => key);
    assert.ok(keys.length >= 13);
    const tested = [...read('tests/security/limits.test.mjs').matchAll(/^ {2}test\('(\w+) is kept'/gm)].map(([, key]) => key);
    assert.deepEqual([...tested, ...Object.keys(elsewhere)].sort(), keys.sort());
    const tests = ownFiles('*_test.cc').map(read).join('\n');
    for (const name of Object.values(elsewhere)) assert.match(tests, new RegExp(`TEST(?:_F)?\\(${name.replace('.', ', ')}\\)`));
    for (const key of keys) assert.match(table, new RegExp(`\`${key}\` .*Default`), `${key} has no default`);
  });
});
