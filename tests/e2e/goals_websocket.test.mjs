// Routes over WebSocket, read by the client in a real browser. docs/apps.md says what proves what.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applications, created, goal, goals, grid, note, notifications, quick, vehicles } from './apps.mjs';
import { streamsAtEdge, until } from './tabs.mjs';

// The demo has one route with a WebSocket; here is another one, with two filters. Who is held up when a token of seconds is
// to be renewed still is in time.
const withNotifications = (yaml) =>
  yaml.replace('  - path: /api/notifications/stream\n', '$&    websocket: true\n').replace('leeway: 0s', 'leeway: 1m');

applications('WebSocket', (app) => {
  const claims = { sub: 'bob', tenant_id: 'tenant-1' };
  // Listens as `listen` does, and keeps what goes over the page's WebSockets.
  const converse = async (route, names, options, who) => {
    const tab = await app.open(who);
    tab.sockets = [];
    tab.page.on('websocket', (socket) => {
      const frames = [];
      tab.sockets.push({ url: socket.url(), frames });
      socket.on('framesent', ({ payload }) => frames.push({ sent: JSON.parse(payload) }));
      socket.on('framereceived', ({ payload }) => frames.push({ received: JSON.parse(payload) }));
    });
    return tab.listen(route, names, options);
  };
  const sent = ({ frames }, wanted) => frames.flatMap(({ sent }) => (sent?.type === wanted ? [sent] : []));

  test('the token is said first, renewed in place, and nothing is missed over restarts', async () => {
    const tab = await converse(goals, ['goal.created'], `{ transport: weir.ws(), ${quick} }`, { claims, seconds: 4 });
    await tab.state('connected');
    const [socket] = tab.sockets;
    assert.equal(socket.url, `ws://${app.system.http}${goals}`);
    assert.equal(socket.frames[0].sent.type, 'auth');
    assert.equal(socket.frames[1].received.type, 'auth.success');
    assert.ok(Math.abs(Date.parse(socket.frames[1].received.expiresAt) - Date.now()) < 60_000);

    const ids = await app.system.publish([created('tenant-1', goal, 'evt_ws'), created('tenant-2', goal, 'evt_of_others')]);
    const { id, name, data } = await tab.event('the goal');
    const { timestamp, ...rest } = data;
    assert.deepEqual({ id, name, rest }, { id: ids.shift(), name: 'goal.created', rest: { type: 'goal.created', data: goal, eventId: 'evt_ws', tenantId: 'tenant-1' } });
    assert.ok(Date.parse(timestamp));

    await until('two renewals', () => sent(socket, 'auth').length >= 3);
    ids.splice(0, 1, ...(await app.system.publish([created('tenant-1', goal, 'evt_renewed')])));
    await tab.event('a goal after them', ({ data }) => data.eventId === 'evt_renewed');
    assert.equal(tab.sockets.length, 1);
    assert.deepEqual(new Set(tab.reasons), new Set(['missing', 'expiring']));
    assert.deepEqual(new Set(tab.states), new Set(['connecting', 'connected']));

    for (const signal of ['SIGTERM', 'SIGKILL']) {
      await app.system.end('weir-edge', signal);
      ids.push(...(await app.system.publish([created('tenant-1', goal, `evt_${signal}`)])));
      await app.system.startEdge();
      await tab.event('what was missed', ({ id }) => id === ids.at(-1));
    }
    assert.deepEqual(tab.events.slice(1).map(({ id }) => id), ids);
    assert.deepEqual(tab.gaps, []);
  });

  test('all tabs share one', async () => {
    const shared = '{ transport: weir.share(weir.ws()) }';
    const tabs = [];
    for (let n = 0; n < 3; n++) tabs.push(await app.listen(goals, ['goal.created'], shared, { claims }));
    await until('one connection', async () => (await streamsAtEdge(app.system)) === 1);
    const [id] = await app.system.publish([created('tenant-1', goal, 'evt_shared')]);
    for (const tab of tabs) await tab.event('the goal', (event) => event.id === id);
    await tabs[0].page.close();
    const [next] = await app.system.publish([created('tenant-1', goal, 'evt_next')]);
    for (const tab of tabs.slice(1)) await tab.event('the next goal', (event) => event.id === next);
  });

  test('a bad token is refreshed once, and then it is over; so it is where there is no route', async () => {
    const tab = await converse(goals, ['goal.created'], `{ transport: weir.ws(), ${quick}, auth: ({ reason }) => (record('reasons', reason), 'bad') }`, { claims });
    await tab.state('disconnected');
    assert.deepEqual(tab.reasons, ['missing', 'rejected']);
    assert.deepEqual((await tab.status()).error, { message: 'the token was refused', status: 401, fatal: true });
    const nowhere = await converse('/nowhere', [], `{ transport: weir.ws() }`);
    await nowhere.page.evaluate(() => window.stream.on('message', () => {}));
    await nowhere.state('disconnected');
    assert.equal((await nowhere.status()).error.status, 404);
  });

  test('a route without one is read over SSE, where that is the fallback', async () => {
    const options = `{ transport: weir.ws(), fallback: weir.sse(), fallbackAfter: 2, ${quick} }`;
    const tab = await converse(vehicles, ['vehicle_update'], options, { claims: { sub: 'ann' } });
    await tab.state('connected');
    const [id] = await app.system.publish([grid('v9')]);
    await tab.event('the grid', (event) => event.id === id);
    assert.equal(tab.sockets.length, 2);
  });

  test('filters change on the way, within the route', async () => {
    const tab = await converse(
      notifications,
      ['notification'],
      `{ transport: (window.transport = weir.ws({ filters: ['broadcast.notifications'] })), ${quick} }`,
      { claims: { sub: 'wanda' } },
    );
    await tab.state('connected');
    const shown = async (id) => (await tab.event(id, ({ data }) => data.id === id)).data.id;
    await app.system.publish([note('wanda', 'not asked for'), note('', 'to all 1')]);
    await shown('to all 1');
    await tab.page.evaluate(() => window.transport.subscribe('users.wanda.notifications'));
    await app.system.publish([note('wanda', 'asked for')]);
    await shown('asked for');
    const refused = await tab.page.evaluate(() => window.transport.subscribe('users.dave.notifications').catch(({ message }) => message));
    assert.match(refused, /^FILTER_NOT_ALLOWED: /);
    // It is kept over a reconnect.
    await app.system.end('weir-edge', 'SIGKILL');
    await app.system.startEdge();
    await app.system.publish([note('dave', 'of another'), note('wanda', 'after the restart')]);
    await shown('after the restart');
    await tab.page.evaluate(() => window.transport.unsubscribe('users.wanda.notifications'));
    await app.system.publish([note('wanda', 'not any more'), note('', 'to all 2')]);
    await shown('to all 2');
    assert.deepEqual(tab.events.map(({ data }) => data.id), ['to all 1', 'asked for', 'after the restart', 'to all 2']);
  });
}, withNotifications);
