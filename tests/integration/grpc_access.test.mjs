// Who gets in over gRPC and may do what, on the real server: grpc_access.py, with generated code.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { ownFiles, root } from '../checks/tree.mjs';
import { bin } from '../e2e/system.mjs';

test('TLS, names, rules and tokens over gRPC', { timeout: 600_000 }, () => {
  const generated = mkdtempSync(path.join(tmpdir(), 'weir-access-'));
  try {
    const rpc = path.join(root, 'node_modules/google-proto-files');
    const plugin = execFileSync('sh', ['-c', 'command -v grpc_python_plugin'], { encoding: 'utf8' }).trim();
    execFileSync('protoc', [
      ...['-Iproto', `-I${rpc}`, `--python_out=${generated}`, `--grpc_python_out=${generated}`],
      ...[`--plugin=protoc-gen-grpc_python=${plugin}`, path.join(rpc, 'google/rpc/status.proto')],
      ...ownFiles('proto/weir/v1/*.proto', 'proto/apps/dispatch/*.proto'),
    ], { cwd: root, stdio: 'inherit' });
    const descriptors = path.join(root, 'build/release/share/weir/apps.binpb');
    const run = spawnSync('/usr/bin/python3', [
      path.join(root, 'tests/integration/grpc_access.py'),
      ...[bin('weir-server'), bin('weir'), descriptors, path.join(root, 'deploy/dev-certificates')],
    ], { env: { ...process.env, PYTHONPATH: generated }, encoding: 'utf8', timeout: 500_000, killSignal: 'SIGKILL' });
    assert.equal(run.status, 0, run.stdout.replace(/^ok.*\n/gm, '') + run.stderr);
    assert.ok(run.stdout.split('\n').filter((line) => line.startsWith('ok  ')).length > 55, run.stdout);
  } finally {
    rmSync(generated, { recursive: true });
  }
});
