// What five applications need, in a real browser over the real server and edge. docs/apps.md says which row of which
// application a test proves.
import assert from 'node:assert/strict';
import http from 'node:http';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { root } from '../checks/tree.mjs';
import { launch } from './browser.mjs';
import { Crowd } from './crowd.mjs';
import { System } from './system.mjs';
import { bundle, jwt, metric, streamsAtEdge, Tab, until } from './tabs.mjs';

const vehicles = '/api/vehicles/updates';
const goals = '/realtime';
const dispatch = '/api/sse';
const notifications = '/api/notifications/stream';
const images = '/api/image-gen/events';

const quick = 'backoff: { base: 200, max: 1000 }';
const flash = (id, more = {}) => ({ topic: 'dispatch.broadcast', type: 'apps.dispatch.v1.FlashMessage', data: { id, text: 'Fire', ...more } });
const note = (user, id, more = {}) => ({
  topic: user ? `users.${user}.notifications` : 'broadcast.notifications',
  type: 'apps.notifications.v1.Notification',
  data: { id, ...more },
});
const update = (user, request, more) => ({
  topic: `users.${user}.imagegen.${request}`,
  type: 'apps.imagegen.v1.GenerationUpdate',
  data: { request_id: request, ...more },
});
const grid = (id) => ({ topic: 'vehicles.updates', type: 'apps.vehicles.v1.VehicleUpdate', data: { requestId: id, vehicles: [{ id }] } });

describe('the five applications', { timeout: 600_000 }, () => {
  let browser;
  let system;
  let script;
  let context;

  before(async () => {
    script = await bundle();
    browser = await launch();
    // The demo's routes; heartbeats come sooner, and a token ends when it says.
    const edge = readFileSync(path.join(root, 'demo/edge.yaml'), 'utf8').replaceAll('interval: 30s', 'interval: 1s').replace('auth:\n', 'auth:\n  leeway: 0s\n');
    system = await System.start({ edge });
  });
  after(async () => {
    await browser?.close();
    await system?.stop();
  });
  afterEach(async () => {
    await context?.close();
    context = undefined;
    await until('the edge without streams', async () => (await streamsAtEdge(system)) === 0);
  });

  const open = async (options) => Tab.open((context ??= await browser.newContext()), system, script, options);
  const listen = async (route, names, options, who) => {
    const tab = await (await open(who)).listen(route, names, options);
    await tab.state('connected');
    return tab;
  };
  // What the edge answers without a browser, as {status, headers}.
  const ask = (target, headers = {}) =>
    new Promise((resolve, reject) => {
      http
        .get(`http://${system.http}${target}`, { agent: false, headers: { Accept: 'text/event-stream', ...headers } }, (response) => {
          resolve({ status: response.statusCode, headers: response.headers, raw: response.rawHeaders });
          response.destroy();
        })
        .on('error', reject);
    });

  describe('vehicles', () => {
    const claims = { sub: 'ann' };

    test('take a token in the query or in a header, and nothing without one', async () => {
      const token = jwt(system, claims);
      assert.equal((await ask(`${vehicles}?token=${token}`)).status, 200);
      assert.equal((await ask(vehicles, { Authorization: `Bearer ${token}` })).status, 200);
      assert.equal((await ask(vehicles)).status, 401);
      assert.equal((await ask(`${vehicles}?token=${token}x`)).status, 401);
      assert.equal((await ask(`${vehicles}?token=${jwt(system, claims, -10)}`)).status, 401);

      // A page: its own EventSource with the query, the client with the header, and the client without a good token.
      const tab = await listen(vehicles, ['vehicle_update'], `{ transport: weir.native({ events: ['vehicle_update'] }) }`, { claims });
      assert.ok(tab.requests.some(({ url, authorization }) => url.includes('token=') && !authorization));
      const header = await listen(vehicles, ['vehicle_update'], '{}', { claims });
      assert.ok(header.requests.some(({ url, authorization }) => authorization && !url.includes('token=')));
      const refused = await (await open()).listen(vehicles, ['vehicle_update'], `{ auth: () => 'bad' }`);
      await refused.state('disconnected');
      assert.deepEqual((await refused.status()).error, { message: 'the token was refused', status: 401, fatal: true });
    });

    test('reach the grid by their name, with an id', async () => {
      const tab = await listen(vehicles, ['vehicle_update'], '{}', { claims });
      const data = { vehicles: [{ id: 'v1', make: 'Toyota' }], timestamp: '2026-01-02T03:04:05Z', requestId: 'r-1' };
      const [cursor] = await system.publish([{ topic: 'vehicles.updates', type: 'apps.vehicles.v1.VehicleUpdate', data }]);
      assert.deepEqual(await tab.event('the update'), { name: 'vehicle_update', data, id: cursor });
      assert.equal((await tab.status()).lastEventId, cursor);
    });

    test('are shown by a hook with state and time of the last update; StrictMode opens one stream, and unmounting closes it once', async () => {
      const tab = await open({ claims });
      const closedBefore = await metric(system, 'weir_edge_streams_closed_total', '{reason="client"}');
      await tab.page.evaluate((route) => {
        const { weir, react } = window;
        const h = react.createElement;
        window.stream = weir.createStream(route, { auth: () => window.freshToken() });
        const Grid = () => {
          const update = weir.useLatest(window.stream, 'vehicle_update');
          const { state, lastEventTime } = weir.useConnection(window.stream);
          return h('p', { title: state }, `${update?.data.vehicles[0].id ?? 'none'} ${lastEventTime ? new Date(lastEventTime).toISOString() : 'never'}`);
        };
        const place = document.body.appendChild(document.createElement('div'));
        window.root = react.createRoot(place);
        window.root.render(h(react.StrictMode, null, h(Grid)));
      }, vehicles);
      await tab.page.waitForSelector('p[title=connected]');
      assert.equal(await tab.page.textContent('p'), 'none never');
      assert.equal(await streamsAtEdge(system), 1);
      const asked = () => tab.requests.filter(({ url }) => url.includes(vehicles)).length;
      assert.equal(asked(), 1);
      await system.publish([grid('v7')]);
      await tab.page.waitForFunction(() => /^v7 \d{4}-/.test(document.querySelector('p').textContent));

      await tab.page.evaluate(() => window.root.unmount());
      await until('the stream to be closed', async () => (await streamsAtEdge(system)) === 0);
      assert.equal((await metric(system, 'weir_edge_streams_closed_total', '{reason="client"}')) - closedBefore, 1);
      assert.equal((await tab.status()).state, 'disconnected');
      // Nothing more is asked for, also when the page comes back from elsewhere, which would end a wait.
      await tab.page.evaluate(() => window.dispatchEvent(new Event('online')));
      await system.publish([grid('v8')]);
      assert.equal(asked(), 1);
    });
  });

  describe('goals', () => {
    const claims = { sub: 'bob', tenant_id: 'tenant-1' };
    const goal = { goalId: '123', title: 'Run', tenantId: 'tenant-1', createdAt: '2026-01-02T03:04:05Z' };
    const created = (tenant, data, id) => ({
      topic: `tenants.${tenant}.goals`,
      type: 'apps.goals.v1.GoalCreated',
      event_id: id,
      data,
      attributes: { tenant_id: tenant },
    });

    test('have names with dots and their envelope, and stay in their tenant', async () => {
      const ours = await listen(goals, ['goal.created'], '{}', { claims });
      const theirs = await listen(goals, ['goal.created'], '{}', { claims: { sub: 'eve', tenant_id: 'tenant-2' } });
      await system.publish([created('tenant-1', goal, 'evt_abc123'), created('tenant-2', { goalId: '9' }, 'evt_9')]);
      const { name, data } = await ours.event('our goal');
      const { timestamp, ...rest } = data;
      assert.equal(name, 'goal.created');
      assert.deepEqual(rest, { type: 'goal.created', data: goal, eventId: 'evt_abc123', tenantId: 'tenant-1' });
      assert.ok(Math.abs(Date.now() - Date.parse(timestamp)) < 60_000, timestamp);
      await theirs.event('their goal', ({ data }) => data.eventId === 'evt_9');
      assert.equal(theirs.events.length, 1);
    });

    test('come to every tab of the application over one connection', async () => {
      const shared = '{ transport: weir.share(weir.sse()) }';
      const tabs = [];
      for (let n = 0; n < 4; n++) tabs.push(await listen(goals, ['goal.created', 'goal.completed'], shared, { claims }));
      assert.equal(await streamsAtEdge(system), 1);
      await system.publish([created('tenant-1', goal, 'evt_tabs')]);
      for (const tab of tabs) await tab.event('the goal', ({ data }) => data.eventId === 'evt_tabs');
      // Another user's tab, in the same browser, has one of its own.
      const other = await listen(goals, ['goal.created'], shared, { claims: { sub: 'carl', tenant_id: 'tenant-2' } });
      assert.equal(await streamsAtEdge(system), 2);
      assert.deepEqual(other.events, []);
    });

    test('go on in the other tabs in less than a second when the tab that holds the connection dies', async () => {
      const shared = `{ transport: weir.share(weir.sse()), ${quick} }`;
      const first = await listen(goals, ['goal.created'], shared, { claims });
      const others = [await listen(goals, ['goal.created'], shared, { claims }), await listen(goals, ['goal.created'], shared, { claims })];
      // Each event says when it was published: those that had to wait for the new leader come late, all in order.
      for (const tab of others)
        await tab.page.evaluate(() => {
          window.late = [];
          window.stream.on('goal.created', ({ data }) => window.late.push(Date.now() - Number(data.data.title)));
        });
      const publisher = system.publisher();
      const feed = setInterval(() => publisher.send(created('tenant-1', { ...goal, title: String(Date.now()) })), 20);
      const more = async (count) => {
        const goals = others.map(({ events }) => events.length + count);
        await until(`${count} more events`, () => others.every(({ events }, at) => events.length >= goals[at]));
      };
      await more(20);
      await first.page.goto('chrome://crash').catch(() => {});
      await more(100);
      assert.equal(await streamsAtEdge(system), 1);
      clearInterval(feed);
      await publisher.end();
      const log = await system.cursors('tenants.tenant-1.goals');
      for (const tab of others) {
        await until('the last event', () => tab.events.at(-1)?.id === log.at(-1));
        const ids = tab.events.map(({ id }) => id);
        assert.deepEqual(ids, log.slice(log.indexOf(ids[0])));
        assert.deepEqual(tab.gaps, []);
        const latest = await tab.page.evaluate(() => Math.max(...window.late));
        assert.ok(latest < 1000, `an event came ${latest} ms late`);
      }
    });

    test('call back by useEvent while a component is mounted, beside an indicator of the connection', async () => {
      const tab = await open({ claims });
      await tab.page.evaluate((route) => {
        const { weir, react, record } = window;
        const h = react.createElement;
        window.stream = weir.createStream(route, { auth: () => window.freshToken(), backoff: { base: 200 } });
        const App = () => {
          weir.useEvent(window.stream, 'goal.created', ({ name, data, id }) => record('events', { name, data, id }));
          return h('i', null, weir.useConnection(window.stream, ({ state }) => state));
        };
        window.root = react.createRoot(document.body.appendChild(document.createElement('div')));
        window.root.render(h(react.StrictMode, null, h(App)));
      }, goals);
      const shows = (state) => tab.page.waitForFunction((text) => document.querySelector('i')?.textContent === text, state);
      await shows('connected');
      await system.publish([created('tenant-1', goal, 'evt_hook')]);
      await tab.event('the goal', ({ data }) => data.eventId === 'evt_hook');
      await system.end('weir-edge', 'SIGKILL');
      await shows('reconnecting');
      await system.startEdge();
      await shows('connected');
      await tab.page.evaluate(() => window.root.unmount());
      await until('the stream to be closed', async () => (await streamsAtEdge(system)) === 0);
    });
  });

  describe('dispatch', () => {
    test('reaches every tab in less than a second, triggered by hand', async () => {
      const tabs = [];
      for (let n = 0; n < 3; n++) tabs.push(await listen(dispatch, ['message']));
      await system.weir('publish', '--topic', 'dispatch.broadcast', '--type', 'apps.dispatch.v1.FlashMessage', '{"id": "test", "text": "A test"}');
      for (const tab of tabs) {
        const { data, id } = await tab.event('the broadcast');
        assert.equal(data.type, 'flash_message');
        assert.deepEqual(data.data, { id: 'test', text: 'A test' });
        assert.match(data.timestamp, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
        const took = tab.arrivals.get(id) - Date.parse(data.timestamp);
        assert.ok(took < 1000, `${took} ms`);
      }
    });

    test('polls after five failures, returns to the stream, and shows and logs each state', async () => {
      const tab = await listen(dispatch, ['message'], `{ fallback: weir.poll({ interval: 300 }), retryStreamAfter: 2000, random: () => 0.01 }`);
      const ids = [];
      const publish = async (id) => ids.push(...(await system.publish([flash(id)])));
      await publish('on the stream');
      let failures = 0;
      await tab.page.route(`**${dispatch}*`, (request) => {
        if (!request.request().headers()['accept'].startsWith('text/event-stream')) return request.continue();
        failures++;
        return request.abort();
      });
      await system.end('weir-edge', 'SIGKILL');
      await publish('while nothing is there');
      await system.startEdge();
      await tab.state('polling');
      assert.ok(failures >= 4, `${failures} attempts after the one that was cut`);
      assert.equal((await tab.status()).attempts >= 5, true);
      assert.match((await tab.status()).error.message, /fetch/i);
      await publish('while it polls');
      await tab.event('what was published while it polls', ({ id }) => id === ids.at(-1));
      await tab.page.unroute(`**${dispatch}*`);
      await tab.state('connected');
      await publish('on the stream again');
      await tab.event('the last one', ({ id }) => id === ids.at(-1));
      assert.deepEqual(tab.events.map(({ id }) => id), ids);
      assert.deepEqual(tab.gaps, []);
      const states = tab.states.filter((state, at, all) => state !== all[at - 1]);
      assert.deepEqual(states, ['connecting', 'connected', 'reconnecting', 'polling', 'connected']);
      const lines = tab.log.filter((line) => line.startsWith('[weir '));
      assert.deepEqual(
        lines.map((line) => /^\[weir \d{4}-\d\d-\d\dT[\d:.]+Z \/api\/sse\] (\w+)/.exec(line)?.[1]),
        states,
      );
    });

    test('comes back by itself, offline and online, and misses nothing', async () => {
      const tab = await listen(dispatch, ['message'], `{ ${quick} }`);
      await context.setOffline(true);
      await tab.state('disconnected');
      assert.equal((await tab.status()).error.message, 'offline');
      await until('the edge to lose it', async () => (await streamsAtEdge(system)) === 0);
      const [missed] = await system.publish([flash('missed')]);
      await context.setOffline(false);
      await tab.state('connected');
      await tab.event('what was missed', ({ id }) => id === missed);
    });

    test('is told of a gap when its cursor is of another log', async () => {
      const tab = await (await open()).listen(dispatch, ['message'], `{ lastEventId: 'zzzzzzzz-5' }`);
      await until('the gap', () => tab.gaps.length > 0);
      assert.deepEqual({ ...tab.gaps[0], resumedAt: '' }, { reason: 'other_epoch', requested: 'zzzzzzzz-5', resumedAt: '' });
      const [next] = await system.publish([flash('after the gap')]);
      await tab.event('what follows', ({ id }) => id === next);
    });
  });

  describe('notifications', () => {
    const who = { claims: { sub: 'carol' } };
    const names = ['connected', 'notification', 'heartbeat'];

    test('have the headers exactly', async () => {
      const { status, headers } = await ask(`${notifications}?token=${jwt(system, who.claims)}`);
      assert.equal(status, 200);
      assert.equal(headers['content-type'], 'text/event-stream');
      assert.equal(headers['cache-control'], 'no-cache');
      assert.equal(headers['connection'], 'keep-alive');
    });

    test('begin with connected, beat with the number of connections, and come as they are written', async () => {
      const tab = await listen(notifications, names, '{}', who);
      const first = await tab.event('connected');
      assert.equal(first.name, 'connected');
      assert.deepEqual(Object.keys(first.data).sort(), ['timestamp', 'user_id']);
      assert.equal(first.data.user_id, 'carol');
      assert.ok(Math.abs(Date.now() - Date.parse(first.data.timestamp)) < 60_000);

      const beats = (connections) => tab.event(`a heartbeat of ${connections}`, ({ name, data }) => name === 'heartbeat' && data.connections === connections);
      assert.deepEqual(Object.keys((await beats(1)).data).sort(), ['connections', 'timestamp']);
      const second = await listen(notifications, names, '{}', who);
      await beats(2);
      await second.page.close();

      const data = {
        ...{ id: '123', type: 'success', title: 'Done', message: 'Your file is ready', status: 'unread' },
        ...{ metadata: { pages: 3, name: 'a.mp3' }, created_at: '2026-01-02T03:04:05Z' },
      };
      await system.publish([note('dave', 'not for carol'), note('carol', '123', data), note('', 'to all')]);
      const { name, data: shown } = await tab.event('the notification', ({ data }) => data.id === '123');
      assert.equal(name, 'notification');
      assert.deepEqual(shown, { ...data, related_session_id: null });
      await tab.event('the broadcast', ({ data }) => data.id === 'to all');
      assert.ok(!tab.events.some(({ data }) => data.id === 'not for carol'));
    });

    test('are not asked for again after an authentication error', async () => {
      const tab = await (await open()).listen(notifications, names, `{ ${quick}, fallback: weir.poll({ interval: 100 }) }`);
      await tab.state('disconnected');
      assert.deepEqual((await tab.status()).error, { message: 'the token was refused', status: 401, fatal: true });
      const forbidden = await (await open({ claims: { sub: 'a.b' } })).listen(notifications, names, `{ ${quick} }`);
      await forbidden.state('disconnected');
      assert.equal((await forbidden.status()).error.status, 403);
      for (const { page, requests } of [tab, forbidden]) {
        await page.evaluate(() => window.dispatchEvent(new Event('online')));
        assert.equal(await page.evaluate(() => window.stream.status.state), 'disconnected');
        assert.equal(requests.filter(({ url }) => url.includes(notifications)).length, 1);
      }
    });

    test('go on when the token ends, renewed before or in the middle of the stream; without a new one it is an error', async () => {
      const brief = { ...who, seconds: 3 };
      const ends = async (options, reason) => {
        const tab = await listen(notifications, names, `{ ${quick}, ${options} }`, brief);
        const ids = [];
        for (let n = 0; !tab.reasons.includes(reason); n++) ids.push(...(await system.publish([note('carol', `running ${n}`)])));
        ids.push(...(await system.publish([note('carol', 'the last')])));
        await tab.event('the last', ({ id }) => id === ids.at(-1));
        assert.deepEqual(tab.events.filter(({ name }) => name === 'notification').map(({ id }) => id), ids);
        assert.deepEqual(tab.gaps, []);
        await tab.page.close();
        return tab;
      };
      const renewed = await ends('', 'expiring');
      assert.deepEqual(new Set(renewed.states), new Set(['connecting', 'connected']));
      // A page that has no other token until the edge says that this one has ended.
      const kept = `auth: ({ reason }) => (record('reasons', reason), reason === 'expiring' ? window.kept : (window.kept = freshToken()))`;
      await ends(kept, 'rejected');
      // And one that has none even then.
      const never = await listen(notifications, names, `{ ${quick}, auth: ({ reason }) => (record('reasons', reason), (window.kept ??= freshToken())) }`, brief);
      await never.state('disconnected');
      assert.equal(never.reasons.at(-1), 'rejected');
      assert.deepEqual((await never.status()).error, { message: 'the token was refused', status: 401, fatal: true });
    });

    test('release a connection within 100 ms of its end', async () => {
      const kept = await listen(notifications, names, '{}', who);
      const before = await streamsAtEdge(system);
      const closing = await listen(notifications, names, '{}', { claims: { sub: 'closing' } });
      assert.equal(await streamsAtEdge(system), before + 1);
      const took = [];
      for (let n = 0; n < 5; n++) {
        const end = await closing.page.evaluate(() => (window.stream.close(), Date.now()));
        while ((await streamsAtEdge(system)) !== before) assert.ok(Date.now() - end < 10_000, 'it is never released');
        took.push(Date.now() - end);
        await closing.listen(notifications, names);
        await closing.state('connected');
      }
      took.sort((a, b) => a - b);
      assert.ok(took[2] < 100, `released after ${took} ms`);
      await kept.page.close();
    });

    test('reach a thousand users, with a stream each, in less than two seconds', async () => {
      const crowd = await Crowd.open(system, notifications, 1000);
      const publisher = system.publisher();
      const took = await crowd.reach('"id":"all"', () => publisher.send(note('', 'all')));
      crowd.close();
      await publisher.end();
      assert.ok(took < 2000, `${took} ms`);
    });

    test('are counted by the metrics of these names', async () => {
      const tab = await listen(notifications, names, `{ ${quick} }`, who);
      await tab.event('a heartbeat', ({ name }) => name === 'heartbeat');
      await context.setOffline(true);
      await tab.state('disconnected');
      await context.setOffline(false);
      await tab.state('connected');
      const text = await (await fetch(`http://${system.edgeAdmin}/metrics`)).text();
      for (const line of [
        /^# TYPE sse_connections_total gauge$/m,
        /^sse_connections_total 1$/m,
        /^# TYPE sse_messages_sent_total counter$/m,
        /^sse_messages_sent_total\{event_type="notification"\} [1-9]/m,
        /^# TYPE sse_connection_duration_seconds histogram$/m,
        /^sse_connection_duration_seconds_bucket\{le="\+Inf"\} [1-9]/m,
        /^# TYPE sse_reconnection_attempts_total counter$/m,
        /^sse_reconnection_attempts_total\{reason="resumed"\} [1-9]/m,
      ])
        assert.match(text, line);
    });
  });

  describe('image generation', () => {
    const who = { claims: { sub: 'gina' } };
    const progress = (request, percent) => update('gina', request, { status: 'STATUS_PROGRESS', message: 'working', payload: { progress: percent } });
    const done = (request) => update('gina', request, { status: 'STATUS_OK', message: 'done', payload: { images: [{ url: 'https://example.com/i.png', width: 1024 }] } });

    test('follows many requests over one connection, through a drop and a poll', async () => {
      const tab = await open(who);
      // What the application has: subscribe(requestId, callbacks) → unsubscribe, over one stream.
      await tab.page.evaluate((route) => {
        const { weir, record } = window;
        window.stream = weir.createStream(route, {
          ...{ auth: () => window.freshToken(), backoff: { base: 200, max: 1000 }, start: 'last' },
          ...{ fallback: weir.poll({ interval: 100 }), fallbackAfter: 2, retryStreamAfter: 1000 },
        });
        const subscribe = (request, { onSuccess, onError, onProgress, onDisconnect }) => {
          const stops = [
            window.stream.on('message', ({ data }) => {
              if (data.request_id !== request) return;
              ({ OK: onSuccess, ERROR: onError, PROGRESS: onProgress })[data.status]?.(data);
            }),
            window.stream.onStatus(({ state }) => state === 'reconnecting' && onDisconnect()),
          ];
          return () => stops.forEach((stop) => stop());
        };
        const callbacks = (request) =>
          Object.fromEntries(['onSuccess', 'onError', 'onProgress', 'onDisconnect'].map((name) => [name, (data) => record('events', { request, name, data })]));
        window.stops = ['one', 'two'].map((request) => subscribe(request, callbacks(request)));
      }, images);
      await tab.state('connected');
      assert.equal(await streamsAtEdge(system), 1);
      const shown = (request, name) => tab.event(`${name} of ${request}`, (event) => event.request === request && event.name === name);

      await system.publish([progress('one', 0), progress('two', 50), progress('three', 1)]);
      assert.deepEqual((await shown('one', 'onProgress')).data, { request_id: 'one', status: 'PROGRESS', message: 'working', payload: { progress: 0 } });
      await shown('two', 'onProgress');
      await system.end('weir-edge', 'SIGKILL');
      await shown('one', 'onDisconnect');
      await system.publish([done('one')]);
      await system.startEdge();
      assert.deepEqual((await shown('one', 'onSuccess')).data.payload.images[0], { url: 'https://example.com/i.png', width: 1024 });

      await tab.page.route(`**${images}*`, (request) =>
        request.request().headers()['accept'].startsWith('text/event-stream') ? request.abort() : request.continue(),
      );
      await system.end('weir-edge', 'SIGKILL');
      await system.startEdge();
      await tab.state('polling');
      await system.publish([update('gina', 'two', { status: 'STATUS_ERROR', message: 'no luck' })]);
      assert.equal((await shown('two', 'onError')).data.message, 'no luck');
      await tab.page.unroute(`**${images}*`);
      await tab.state('connected');
      assert.ok(!tab.events.some(({ request }) => request === 'three'));
      await tab.page.evaluate(() => window.stops.forEach((stop) => stop()));
      await until('the stream to be closed', async () => (await streamsAtEdge(system)) === 0);
      const counts = ['onProgress', 'onSuccess', 'onError'].map((name) => tab.events.filter((event) => event.name === name).length);
      assert.deepEqual(counts, [2, 1, 1]);
    });

    test('follows one request alone, and beats with a ping', async () => {
      const tab = await listen(`${images}?request_id=mine`, ['message', 'heartbeat'], '{}', who);
      await system.publish([progress('another', 1), progress('mine', 2)]);
      assert.equal((await tab.event('its progress', ({ name }) => name === 'message')).data.request_id, 'mine');
      assert.deepEqual((await tab.event('a heartbeat', ({ name }) => name === 'heartbeat')).data, { type: 'ping' });
      assert.ok(!tab.events.some(({ data }) => data.request_id === 'another'));
    });
  });
});
