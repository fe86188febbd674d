// The demo's backend: what it gives, to whom, and that its incidents are all stored, in order.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { until } from './demo_page.mjs';
import { System } from './system.mjs';

describe("the demo's backend", { timeout: 600_000 }, () => {
  let system;
  let address;
  let origin;

  before(async () => {
    system = await System.start();
    address = await system.startPage('--interval', '0');
    origin = `http://${system.http}`;
  });
  after(() => system?.stop());

  // fetch would not let us choose Host and Origin.
  const ask = (method, path, { body, ...headers } = {}) =>
    new Promise((resolve, reject) => {
      const [host, port] = address.split(':');
      const asked = request({ host, port, method, path, headers, agent: false }, async (answer) => {
        let text = '';
        for await (const chunk of answer) text += chunk;
        resolve({ status: answer.statusCode, headers: answer.headers, text });
      });
      asked.on('error', reject);
      asked.end(body);
    });
  const send = (body, headers = {}) => ask('POST', '/broadcast', { 'Content-Type': 'application/json', Origin: origin, body, ...headers });
  const texts = async () =>
    (await system.weir('list', 'dispatch.broadcast')).trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));

  test('gives short-lived tokens that the edge accepts', async () => {
    const { status, text, headers } = await ask('GET', '/token?user=alice&tenant=tenant-1', { Origin: origin });
    assert.equal(status, 200);
    assert.equal(headers['access-control-allow-origin'], origin);
    assert.equal(headers['cache-control'], 'no-store');
    const { sub, tenant_id, iat, exp } = JSON.parse(Buffer.from(text.split('.')[1], 'base64url'));
    assert.deepEqual([sub, tenant_id, exp - iat], ['alice', 'tenant-1', 300]);
    const answer = await fetch(`${origin}/realtime`, { headers: { Authorization: `Bearer ${text}` } });
    assert.equal(answer.status, 200);
    await answer.body.cancel();
  });

  test('gives none for what is no name', async () => {
    for (const query of ['', '?user=', '?user=a.b', '?user=*', '?user=a&tenant=%3E', `?user=${'a'.repeat(65)}`, '?user=a%0A'])
      assert.equal((await ask('GET', `/token${query}`)).status, 400, query);
    assert.equal((await ask('GET', `/token?user=${'a'.repeat(64)}`)).status, 200);
  });

  test('gives nothing to other origins, nor under another name', async () => {
    const stranger = await ask('GET', '/token?user=alice', { Origin: 'http://evil.example' });
    assert.equal(stranger.status, 403);
    assert.equal(stranger.headers['access-control-allow-origin'], undefined);
    assert.equal((await ask('GET', '/token?user=alice', { Host: 'evil.example' })).status, 421);
    assert.equal((await ask('OPTIONS', '/broadcast', { Origin: 'http://evil.example' })).status, 403);
    const preflight = await ask('OPTIONS', '/broadcast', { Origin: origin });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers['access-control-allow-headers'], 'Content-Type');
  });

  test('stores a broadcast, and says where', async () => {
    const { status, text } = await send('{"text": " Hello \\u00fc "}');
    assert.equal(status, 200);
    const stored = (await texts()).at(-1);
    assert.equal(stored.cursor, JSON.parse(text).cursor);
    assert.deepEqual([stored.data.text, stored.data.severity], ['Hello ü', 'warning']);
  });

  test('refuses what is no broadcast', async () => {
    const before = (await texts()).length;
    for (const body of ['', '{', '[]', '{}', '{"text": 1}', '{"text": " "}', JSON.stringify({ text: 'x'.repeat(201) }), '\xff'])
      assert.equal((await send(body)).status, 400, body);
    assert.equal((await send('{"text": "x"}', { 'Content-Type': 'text/plain' })).status, 415);
    assert.equal((await send(`{"text": "${'x'.repeat(5000)}"}`)).status, 413);
    assert.equal((await send('', { 'Content-Length': '-1' }).catch(() => ({ status: 413 }))).status, 413);
    for (const path of ['/', '/token', '/nothing']) assert.equal((await ask('POST', path, { Origin: origin })).status, 404, path);
    assert.equal((await ask('GET', '/broadcast')).status, 404);
    assert.equal((await texts()).length, before);
  });

  test('says so when the server is away, and goes on when it is back', async () => {
    await system.end('weir-server', 'SIGKILL');
    assert.equal((await send('{"text": "lost"}')).status, 503);
    await system.startServer();
    await until('the server', async () => (await send('{"text": "found"}')).status === 200);
  });

  test('publishes incidents in order, each once, also while the server is restarted', async () => {
    await system.end('backend');
    const before = (await texts()).length;
    await system.startPage('--interval', '0.05');
    const incidents = async () => (await texts()).slice(before);
    await until('some', async () => (await incidents()).length > 5);
    await system.end('weir-server', 'SIGKILL');
    await system.startServer();
    const soFar = (await incidents()).length;
    await until('more', async () => (await incidents()).length > soFar + 5);
    await system.end('backend');
    const story = ['EventCreated', 'BilstatusUpdate', 'FlashMessage', 'BilstatusUpdate', 'BilstatusUpdate'];
    const types = (await incidents()).map(({ type }) => type.split('.').at(-1));
    assert.deepEqual(types, types.map((_, at) => story[at % story.length]));
    const ids = (await incidents()).map(({ event_id }) => event_id);
    assert.equal(new Set(ids).size, ids.length);
  });
});
