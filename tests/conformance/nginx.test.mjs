// Streams through nginx as Debian has it: it buffers what it is not told to let through, speaks HTTP/1.0 to the edge, and
// cuts what is silent for long.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { read } from '../checks/tree.mjs';
import { Clients, clientNames } from './clients.mjs';
import { ofMarkdown } from './documented.mjs';
import { RawStream } from './raw.mjs';
import { Tap } from './tap.mjs';
import { eventually, flash, metric, startWeir } from './weir.mjs';

// The document's example, for the edge under test and the origin of its readers.
const documented = (system, origin) =>
  ofMarkdown(read('docs/sse-clients.md'), 'nginx').replace('127.0.0.1:8080', system.http).replace('https://app.example.com', origin);

const config = (system, origin, dir) => `
daemon off;
pid ${dir}/pid;
error_log stderr;
worker_processes 1;
events {}
http {
  access_log off;
  client_body_temp_path ${dir}/t1; proxy_temp_path ${dir}/t2; fastcgi_temp_path ${dir}/t3; uwsgi_temp_path ${dir}/t4; scgi_temp_path ${dir}/t5;
  server {
    listen unix:${dir}/socket;
    proxy_read_timeout 8s;
    ${documented(system, origin)}
    # As if the edge had not asked to be let through.
    location /buffered/ { proxy_pass http://${system.http}/; proxy_ignore_headers X-Accel-Buffering; }
  }
}
`;

describe('nginx in front of the edge', { timeout: 600_000 }, () => {
  let clients;
  let system;
  let nginx;
  let tap;
  let said = '';
  before(async () => {
    clients = await Clients.start();
    system = await startWeir({ origin: clients.origin });
    const dir = path.join(system.dir, 'nginx');
    mkdirSync(dir);
    writeFileSync(path.join(dir, 'conf'), config(system, clients.origin, dir));
    nginx = spawn('/usr/sbin/nginx', ['-e', 'stderr', '-p', dir, '-c', path.join(dir, 'conf')], { stdio: ['ignore', 'ignore', 'pipe'] });
    nginx.stderr.on('data', (text) => {
      said += text;
    });
    tap = await Tap.open(path.join(dir, 'socket'));
    await eventually('nginx', async () => {
      if (nginx.exitCode !== null) throw new Error(`nginx ended:\n${said}`);
      return fetch(`${tap.url}/nothing`).then(({ status }) => status === 404, () => false);
    });
  });
  after(async () => {
    await clients?.stop();
    tap?.close();
    if (nginx?.exitCode === null) {
      nginx.kill('SIGTERM'); // its workers end with it
      await once(nginx, 'exit');
    }
    await system?.stop();
  });

  const address = () => tap.url.slice('http://'.length);

  test('X-Accel-Buffering lets every event through at once', async () => {
    const open = (target) => RawStream.open(address(), target, { headers: ['Accept: text/event-stream'] });
    const stream = await open('/room?room=buffer');
    await stream.block('weir.connected');
    // Where nginx is told to take no notice of it, nothing comes, not even the head.
    let buffered;
    const late = open('/buffered/room?room=buffer').then((stream) => (buffered = stream));
    late.catch(() => {}); // awaited below
    await eventually('both streams', async () => (await metric(system.edgeAdmin, 'sse_connections_total')) === 2);
    const [first] = await system.publish([flash('buffer', '1')]);
    assert.equal((await stream.block('flash_message')).id, first);
    const [second] = await system.publish([flash('buffer', '2')]);
    await stream.until('the second', () => stream.body.includes(second));
    assert.ok(!buffered?.body.includes(first), 'nginx does not buffer: this proves nothing');
    assert.equal(stream.header('x-accel-buffering'), undefined, 'nginx keeps it for itself');
    stream.close();
    // It comes when the edge ends.
    await system.end('weir-edge', 'SIGKILL');
    await late;
    await buffered.until('what was kept back', () => buffered.body.includes(first));
    buffered.close();
    await system.startEdge();
  });

  describe('all clients', () => {
    let readers;
    let cursors;
    before(async () => {
      readers = await clients.readAll(() => `${tap.url}/room?room=restart`);
      const all = (what) => Promise.all(readers.map(what));
      await all((reader) => reader.connected());
      cursors = await system.publish([flash('restart', '1'), flash('restart', '2')]);
      await all((reader) => reader.reached(cursors.at(-1)));
      // nginx cuts after eight seconds of silence; the edge is silent for one.
      const witness = await RawStream.open(system.http, '/room?room=restart');
      await witness.until('twelve heartbeats', () => witness.blocks.filter(({ comment }) => comment).length >= 12);
      witness.close();
      for (const reader of readers) assert.equal(reader.opens, 1, `${reader.client.name} was cut`);
      const before = tap.requests.length;
      await system.end('weir-edge', 'SIGKILL');
      await eventually('tries while the edge is away', () => tap.requests.length >= before + readers.length);
      cursors.push(...(await system.publish([flash('restart', '3'), flash('restart', '4')])));
      await system.startEdge();
      await all((reader) => reader.reached(cursors.at(-1)));
      cursors.push(...(await system.publish([flash('restart', '5')])));
      await all((reader) => reader.reached(cursors.at(-1)));
    });
    for (const name of clientNames)
      test(`${name} is kept by heartbeats, and misses nothing while nginx has no edge`, () => {
        const reader = readers.find(({ client }) => client.name === name);
        assert.deepEqual(reader.named('flash_message').map(({ id }) => id), cursors);
        assert.deepEqual(reader.named('weir.gap', 'error'), []);
      });
  });
});
