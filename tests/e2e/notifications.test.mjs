// Notifications: each user their own. docs/apps.md says what proves what.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applications, note, notifications, quick } from './apps.mjs';
import { Crowd } from './crowd.mjs';
import { jwt, streamsAtEdge, until } from './tabs.mjs';

applications('notifications', (app) => {
  const who = { claims: { sub: 'carol' } };
  const names = ['connected', 'notification', 'heartbeat'];

  test('have the headers exactly', async () => {
    const { status, headers } = await app.ask(`${notifications}?token=${jwt(app.system, who.claims)}`);
    assert.equal(status, 200);
    assert.equal(headers['content-type'], 'text/event-stream');
    assert.equal(headers['cache-control'], 'no-cache');
    assert.equal(headers['connection'], 'keep-alive');
  });

  test('begin with connected, beat with the number of connections, and come as they are written', async () => {
    const tab = await app.listen(notifications, names, '{}', who);
    const first = await tab.event('connected');
    assert.equal(first.name, 'connected');
    assert.deepEqual(Object.keys(first.data).sort(), ['timestamp', 'user_id']);
    assert.equal(first.data.user_id, 'carol');
    assert.ok(Math.abs(Date.now() - Date.parse(first.data.timestamp)) < 60_000);

    const beats = (connections) => tab.event(`a heartbeat of ${connections}`, ({ name, data }) => name === 'heartbeat' && data.connections === connections);
    assert.deepEqual(Object.keys((await beats(1)).data).sort(), ['connections', 'timestamp']);
    const second = await app.listen(notifications, names, '{}', who);
    await beats(2);
    await second.page.close();

    const data = {
      ...{ id: '123', type: 'success', title: 'Done', message: 'Your file is ready', status: 'unread' },
      ...{ metadata: { pages: 3, name: 'a.mp3' }, created_at: '2026-01-02T03:04:05Z' },
    };
    await app.system.publish([note('dave', 'not for carol'), note('carol', '123', data), note('', 'to all')]);
    const { name, data: shown } = await tab.event('the notification', ({ data }) => data.id === '123');
    assert.equal(name, 'notification');
    assert.deepEqual(shown, { ...data, related_session_id: null });
    await tab.event('the broadcast', ({ data }) => data.id === 'to all');
    assert.ok(!tab.events.some(({ data }) => data.id === 'not for carol'));
  });

  test('are not asked for again after an authentication error', async () => {
    const tab = await (await app.open()).listen(notifications, names, `{ ${quick}, fallback: weir.poll({ interval: 100 }) }`);
    await tab.state('disconnected');
    assert.deepEqual((await tab.status()).error, { message: 'the token was refused', status: 401, fatal: true });
    const forbidden = await (await app.open({ claims: { sub: 'a.b' } })).listen(notifications, names, `{ ${quick} }`);
    await forbidden.state('disconnected');
    assert.equal((await forbidden.status()).error.status, 403);
    for (const { page, requests } of [tab, forbidden]) {
      await page.evaluate(() => window.dispatchEvent(new Event('online')));
      // What it asked for would be seen before this.
      await page.evaluate(() => fetch('/favicon.ico?afterwards'));
      await until('the request after it', () => requests.some(({ url }) => url.endsWith('?afterwards')));
      assert.equal(await page.evaluate(() => window.stream.status.state), 'disconnected');
      assert.equal(requests.filter(({ url }) => url.includes(notifications)).length, 1);
    }
  });

  test('go on when the token ends, renewed before or in the middle of the stream; without a new one it is an error', async () => {
    const brief = { ...who, seconds: 10 };
    const ends = async (options, reason, whose = brief) => {
      const tab = await app.listen(notifications, names, `{ ${quick}, ${options} }`, whose);
      const ids = [];
      for (let n = 0; !tab.reasons.includes(reason); n++) ids.push(...(await app.system.publish([note('carol', `running ${n}`)])));
      ids.push(...(await app.system.publish([note('carol', 'the last')])));
      await tab.event('the last', ({ id }) => id === ids.at(-1));
      assert.deepEqual(tab.events.filter(({ name }) => name === 'notification').map(({ id }) => id), ids);
      assert.deepEqual(tab.gaps, []);
      await tab.page.close();
      return tab;
    };
    const renewed = await ends('', 'expiring', { ...who, seconds: 60 }); // with half of it left
    assert.deepEqual(new Set(renewed.states), new Set(['connecting', 'connected']));
    // A page that has no other token until the edge says that this one has ended.
    const kept = `auth: ({ reason }) => (record('reasons', reason), reason === 'expiring' ? window.kept : (window.kept = freshToken()))`;
    await ends(kept, 'rejected');
    // And one that has none even then.
    const never = await app.listen(notifications, names, `{ ${quick}, auth: ({ reason }) => (record('reasons', reason), (window.kept ??= freshToken())) }`, brief);
    await never.state('disconnected');
    assert.equal(never.reasons.at(-1), 'rejected');
    assert.deepEqual((await never.status()).error, { message: 'the token was refused', status: 401, fatal: true });
  });

  test('release a connection within 100 ms of its end', async () => {
    const kept = await app.listen(notifications, names, '{}', who);
    const before = await streamsAtEdge(app.system);
    const closing = await app.listen(notifications, names, '{}', { claims: { sub: 'closing' } });
    await until('both', async () => (await streamsAtEdge(app.system)) === before + 1);
    // Most of five in a row, as soon as the machine has the time.
    const took = [];
    const inTime = () => took.slice(-5).filter((ms) => ms < 100).length >= 3;
    for (let n = 0; n < 50 && !inTime(); n++) {
      const end = await closing.page.evaluate(() => (window.stream.close(), Date.now()));
      await until('its release', async () => (await streamsAtEdge(app.system)) === before);
      took.push(Date.now() - end);
      await closing.listen(notifications, names);
      await closing.state('connected');
    }
    assert.ok(inTime(), `released after ${took} ms`);
    await kept.page.close();
  });

  test('reach a thousand users, with a stream each, in less than two seconds', async () => {
    const crowd = await Crowd.open(app.system, notifications, 1000);
    const publisher = app.system.publisher();
    // More than once, where the machine was busy with something else.
    const took = [];
    try {
      for (let n = 0; n < 10 && !(Math.min(...took) < 2000); n++) took.push(await crowd.reach(`"id":"all ${n}"`, () => publisher.send(note('', `all ${n}`))));
    } finally {
      crowd.close();
      await publisher.end();
    }
    assert.ok(Math.min(...took) < 2000, `${took} ms`);
  });

  test('are counted by the metrics of these names', async () => {
    const tab = await app.listen(notifications, names, `{ ${quick} }`, who);
    await tab.event('a heartbeat', ({ name }) => name === 'heartbeat');
    await app.context.setOffline(true);
    await tab.state('disconnected');
    await app.context.setOffline(false);
    await tab.state('connected');
    await until('the new stream alone', async () => (await streamsAtEdge(app.system)) === 1);
    const page = async () => (await fetch(`http://${app.system.edgeAdmin}/metrics`)).text();
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
      await until(line, async () => line.test(await page())); // some are counted a moment after a stream is open, or gone
  });
});
