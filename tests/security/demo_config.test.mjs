// The demo's configuration is one to copy: what it must keep out, it keeps out.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { flash } from '../conformance/weir.mjs';
import { System, bin, browsers } from '../e2e/system.mjs';

const routes = ['/api/vehicles/updates', '/realtime', '/api/sse', '/api/notifications/stream', '/api/image-gen/events'];

describe('the demo as it is configured', { timeout: 600_000 }, () => {
  let system;
  before(async () => (system = await System.start()));
  after(() => system?.stop());

  const ask = (target, headers = {}, method = 'GET') =>
    new Promise((resolve, reject) => {
      const request = http.request(`http://${system.http}${target}`, { agent: false, method, headers: { Accept: 'application/json', ...headers } }, (answer) => {
        answer.destroy();
        resolve(answer.statusCode);
      });
      request.on('upgrade', (_, socket) => (socket.destroy(), resolve(101)));
      request.on('error', reject).end();
    });
  const upgrade = { Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' };

  test('is not read by a page whose name was bound anew to it', async () => {
    const port = system.http.split(':')[1];
    for (const Host of [`evil.example:${port}`, 'evil.example', `127.0.0.1.evil.example:${port}`, `127.0.0.2:${port}`])
      for (const target of ['/', '/config.json', ...routes]) {
        assert.equal(await ask(target, { Host }), 421, `${Host} ${target}`);
        assert.equal(await ask(target, { Host, Origin: `http://${Host}`, ...upgrade }), 421, `${Host} ${target}`);
      }
    for (const Host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, 'LOCALHOST']) assert.equal(await ask('/api/sse', { Host }), 200, Host);
    assert.equal(await ask('/realtime', upgrade), 101);
  });

  test('shows nothing that concerns a person without a token of its issuer that was made for it', async () => {
    const token = (...claims) => execFileSync(bin('weir'), ['token', '--key', system.key, '--sub', 'alice', ...claims.flatMap((claim) => ['--claim', claim])], { encoding: 'utf8' }).trim();
    const [iss, aud, tenant] = [`iss=${browsers.iss}`, `aud=${browsers.aud}`, 'tenant_id=acme'];
    const bad = [undefined, token(tenant), token(iss, tenant), token(aud, tenant), token(iss, 'aud=weir-server', tenant), token('iss=evil', aud, tenant)];
    for (const route of routes.filter((route) => route !== '/api/sse')) {
      for (const [at, given] of bad.entries()) assert.equal(await ask(route, given && { Authorization: `Bearer ${given}` }), 401, `${route} with token ${at}`);
      assert.equal(await ask(route, { Authorization: `Bearer ${token(iss, aud, tenant)}` }), 200, route);
      assert.equal(await ask(`${route}/ticket`, { Authorization: `Bearer ${token(iss, aud, tenant)}` }, 'POST'), 200, `${route}/ticket`);
    }
  });

  test('lets each service do what is its own, and nobody else anything', () => {
    const event = flash('broadcast', 'x');
    const weir = (who, ...args) => spawnSync(bin('weir'), args, { env: who ? system.environment(who) : { ...process.env, WEIR_SERVER: system.grpc }, encoding: 'utf8' });
    const publish = (who, topic, type = event.type, data = '{}') => weir(who, 'publish', '--topic', topic, '--type', type, data);
    const denied = (result, reason) => {
      assert.notEqual(result.status, 0, result.stdout);
      assert.match(result.stderr, reason);
    };
    denied(publish(undefined, 'dispatch.broadcast'), /CREDENTIALS_MISSING/);
    denied(weir(undefined, 'list', 'dispatch.>'), /CREDENTIALS_MISSING/);
    denied(publish('edge', 'dispatch.broadcast'), /PUBLISH_DENIED/);
    denied(publish('feed', 'dispatch.broadcast'), /PUBLISH_DENIED/);
    denied(publish('backend', 'users.alice.notifications', 'apps.notifications.v1.Notification'), /PUBLISH_DENIED/);
    denied(publish('developer', 'weir.revocations', 'weir.v1.TokenRevocation', JSON.stringify({ tokenId: 't', expireTime: new Date(Date.now() + 60_000).toISOString() })), /PUBLISH_DENIED/);
    denied(weir('feed', 'list', 'users.>'), /SUBSCRIBE_DENIED/);
    denied(weir('edge', 'list', '>'), /SUBSCRIBE_DENIED/);
    for (const who of ['edge', 'feed', 'backend', 'developer']) {
      denied(weir(who, 'revoke', '--subject', 'alice'), /REVOKE_DENIED/);
      denied(weir(who, 'backup', `${system.dir}/stolen`), /BACKUP_DENIED/);
    }
    assert.equal(publish('backend', 'dispatch.broadcast').status, 0);
    assert.equal(publish('developer', 'users.alice.notifications', 'apps.notifications.v1.Notification').status, 0);
    assert.equal(weir('operator', 'revoke', '--subject', 'nobody').status, 0);
  });
});
