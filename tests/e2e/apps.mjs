// What the tests of the five applications have in common: the real server and edge, a real browser, and events to publish.
import http from 'node:http';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, describe } from 'node:test';
import { root } from '../checks/tree.mjs';
import { launch } from './browser.mjs';
import { System } from './system.mjs';
import { bundle, streamsAtEdge, Tab, until } from './tabs.mjs';

export const vehicles = '/api/vehicles/updates';
export const goals = '/realtime';
export const dispatch = '/api/sse';
export const notifications = '/api/notifications/stream';
export const images = '/api/image-gen/events';

export const quick = 'backoff: { base: 200, max: 1000 }';
export const flash = (id) => ({ topic: 'dispatch.broadcast', type: 'apps.dispatch.v1.FlashMessage', data: { id, text: 'Fire' } });
// Without a user: to all.
export const note = (user, id, more = {}) => ({
  topic: user ? `users.${user}.notifications` : 'broadcast.notifications',
  type: 'apps.notifications.v1.Notification',
  data: { id, ...more },
});
export const update = (user, request, more) => ({
  topic: `users.${user}.imagegen.${request}`,
  type: 'apps.imagegen.v1.GenerationUpdate',
  data: { request_id: request, ...more },
});
export const grid = (id) => ({
  topic: 'vehicles.updates',
  type: 'apps.vehicles.v1.VehicleUpdate',
  data: { requestId: id, vehicles: [{ id }] },
});
export const goal = { goalId: '123', title: 'Run', tenantId: 'tenant-1', createdAt: '2026-01-02T03:04:05Z' };
export const created = (tenant, data, id) => ({
  topic: `tenants.${tenant}.goals`,
  type: 'apps.goals.v1.GoalCreated',
  event_id: id,
  data,
  attributes: { tenant_id: tenant },
});

// The demo's routes; heartbeats come sooner, and a token ends when it says.
const config = () =>
  readFileSync(path.join(root, 'demo/edge.yaml'), 'utf8')
    .replaceAll('interval: 30s', 'interval: 1s')
    .replace('auth:\n', 'auth:\n  leeway: 0s\n');

// One suite: `body` is given `app`, which has a `system`, and a `context` of the browser once a page was opened. `change` is
// given the edge's configuration and returns another.
export function applications(title, body, change = (yaml) => yaml) {
  const app = {
    // A page; as Tab.open.
    async open(options) {
      return Tab.open((app.context ??= await app.browser.newContext()), app.system, app.script, options);
    },
    // A page that is connected to a route and listens to these names.
    async listen(route, names, options, who) {
      const tab = await (await app.open(who)).listen(route, names, options);
      await tab.state('connected');
      return tab;
    },
    // What the edge answers without a browser, as {status, headers}.
    ask: (target, headers = {}) =>
      new Promise((resolve, reject) => {
        http
          .get(`http://${app.system.http}${target}`, { agent: false, headers: { Accept: 'text/event-stream', ...headers } }, (response) => {
            resolve({ status: response.statusCode, headers: response.headers });
            response.destroy();
          })
          .on('error', reject);
      }),
  };
  describe(title, { timeout: 600_000 }, () => {
    before(async () => {
      app.script = await bundle();
      app.browser = await launch();
      app.system = await System.start({ edge: change(config()) });
    });
    after(async () => {
      await app.browser?.close();
      await app.system?.stop();
    });
    afterEach(async () => {
      await app.context?.close();
      app.context = undefined;
      await until('the edge without streams', async () => (await streamsAtEdge(app.system)) === 0);
    });
    body(app);
  });
}
