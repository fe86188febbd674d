// What a page of another origin may read of the edge: on every kind of answer nothing, unless its origin is on the list.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { serverConfig } from '../conformance/weir.mjs';
import { System } from '../e2e/system.mjs';

const listed = 'https://app.example';
const strangers = ['https://evil.example', 'null', '*', 'https://app.example.evil.example', 'https://APP.example', 'http://app.example', 'https://app.example:443', 'https://app.example/', 'https://app.example, https://evil.example', 'file://'];
const edge = (credentials) => `
auth: {keys: [{algorithm: HS256, file: keys/hs256.key}], ticket_keys: [keys/tickets.key]}
cors: {origins: ["${listed}"], credentials: ${credentials}}
trusted_proxies: [127.0.0.1]
limits: {polls_per_minute: 1}
routes:
  - {path: /open, filters: [dispatch.a], websocket: true}
  - {path: /mine, filters: ["dispatch.{jwt.sub}"], auth: required}
  - {path: /narrow, filters: ["dispatch.{query.id}"]}
  - {path: /stopped, filters: [dispatch.a], stopped: true}
`;

const never = /^a file$|admin/; // to no page of another origin

for (const credentials of [true, false])
  describe(`with credentials ${credentials}, a page of another origin`, { timeout: 600_000 }, () => {
    let system;
    let answers; // by what was asked, of an origin: {status, headers}
    before(async () => {
      system = new System({ edge: edge(credentials), server: serverConfig() });
      writeFileSync(path.join(system.page, 'index.html'), '<p>page</p>');
      await system.startServer();
      await system.startEdge();
      const token = await system.token('ann');
      let client = 0;
      const ask = (origin, target, { method = 'GET', at = system.http, ...headers } = {}) =>
        new Promise((resolve, reject) => {
          const own = { 'X-Forwarded-For': `192.0.2.${client}`, Origin: origin, 'Sec-Fetch-Site': 'cross-site', ...headers };
          const request = http.request(`http://${at}${target}`, { agent: false, method, headers: own }, ({ statusCode, headers: given }) => {
            request.destroy();
            resolve({ status: statusCode, headers: given });
          });
          request.on('error', (error) => (request.destroyed ? undefined : reject(error))).end();
        });
      const poll = { Accept: 'application/json' };
      const bearer = { Authorization: `Bearer ${token}` };
      const preflight = { method: 'OPTIONS', 'Access-Control-Request-Method': 'GET', 'Access-Control-Request-Headers': 'authorization' };
      answers = async (origin) => {
        client += 1;
        return {
          'a stream': await ask(origin, '/open', { Accept: 'text/event-stream; weir=1' }),
          'a poll': await ask(origin, '/open', poll),
          'too many polls': await ask(origin, '/open', poll),
          'a stream with a token': await ask(origin, '/mine', bearer),
          'no token': await ask(origin, '/mine'),
          'a bad token': await ask(origin, '/mine', { Authorization: 'Bearer x' }),
          'a bad parameter': await ask(origin, '/narrow?id=*'),
          'no form that is wanted': await ask(origin, '/open', { Accept: 'text/html' }),
          'another method': await ask(origin, '/open', { method: 'DELETE' }),
          'a stopped route': await ask(origin, '/stopped', poll),
          'a route that is none': await ask(origin, '/none'),
          'a bad target': await ask(origin, '/%zz'),
          'a file': await ask(origin, '/'),
          'a ticket': await ask(origin, '/mine/ticket', { method: 'POST', ...bearer }),
          'a ticket without a token': await ask(origin, '/mine/ticket', { method: 'POST' }),
          'a head': await ask(origin, '/open', { method: 'HEAD', Accept: 'text/event-stream' }),
          'a preflight': await ask(origin, '/mine', preflight),
          'a preflight of a ticket': await ask(origin, '/mine/ticket', { ...preflight, 'Access-Control-Request-Method': 'POST' }),
          "the edge's admin listener": await ask(origin, '/metrics', { at: system.edgeAdmin }),
          "the server's admin listener": await ask(origin, '/metrics', { at: system.serverAdmin, ...preflight }),
        };
      };
    });
    after(() => system?.stop());
    const allowed = ({ headers }) => Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('access-control-')));

    test('is told nothing that lets it read', async () => {
      for (const origin of strangers)
        for (const [what, answer] of Object.entries(await answers(origin))) {
          assert.deepEqual(allowed(answer), {}, `${what}, to ${origin}`);
          if (!never.test(what)) assert.match(answer.headers.vary ?? '', /\bOrigin\b/, `a cache may give ${what} to another`);
        }
    });

    test('that is listed may read all of it, but files and the admin listeners', async () => {
      const given = await answers(listed);
      assert.deepEqual([...new Set(Object.values(given).map(({ status }) => status))].sort(), [200, 204, 400, 401, 403, 404, 405, 406, 410, 429]);
      for (const [what, answer] of Object.entries(given)) {
        if (never.test(what)) {
          assert.deepEqual([answer.status, allowed(answer)], [what === 'a file' ? 200 : 403, {}], what);
          continue;
        }
        const { 'access-control-allow-origin': origin, 'access-control-allow-credentials': cookies, 'access-control-max-age': age } = allowed(answer);
        assert.deepEqual([origin, cookies], [listed, credentials ? 'true' : undefined], what);
        if (what.includes('preflight')) assert.equal(age, '600', what);
      }
    });
  });
