// The conformance cases once more, over TLS: to readers nothing is different.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { root } from '../checks/tree.mjs';

describe('over TLS', { timeout: 1_800_000 }, () => {
  let dir;
  before(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'weir-tls-'));
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost'],
        ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', path.join(dir, 'key.pem'), '-out', path.join(dir, 'cert.pem')],
      ],
      { stdio: 'pipe' },
    );
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  for (const name of ['bytes', 'content', 'native', 'resume', 'websocket', 'websocket_stream'])
    test(name, async () => {
      const { NODE_TEST_CONTEXT: _, ...env } = process.env;
      const child = spawn(process.execPath, ['--test', '--test-reporter=tap', path.join(root, `tests/conformance/${name}.test.mjs`)], {
        env: { ...env, WEIR_TEST_TLS: dir, NODE_EXTRA_CA_CERTS: path.join(dir, 'cert.pem') },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let told = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (told += bytes));
      const [code] = await once(child, 'close');
      assert.equal(code, 0, told);
      assert.match(told, /^# pass [1-9]/m);
    });
});
