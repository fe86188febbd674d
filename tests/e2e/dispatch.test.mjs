// Dispatch: broadcasts to everybody. docs/apps.md says what proves what.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applications, dispatch, flash, quick } from './apps.mjs';
import { streamsAtEdge, until } from './tabs.mjs';

applications('dispatch', (app) => {
  test('reaches every tab in less than a second, triggered by hand', async () => {
    const tabs = [];
    for (let n = 0; n < 3; n++) tabs.push(await app.listen(dispatch, ['message']));
    // More than once, where the machine was busy with something else.
    const took = [];
    for (let n = 0; n < 10 && !(Math.min(...took) < 1000); n++) {
      const message = { id: `test ${n}`, text: 'A test' };
      await app.system.weir('publish', '--topic', 'dispatch.broadcast', '--type', 'apps.dispatch.v1.FlashMessage', JSON.stringify(message));
      const times = [];
      for (const tab of tabs) {
        const { data, id } = await tab.event('the broadcast', ({ data }) => data.data.id === message.id);
        assert.equal(data.type, 'flash_message');
        assert.deepEqual(data.data, message);
        assert.match(data.timestamp, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
        times.push(tab.arrivals.get(id) - Date.parse(data.timestamp));
      }
      took.push(Math.max(...times));
    }
    assert.ok(Math.min(...took) < 1000, `${took} ms`);
  });

  test('polls after five failures, returns to the stream, and shows and logs each state', async () => {
    const tab = await app.listen(dispatch, ['message'], `{ fallback: weir.poll({ interval: 300 }), retryStreamAfter: 2000, random: () => 0.01 }`);
    const ids = [];
    const publish = async (id) => ids.push(...(await app.system.publish([flash(id)])));
    await publish('on the stream');
    let failures = 0;
    await tab.page.route(`**${dispatch}*`, (request) => {
      if (!request.request().headers()['accept'].startsWith('text/event-stream')) return request.continue();
      failures++;
      return request.abort();
    });
    await app.system.end('weir-edge', 'SIGKILL');
    await publish('while nothing is there');
    await app.system.startEdge();
    await tab.state('polling');
    assert.ok(failures >= 4, `${failures} attempts after the one that was cut`);
    assert.equal((await tab.status()).attempts >= 5, true);
    assert.match((await tab.status()).error.message, /fetch|answered 503/i); // the edge may be up, and not have heard of its server
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
    const tab = await app.listen(dispatch, ['message'], `{ ${quick} }`);
    await app.context.setOffline(true);
    await tab.state('disconnected');
    assert.equal((await tab.status()).error.message, 'offline');
    await until('the edge to lose it', async () => (await streamsAtEdge(app.system)) === 0);
    const [missed] = await app.system.publish([flash('missed')]);
    await app.context.setOffline(false);
    await tab.state('connected');
    await tab.event('what was missed', ({ id }) => id === missed);
  });

  test('is told of a gap when its cursor is of another log', async () => {
    const tab = await (await app.open()).listen(dispatch, ['message'], `{ lastEventId: 'zzzzzzzz-5' }`);
    await until('the gap', () => tab.gaps.length > 0);
    assert.deepEqual({ ...tab.gaps[0], resumedAt: '' }, { reason: 'other_epoch', requested: 'zzzzzzzz-5', resumedAt: '' });
    const [next] = await app.system.publish([flash('after the gap')]);
    await tab.event('what follows', ({ id }) => id === next);
  });
});
