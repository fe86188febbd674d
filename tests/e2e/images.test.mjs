// Image generation: progress and results of requests. docs/apps.md says what proves what.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applications, images, update } from './apps.mjs';
import { streamsAtEdge, until } from './tabs.mjs';

applications('image generation', (app) => {
  const who = { claims: { sub: 'gina' } };
  const progress = (request, percent) => update('gina', request, { status: 'STATUS_PROGRESS', message: 'working', payload: { progress: percent } });
  const done = (request) => update('gina', request, { status: 'STATUS_OK', message: 'done', payload: { images: [{ url: 'https://example.com/i.png', width: 1024 }] } });

  test('follows many requests over one connection, through a drop and a poll', async () => {
    const tab = await app.open(who);
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
    await until('one connection', async () => (await streamsAtEdge(app.system)) === 1);
    const shown = (request, name) => tab.event(`${name} of ${request}`, (event) => event.request === request && event.name === name);

    await app.system.publish([progress('one', 0), progress('two', 50), progress('three', 1)]);
    assert.deepEqual((await shown('one', 'onProgress')).data, { request_id: 'one', status: 'PROGRESS', message: 'working', payload: { progress: 0 } });
    await shown('two', 'onProgress');
    await app.system.end('weir-edge', 'SIGKILL');
    await shown('one', 'onDisconnect');
    await app.system.publish([done('one')]);
    await app.system.startEdge();
    assert.deepEqual((await shown('one', 'onSuccess')).data.payload.images[0], { url: 'https://example.com/i.png', width: 1024 });

    await tab.page.route(`**${images}*`, (request) =>
      request.request().headers()['accept'].startsWith('text/event-stream') ? request.abort() : request.continue(),
    );
    await app.system.end('weir-edge', 'SIGKILL');
    await app.system.startEdge();
    await tab.state('polling');
    await app.system.publish([update('gina', 'two', { status: 'STATUS_ERROR', message: 'no luck' })]);
    assert.equal((await shown('two', 'onError')).data.message, 'no luck');
    await tab.page.unroute(`**${images}*`);
    await tab.state('connected');
    assert.ok(!tab.events.some(({ request }) => request === 'three'));
    await tab.page.evaluate(() => window.stops.forEach((stop) => stop()));
    await until('the stream to be closed', async () => (await streamsAtEdge(app.system)) === 0);
    const counts = ['onProgress', 'onSuccess', 'onError'].map((name) => tab.events.filter((event) => event.name === name).length);
    assert.deepEqual(counts, [2, 1, 1]);
  });

  test('follows one request alone, and beats with a ping', async () => {
    const tab = await app.listen(`${images}?request_id=mine`, ['message', 'heartbeat'], '{}', who);
    await app.system.publish([progress('another', 1), progress('mine', 2)]);
    assert.equal((await tab.event('its progress', ({ name }) => name === 'message')).data.request_id, 'mine');
    assert.deepEqual((await tab.event('a heartbeat', ({ name }) => name === 'heartbeat')).data, { type: 'ping' });
    assert.ok(!tab.events.some(({ data }) => data.request_id === 'another'));
  });
});
