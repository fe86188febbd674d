// The Python publisher, on code generated from the proto files alone, against the real server: also while that is away.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { ownFiles, root } from '../../tests/checks/tree.mjs';
import { System } from '../../tests/e2e/system.mjs';

describe('the Python publisher', { timeout: 600_000 }, () => {
  const generated = mkdtempSync(path.join(tmpdir(), 'weir-python-'));
  let system;

  before(async () => {
    mkdirSync(generated, { recursive: true });
    const rpc = path.join(root, 'node_modules/google-proto-files');
    const plugin = execFileSync('sh', ['-c', 'command -v grpc_python_plugin'], { encoding: 'utf8' }).trim();
    execFileSync('protoc', [
      ...['-Iproto', `-I${rpc}`, `--python_out=${generated}`, `--grpc_python_out=${generated}`],
      ...[`--plugin=protoc-gen-grpc_python=${plugin}`, path.join(rpc, 'google/rpc/status.proto')],
      ...ownFiles('proto/weir/v1/*.proto', 'proto/apps/dispatch/*.proto'),
    ], { cwd: root, stdio: 'inherit' });
    system = await System.start();
  });
  after(async () => {
    await system?.stop();
    rmSync(generated, { recursive: true });
  });

  function start(...flags) {
    const child = spawn('/usr/bin/python3', [path.join(root, 'clients/python/publish_dispatch.py'), '--server', system.grpc, ...flags], {
      env: { ...system.environment(), PYTHONPATH: generated },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.errors = '';
    child.stderr.on('data', (data) => (child.errors += data));
    child.lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.ended = new Promise((resolve) => child.on('close', resolve));
    return child;
  }
  const listed = async () =>
    (await system.weir('list', 'dispatch.broadcast')).trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));

  test('stores each event once, in order, also while the server is restarted', async () => {
    const child = start();
    const cursors = [];
    const say = (text) => child.stdin.write(`${text}\n`);
    const answer = async () => cursors.push((await child.lines.next()).value);
    say('one');
    await answer();
    await system.end('weir-server', 'SIGKILL');
    say('two "quoted" ü');
    await system.startServer();
    await answer();
    child.stdin.end('three\n');
    await answer();
    assert.equal(await child.ended, 0, child.errors);
    const events = (await listed()).filter((line) => line.cursor);
    assert.deepEqual(events.map(({ cursor }) => cursor), cursors);
    assert.deepEqual(events.map(({ data }) => data.text), ['one', 'two "quoted" ü', 'three']);
  });

  test('says why an event is refused', async () => {
    const child = start();
    child.stdin.end(`${'x'.repeat(1 << 21)}\n`);
    assert.equal(await child.ended, 1);
    assert.match(child.errors, /^publish_dispatch: refused: /);
  });

  test('shows its token to another machine over TLS alone', async () => {
    const child = start('--server', '192.0.2.1:50051', '--patience', '0.2');
    child.stdin.end('x\n');
    assert.equal(await child.ended, 2);
    assert.match(child.errors, /over TLS alone/);
  });

  test('gives up when its patience is over', async () => {
    const child = start('--server', '127.0.0.1:1', '--patience', '5');
    child.stdin.end('x\n');
    assert.equal(await child.ended, 1);
    assert.match(child.errors, /^publish_dispatch: UNAVAILABLE: /);
  });
});
