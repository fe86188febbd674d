// Vehicles: a grid that is updated live. docs/apps.md says what proves what.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applications, grid, vehicles } from './apps.mjs';
import { jwt, metric, streamsAtEdge, until } from './tabs.mjs';

applications('vehicles', (app) => {
  const claims = { sub: 'ann' };

  test('take a token in the query or in a header, and nothing without one', async () => {
    const token = jwt(app.system, claims);
    assert.equal((await app.ask(`${vehicles}?token=${token}`)).status, 200);
    assert.equal((await app.ask(vehicles, { Authorization: `Bearer ${token}` })).status, 200);
    assert.equal((await app.ask(vehicles)).status, 401);
    assert.equal((await app.ask(`${vehicles}?token=${token}x`)).status, 401);
    assert.equal((await app.ask(`${vehicles}?token=${jwt(app.system, claims, -10)}`)).status, 401);

    // A page: its own EventSource with the query, the client with the header, and the client without a good token.
    const tab = await app.listen(vehicles, ['vehicle_update'], `{ transport: weir.native({ events: ['vehicle_update'] }) }`, { claims });
    assert.ok(tab.requests.some(({ url, authorization }) => url.includes('token=') && !authorization));
    const header = await app.listen(vehicles, ['vehicle_update'], '{}', { claims });
    assert.ok(header.requests.some(({ url, authorization }) => authorization && !url.includes('token=')));
    const refused = await (await app.open()).listen(vehicles, ['vehicle_update'], `{ auth: () => 'bad' }`);
    await refused.state('disconnected');
    assert.deepEqual((await refused.status()).error, { message: 'the token was refused', status: 401, fatal: true });
  });

  test('reach the grid by their name, with an id', async () => {
    const tab = await app.listen(vehicles, ['vehicle_update'], '{}', { claims });
    const data = { vehicles: [{ id: 'v1', make: 'Toyota' }], timestamp: '2026-01-02T03:04:05Z', requestId: 'r-1' };
    const [cursor] = await app.system.publish([{ topic: 'vehicles.updates', type: 'apps.vehicles.v1.VehicleUpdate', data }]);
    assert.deepEqual(await tab.event('the update'), { name: 'vehicle_update', data, id: cursor });
    assert.equal((await tab.status()).lastEventId, cursor);
  });

  test('are shown by a hook with state and time of the last update; StrictMode opens one stream, and unmounting closes it once', async () => {
    const tab = await app.open({ claims });
    const closed = () => metric(app.system, 'weir_edge_streams_closed_total', '{reason="client"}');
    const closedBefore = await closed();
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
    await until('one connection', async () => (await streamsAtEdge(app.system)) === 1);
    const asked = () => tab.requests.filter(({ url }) => url.includes(vehicles)).length;
    assert.equal(asked(), 1);
    await app.system.publish([grid('v7')]);
    await tab.page.waitForFunction(() => /^v7 \d{4}-/.test(document.querySelector('p').textContent));

    await tab.page.evaluate(() => window.root.unmount());
    await until('the stream to be closed', async () => (await streamsAtEdge(app.system)) === 0);
    await until('its end to be counted', async () => (await closed()) > closedBefore); // after it is not among the open ones
    assert.equal((await tab.status()).state, 'disconnected');
    // Nothing more is asked for, also when the page comes back from elsewhere, which would end a wait.
    await tab.page.evaluate(() => window.dispatchEvent(new Event('online')));
    await app.system.publish([grid('v8')]);
    assert.equal(asked(), 1);
    assert.equal((await closed()) - closedBefore, 1);
  });
});
