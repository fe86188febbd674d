// Nothing that a request or a message holds comes back in what the edge says to it: over HTTP, SSE, polls and WebSocket.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Wire } from '../conformance/websocket.mjs';
import { serverConfig } from '../conformance/weir.mjs';
import { System } from '../e2e/system.mjs';

const edge = `
auth: {keys: [{algorithm: HS256, file: keys/hs256.key}], ticket_keys: [keys/hs256.key]}
cors: {origins: ["https://app.example"], credentials: true}
routes:
  - {path: /open, websocket: true, filters: ["dispatch.>"]}
  - {path: /room, websocket: true, filters: ["dispatch.{query.room}"]}
  - {path: /shown, filters: ["dispatch.>"], connected: {event: hello, data: {said: "{query.said}"}}}
  - {path: /mine, websocket: true, auth: required, filters: ["dispatch.{jwt.sub}"]}
`;

const stream = 'Accept: text/event-stream; weir=1';
const poll = 'Accept: application/json';
const canary = 'zqxjkv';
const hostile = `${canary}"><script>${canary}()</script>'\\`;
const encoded = encodeURIComponent(hostile);
const jsonText = Buffer.from(JSON.stringify({ alg: hostile, kid: hostile, sub: hostile })).toString('base64url');
const badTokens = [hostile.replaceAll(/[^\w]/g, '.'), `${jsonText}.${jsonText}.${canary}`, `${canary}.${canary}.${canary}`];

// What of this has something of what was sent in it, as it is or as the part of a token.
const reflected = (said) => said.filter((text) => [canary, '<script', jsonText.slice(0, 20)].some((shape) => text.toLowerCase().includes(shape.toLowerCase())));

describe('what was sent', { timeout: 600_000 }, () => {
  let system;
  before(async () => {
    system = new System({ edge, server: serverConfig() });
    writeFileSync(path.join(system.dir, 'page/index.html'), '<p>page</p>');
    await system.startServer();
    await system.startEdge();
  });
  after(() => system?.stop());

  // Sends these lines, and resolves to what comes, until a stream has begun or the edge has said all.
  async function ask(...lines) {
    const [host, port] = system.http.split(':');
    const socket = net.connect({ host, port: Number(port) });
    let text = '';
    socket.on('error', () => {});
    socket.on('data', (data) => {
      text += data.toString('latin1');
      if (text.includes('\n\r\n') && text.includes('text/event-stream') && /data: .*\n\n/.test(text)) socket.destroy();
    });
    socket.write([...lines, 'Connection: close', '', ''].join('\r\n'));
    await once(socket, 'close', { signal: AbortSignal.timeout(120_000) });
    return text;
  }

  test('does not come back in an answer, a stream or a poll', async () => {
    const said = [];
    const statuses = new Set();
    const look = async (...lines) => {
      const text = await ask(...lines);
      assert.match(text, /^HTTP\/1\.1 \d/, lines.join(' | '));
      statuses.add(Number(text.slice(9, 12)));
      said.push(text);
    };
    for (const accept of [poll, stream, 'Accept: */*', `Accept: ${hostile}`]) {
      const common = ['Host: h', accept];
      for (const target of [
        `/${encoded}`, `/open/${encoded}`, `/page/${encoded}/`, `/${encoded}/..`, `/open?${encoded}=${encoded}`, `/open?start=${encoded}`, `/open?last_event_id=${encoded}`,
        `/open?limit=${encoded}&wait=${encoded}`, `/open?cursor=${encoded}`, `/room?room=${encoded}`, `/room?room=a&room=${encoded}`, `/mine?token=${encoded}`,
        `/mine?ticket=${encoded}`, `/mine?ticket=${canary}`, `/open?start=${canary}&start=${canary}`, `/${canary}%zz`, `/${canary}%00`, `/${hostile}`,
        ...badTokens.map((token) => `/mine?token=${token}`),
      ]) await look(`GET ${target} HTTP/1.1`, ...common);
      for (const header of ['Last-Event-ID', 'Origin', 'Cookie', 'User-Agent', 'Referer', 'X-Forwarded-For', 'If-None-Match', 'If-Modified-Since', 'Sec-Fetch-Site', canary])
        for (const target of ['/open', '/mine', '/', '/none']) await look(`GET ${target} HTTP/1.1`, ...common, `${header}: ${hostile}`);
      for (const token of [hostile, ...badTokens]) {
        await look('GET /mine HTTP/1.1', ...common, `Authorization: Bearer ${token}`);
        await look('POST /mine/ticket HTTP/1.1', ...common, `Authorization: Bearer ${token}`);
        await look('GET /mine HTTP/1.1', ...common, `Cookie: weir_ticket=${token}`);
      }
      await look('OPTIONS /open HTTP/1.1', ...common, `Origin: ${hostile}`, `Access-Control-Request-Method: ${canary}`, `Access-Control-Request-Headers: ${canary}`);
      await look('OPTIONS /open HTTP/1.1', ...common, 'Origin: https://app.example', `Access-Control-Request-Method: ${canary}`, `Access-Control-Request-Headers: ${canary}`);
    }
    for (const line of [`${canary} /open HTTP/1.1`, `GET /open ${canary}/1.1`, `GET http://${canary}/open HTTP/1.1`, `POST /open?a=${canary} HTTP/1.1`]) await look(line, 'Host: h');
    for (const header of [`Host: ${hostile}`, `Host: ${canary}`, `Transfer-Encoding: ${canary}`, `Content-Length: ${canary}`, `${canary} : x`, `${canary}`, ` ${canary}`])
      await look('GET /open HTTP/1.1', ...(header.startsWith('Host') ? [] : ['Host: h']), header);
    // A good token of somebody with such a name, and a good upgrade of such a page.
    const token = await system.token(hostile, `iss=${hostile}`, `jti=${hostile}`);
    for (const accept of [stream, poll]) await look('GET /mine HTTP/1.1', 'Host: h', accept, `Authorization: Bearer ${token}`);
    const upgrade = ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13'];
    await look('GET /open HTTP/1.1', 'Host: h', ...upgrade, `Origin: https://${canary}`);
    for (const header of [`Sec-WebSocket-Key: ${canary}`, `Sec-WebSocket-Version: ${canary}`, `Sec-WebSocket-Protocol: ${canary}, weir.v1`, `Origin: https://${canary}`])
      await look('GET /open HTTP/1.1', 'Host: h', 'Upgrade: websocket', 'Connection: Upgrade', header);
    for (const status of [200, 204, 400, 401, 403, 404, 405, 406]) assert.ok(statuses.has(status), `no answer was ${status}`);
    assert.deepEqual(reflected(said), []);
  });

  test('does not come back in a message of a WebSocket, or the reason of its end', async () => {
    const said = [];
    const talk = async (target, auth, ...messages) => {
      const wire = Wire.open(system.http, target, { auth });
      await wire.until('something', () => wire.texts.length > 0 || wire.closed || wire.refusal);
      for (const message of messages) {
        if (wire.closed) break;
        const before = wire.answers.length;
        wire.say(message);
        await wire.until(`an answer to ${JSON.stringify(message)}`, () => wire.answers.length > before || wire.closed);
      }
      if (!wire.refusal && !wire.closed) await wire.close();
      said.push(...wire.texts, wire.closed?.reason ?? '', JSON.stringify(wire.refusal ?? ''));
      return wire;
    };
    assert.equal((await talk('/mine', { token: await system.token(hostile) })).closed.code, 4403);
    for (const token of [hostile, ...badTokens]) {
      assert.equal((await talk('/mine', { token })).closed.code, 4401);
      await talk(`/mine?token=${encodeURIComponent(token)}`, {});
      await talk('/open', {}, { type: 'auth', token });
    }
    for (const auth of [{ cursor: hostile }, { start: hostile }, { filters: [hostile] }, { filters: ['dispatch.a', hostile] }, { filters: hostile }, { [hostile]: hostile }, { type: hostile }])
      await talk('/open', auth);
    for (const message of [
      hostile, `"${canary}"`, `{"type":"${canary}"}`, `{"type":"ping","${canary}":1}`, `{"type":"ping"} ${canary}`, { type: hostile }, { type: 'subscribe', filters: hostile },
      { type: 'subscribe', filters: [hostile] }, { type: 'subscribe', filters: [canary] }, { type: 'unsubscribe', filters: [hostile] }, { type: 'unsubscribe', filters: [canary] },
      { type: 'ping', [hostile]: hostile }, { type: 'auth', token: hostile, cursor: hostile }, { [hostile]: hostile },
    ]) await talk('/open', { filters: ['dispatch.a'] }, message);
    await talk(`/room?room=${encoded}`, {});
    await talk(`/room?room=a&last_event_id=${encoded}`, {});
    assert.ok(said.some((text) => text.includes('FILTER_NOT_ALLOWED')) && said.some((text) => text.includes('MESSAGE_INVALID')) && said.some((text) => text.includes('TOKEN_INVALID')), said.join('\n').slice(0, 2000));
    assert.deepEqual(reflected(said), []);
  });

  test('would be found', async () => {
    const shown = await ask(`GET /shown?said=${encoded} HTTP/1.1`, 'Host: h');
    assert.match(shown, /event: hello\n.*\n?.*data: \{"said":"zqxjkv\\"/s, 'what a route shows on purpose, as JSON');
    assert.deepEqual(reflected([shown]), [shown]);
    for (const text of [`{"detail":"no ${canary}"}`, `X: ${hostile.toUpperCase()}`, `bad token ${badTokens[1]}`]) assert.equal(reflected([text]).length, 1, text);
    assert.deepEqual(reflected(['nothing', '{"type":"error","reason":"MESSAGE_INVALID"}']), []);
  });
});
