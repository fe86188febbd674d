// The units of deploy/systemd: systemd finds them right and tight, and both daemons work under what they forbid.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { root } from '../checks/tree.mjs';
import { RawStream } from '../conformance/raw.mjs';
import { flash } from '../conformance/weir.mjs';
import { System, bin } from '../e2e/system.mjs';

const unit = (name) => path.join(root, 'deploy/systemd', `${name}.service`);
const daemons = ['weir-server', 'weir-edge'];
const analyze = (...args) => spawnSync('systemd-analyze', ['--no-pager', ...args], { encoding: 'utf8', env: { ...process.env, SYSTEMD_COLORS: '0' } });
const withoutSystemd = analyze('--version').status === 0 ? false : 'systemd-analyze is not installed';
const withoutRoot = withoutSystemd || (process.getuid() === 0 ? false : 'becoming nobody needs root');

describe('the units', { skip: withoutSystemd }, () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'weir-units-'));
  after(() => rmSync(dir, { recursive: true }));
  // A unit for the programs that were built, perhaps with other lines.
  const changed = (name, change = (text) => text) => {
    const file = path.join(dir, `${name}.service`);
    writeFileSync(file, change(readFileSync(unit(name), 'utf8').replace(/^ExecStart=\S+/m, `ExecStart=${bin(name)}`)));
    return file;
  };
  const verified = (file) => analyze('verify', '--man=no', file).stderr.trim();
  // `--threshold` is in tenths of the exposure, which is 0 (none) to 10.
  const exposed = (file) => analyze('security', '--offline=true', '--threshold=15', file).status !== 0;

  test('are what systemd understands', () => {
    for (const name of daemons) assert.equal(verified(changed(name)), '', name);
    assert.notEqual(verified(changed('weir-edge', (text) => text.replace('ProtectSystem=strict', 'ProtectSystem=strictly'))), '');
  });

  test('leave little exposed', () => {
    for (const name of daemons) assert.ok(!exposed(changed(name)), analyze('security', '--offline=true', changed(name)).stdout);
    assert.ok(exposed(changed('weir-edge', (text) => text.replace('SystemCallFilter=@system-service\n', ''))));
  });
});

describe('under its unit, as nobody,', { skip: withoutRoot, timeout: 600_000 }, () => {
  let system;
  before(async () => {
    const runner = path.join(root, 'tests/deploy/under_unit.py');
    system = new System({
      edge: 'routes: [{path: /room, filters: [dispatch.room], heartbeat: {interval: 1s}}]\n',
      server: 'descriptor_sets: [apps.binpb]\n',
      run: (name) => ['/usr/bin/python3', runner, unit(name), system.dir, path.join(system.dir, name)],
    });
    // Where nobody can reach them.
    for (const name of daemons) copyFileSync(bin(name), path.join(system.dir, name));
    copyFileSync(bin('../share/weir/apps.binpb'), path.join(system.dir, 'apps.binpb'));
    for (const entry of ['', ...readdirSync(system.dir, { recursive: true })]) {
      chmodSync(path.join(system.dir, entry), 0o700);
      chownSync(path.join(system.dir, entry), 65534, 65534);
    }
    await system.startServer();
    await system.startEdge();
  });
  after(() => system?.stop());

  test('each daemon serves, reloads, restarts and drains', async () => {
    for (const name of daemons) {
      const status = readFileSync(`/proc/${system.pid(name)}/status`, 'utf8');
      for (const line of [/^Uid:\s+65534\s+65534\s+65534/m, /^CapBnd:\s+0+$/m, /^NoNewPrivs:\s+1$/m, /^Seccomp:\s+2$/m]) assert.match(status, line, name);
    }
    const stream = await RawStream.open(system.http, '/room', { headers: ['Accept: text/event-stream'] });
    await stream.block('weir.connected');
    const first = await system.publish(Array.from({ length: 500 }, (_, at) => flash('room', `${at}`)));
    await stream.until('the last event', () => stream.body.includes(`id: ${first.at(-1)}\n`));
    stream.close();

    for (const name of daemons) {
      system.signal(name, 'SIGHUP');
      await system.logged(name, /reload: taken over/);
    }
    await system.end('weir-server');
    await system.startServer();
    const [last] = await system.publish([flash('room', 'after a restart')]);
    const replay = await RawStream.open(system.http, `/room?last_event_id=${first[0]}`, { headers: ['Accept: text/event-stream'] });
    await replay.until('what was there and what came', () => replay.body.includes(`id: ${last}\n`));
    assert.ok(!replay.body.includes('weir.gap'));
    replay.close();

    for (const name of ['weir-edge', 'weir-server']) {
      await system.end(name);
      assert.match(system.log(name), /info done\n$/, name);
      assert.doesNotMatch(system.log(name), /not permitted|Read-only|denied/i, name);
    }
  });

  test('nothing is written outside of its directory', () => {
    const place = path.join(tmpdir(), `weir-outside-${process.pid}`);
    for (const name of daemons) {
      const run = spawnSync('/usr/bin/python3', [path.join(root, 'tests/deploy/under_unit.py'), unit(name), system.dir, '/usr/bin/touch', place], { encoding: 'utf8' });
      assert.match(run.stderr, /Read-only file system/, name);
    }
    assert.throws(() => execFileSync('ls', [place], { stdio: 'ignore' }));
  });
});
