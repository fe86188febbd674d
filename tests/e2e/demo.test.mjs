// The demo's page in a real browser, over the real server, edge, feed and backend, while its connections are broken.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { root } from '../checks/tree.mjs';
import { launch } from './browser.mjs';
import { DemoPage, until } from './demo_page.mjs';
import { System } from './system.mjs';

const parts = ['Vehicles', 'Goals', 'Dispatch', 'Notifications', 'Image generation'];
const types = {
  goal: 'apps.goals.v1.GoalCreated',
  notification: 'apps.notifications.v1.Notification',
  flash: 'apps.dispatch.v1.FlashMessage',
};
const notification = (id, topic = 'users.alice.notifications') => ({
  topic,
  type: types.notification,
  data: { id, type: 'success', title: `Title ${id}`, message: 'Text', status: 'unread', created_at: new Date().toISOString() },
});

describe('the demo page', { timeout: 600_000 }, () => {
  let browser;
  let system;
  let context;
  let demo;
  let count = 0; // of what a test published: ids differ between tests

  before(async () => {
    browser = await launch();
    system = await System.start();
    await system.startPage('--interval', '0');
  });
  after(async () => {
    await browser?.close();
    await system?.stop();
  });
  afterEach(async () => {
    demo?.assertNoErrors();
    await context?.close();
    context = demo = undefined;
    await system.end('weir-demo-feed');
  });

  async function open(options = {}) {
    context ??= await browser.newContext(options);
    demo = await DemoPage.open(context, `http://${system.http}/`);
    return demo;
  }
  const inbox = (user) => demo.page.getByRole('region', { name: `Notifications of ${user}` });
  const tenant = (name) => demo.page.getByRole('region', { name: `Goals of ${name}` });
  const fresh = (many) => Array.from({ length: many }, () => `own-${++count}`);

  // Publishes, and resolves to the ids, the newest first: as they are listed.
  async function notify(many, topic) {
    const ids = fresh(many);
    await system.publish(ids.map((id) => notification(id, topic)));
    return ids.toReversed();
  }
  // Resolves when these are listed first, in this order.
  const lists = (scope, ids) => until(`${ids}`, async () => (await demo.ids(scope)).slice(0, ids.length).join() === ids.join());
  // The same of an inbox; and nothing came twice: the bell, which counts what came, has rung once for each that is listed.
  const has = async (user, ids) => {
    await lists(inbox(user), ids);
    const all = await demo.ids(inbox(user));
    assert.equal(new Set(all).size, all.length, `${all}`);
    assert.equal(Number(await inbox(user).locator('.bell b').textContent()), await inbox(user).locator('[data-read="false"]').count());
  };
  const metric = async (pattern) => Number(pattern.exec(await (await fetch(`http://${system.edgeAdmin}/metrics`)).text())[1]);
  const streamsAtEdge = () => metric(/^sse_connections_total (\d+)/m);

  test('each part is alive, fed by its publisher', async () => {
    system.startFeed('--rate', '10/s');
    await system.end('backend');
    await system.startPage('--interval', '0.3');
    await open();
    await until('cars', async () => (await demo.ids(demo.part('Vehicles'))).length > 20);
    for (const name of ['tenant-1', 'tenant-2']) await tenant(name).locator('[data-id]').first().waitFor();
    await demo.part('Dispatch').locator('.flash b').waitFor();
    await demo.part('Dispatch').locator('.units [data-status="on_scene"]').waitFor();
    await demo.part('Dispatch').locator('.incidents li').first().waitFor();
    for (const name of ['alice', 'bob']) await inbox(name).locator('[data-id]').first().waitFor();
    await until('three requests under way', async () => (await demo.part('Image generation').locator('progress').count()) >= 3);
    const picture = demo.part('Image generation').locator('img').first();
    assert.deepEqual(await picture.evaluate(async (image) => (await image.decode(), [image.naturalWidth, image.naturalHeight])), [480, 300]);
    await system.end('backend');
    await system.startPage('--interval', '0');
  });

  test('shows each tenant and each user their own, and to all what is for all', async () => {
    await open();
    await demo.state('Notifications', 'connected');
    const [goal, other] = fresh(2);
    await system.publish([
      { topic: 'tenants.tenant-1.goals', type: types.goal, data: { goalId: goal, title: 'Of the first' }, attributes: { tenant_id: 'tenant-1' } },
      { topic: 'tenants.tenant-2.goals', type: types.goal, data: { goalId: other, title: 'Of the second' }, attributes: { tenant_id: 'tenant-2' } },
    ]);
    const [ofAlice, ofBob] = [await notify(1), await notify(1, 'users.bob.notifications')].flat();
    const [all] = await notify(1, 'broadcast.notifications');
    await has('alice', [all, ofAlice]);
    await has('bob', [all, ofBob]);
    await lists(tenant('tenant-1'), [goal]);
    await lists(tenant('tenant-2'), [other]);
    assert.equal(await tenant('tenant-1').locator(`[data-id="${other}"]`).count(), 0);
    assert.equal(await tenant('tenant-2').locator(`[data-id="${goal}"]`).count(), 0);
    assert.equal(await inbox('bob').locator(`[data-id="${ofAlice}"]`).count(), 0);
    assert.equal(await inbox('alice').locator(`[data-id="${ofBob}"]`).count(), 0);
  });

  test('the bell counts what is unread, of one user', async () => {
    await open();
    await demo.state('Notifications', 'connected');
    const bell = inbox('alice').getByRole('button');
    const before = Number(await bell.locator('b').textContent());
    const mine = await notify(3);
    await has('alice', mine);
    assert.ok(Number(await bell.locator('b').textContent()) >= before + 3);
    await bell.click();
    await until('nothing unread', async () => (await bell.locator('b').textContent()) === '0');
    const [next] = await notify(1);
    await has('alice', [next]);
    assert.equal(await bell.locator('b').textContent(), '1');
  });

  test('comes back from a cut, and nothing is missing or comes twice', async () => {
    await open();
    await demo.state('Notifications', 'connected');
    const first = await notify(3);
    await has('alice', first);
    await demo.press('Notifications', 'Cut');
    await demo.says('Notifications', /alice reconnecting attempt 1, the connection was cut/);
    await demo.says('Notifications', /alice connected after/);
    const second = await notify(3);
    await has('alice', [...second, ...first]);
  });

  test('catches up by its cursor with what came while it did not read', async () => {
    await open();
    await demo.state('Notifications', 'connected');
    const first = await notify(3);
    await has('alice', first);
    await demo.press('Notifications', 'Stop reading');
    await demo.says('Notifications', /the page stopped reading/);
    const missed = await notify(20);
    assert.deepEqual((await demo.ids(inbox('alice'))).slice(0, 3), first);
    await demo.press('Notifications', 'Stop reading');
    await has('alice', [...missed, ...first]);
    await demo.says('Notifications', /alice caught up/);
  });

  test('goes on where it was when edge and server are killed', async () => {
    await open();
    await demo.state('Notifications', 'connected');
    const first = await notify(2);
    await has('alice', first);
    await system.end('weir-edge', 'SIGKILL');
    await demo.state('Notifications', 'reconnecting');
    const second = await notify(2);
    await system.end('weir-server', 'SIGKILL');
    await system.startServer();
    await system.startEdge();
    await demo.state('Notifications', 'connected');
    const third = await notify(2);
    await has('alice', [...third, ...second, ...first]);
  });

  test('restarts at once at the same place', async () => {
    await open();
    await demo.state('Notifications', 'connected');
    const first = await notify(2);
    await has('alice', first);
    const before = await metric(/^sse_reconnection_attempts_total\{reason="resumed"\} (\d+)/m);
    await demo.press('Notifications', 'Restart');
    await until('two resumed', async () => (await metric(/^sse_reconnection_attempts_total\{reason="resumed"\} (\d+)/m)) >= before + 2);
    await has('alice', [...(await notify(2)), ...first]);
  });

  test('polls while no stream comes through, and returns to the stream', async () => {
    await open();
    await demo.state('Dispatch', 'connected');
    await demo.press('Dispatch', 'Block');
    await demo.state('Dispatch', 'polling');
    await demo.shows('Dispatch', /Last errorno stream comes through/);
    await demo.page.getByLabel('To all dispatchers').fill('Polled');
    await demo.press('Dispatch', 'Send test broadcast');
    await demo.part('Dispatch').locator('.flash').getByText('Polled').waitFor();
    await demo.press('Dispatch', 'Block');
    await demo.state('Dispatch', 'connected');
    await demo.page.getByLabel('To all dispatchers').fill('Streamed');
    await demo.press('Dispatch', 'Send test broadcast');
    await demo.part('Dispatch').locator('.flash').getByText('Streamed').waitFor();
  });

  test('a test broadcast reaches every tab, and tabs share one connection for each stream', async () => {
    const first = await open();
    const alone = 7;
    await until('all streams of one tab', async () => (await streamsAtEdge()) === alone);
    for (const part of parts) await first.state(part, 'connected');
    const second = await open();
    for (const part of parts) await second.state(part, 'connected');
    await until('the second tab to follow', async () => (await streamsAtEdge()) === alone);
    const text = `To both ${++count}`;
    await first.page.getByLabel('To all dispatchers').fill(text);
    await first.press('Dispatch', 'Send test broadcast');
    await first.shows('Dispatch', /Stored as/);
    for (const tab of [first, second]) await tab.part('Dispatch').locator('.flash').getByText(text).waitFor();
    await first.page.close();
    const again = `To one ${++count}`;
    await second.page.getByLabel('To all dispatchers').fill(again);
    await second.press('Dispatch', 'Send test broadcast');
    await second.part('Dispatch').locator('.flash').getByText(again).waitFor();
    await until('one connection for each stream', async () => (await streamsAtEdge()) === alone);
  });

  test('says why a broadcast was not sent', async () => {
    await open();
    await system.end('weir-server', 'SIGKILL');
    try {
      await demo.press('Dispatch', 'Send test broadcast');
      await demo.shows('Dispatch', /Not sent: the server cannot be reached: (UNAVAILABLE|DEADLINE_EXCEEDED)/);
    } finally {
      await system.startServer();
    }
  });

  test('says that events are missing when its place is gone, and goes on', async () => {
    system.startFeed('--rate', '10/s', '--apps', 'vehicles');
    await open();
    await demo.state('Vehicles', 'connected');
    await demo.press('Vehicles', 'Lost id');
    await demo.shows('Vehicles', /Events after aaaaaaaa-1 cannot be had: the log is another one by now/);
    await demo.says('Vehicles', /gap/);
    const before = await demo.ids(demo.part('Vehicles'));
    await until('other cars', async () => (await demo.ids(demo.part('Vehicles')))[0] !== before[0]);
    await demo.press('Vehicles', 'Understood');
    await demo.part('Vehicles').locator('.gap').getByText(/cannot be had/).waitFor({ state: 'detached' });
  });

  test('begins an inbox anew when its place is gone, so that nothing is in it twice', async () => {
    await open();
    await demo.state('Notifications', 'connected');
    const mine = await notify(3);
    await has('alice', mine);
    await demo.press('Notifications', 'Lost id');
    await demo.says('Notifications', /alice gap/);
    await has('alice', [...(await notify(1)), ...mine]);
  });

  test('reads goals over WebSocket, and renews the token within it', async () => {
    context = await browser.newContext();
    const sockets = [];
    context.on('page', (page) => page.on('websocket', (socket) => sockets.push(socket.url())));
    await system.end('backend');
    await system.startPage('--interval', '0', '--token-ttl', '4');
    await open();
    await demo.state('Goals', 'connected');
    await demo.says('Goals', /tenant-1 token renewed/);
    const [goal] = fresh(1);
    await system.publish([{ topic: 'tenants.tenant-1.goals', type: types.goal, data: { goalId: goal, title: 'Over WebSocket' } }]);
    await lists(tenant('tenant-1'), [goal]);
    assert.equal(sockets.length, 2); // one of each tenant: with the new token it is the same
    await demo.press('Goals', 'Cut');
    for (const name of ['tenant-1', 'tenant-2']) await demo.says('Goals', new RegExp(`${name} connected after`));
    assert.deepEqual(new Set(sockets), new Set([`ws://${system.http}/realtime`]));
    assert.ok(sockets.length >= 4, `${sockets.length}`); // again after the cut
    await system.end('backend');
    await system.startPage('--interval', '0');
  });

  test('renews its token without a break', async () => {
    await system.end('backend');
    await system.startPage('--interval', '0', '--token-ttl', '4');
    await open();
    await demo.says('Notifications', /alice token renewed/);
    const mine = await notify(2);
    await has('alice', mine);
    assert.equal(await demo.part('Notifications').locator('.log li').filter({ hasText: /alice (re|dis)connect/ }).count(), 0);
    await system.end('backend');
    await system.startPage('--interval', '0');
  });

  test('a keyboard is enough, and everything has a name', async () => {
    await open();
    await demo.page.getByRole('link', { name: 'Skip to the applications' }).waitFor({ state: 'attached' }); // the page is there
    await demo.page.keyboard.press('Tab');
    assert.equal(await demo.page.evaluate(() => document.activeElement.textContent), 'Skip to the applications');
    const walked = [];
    for (;;) {
      await demo.page.keyboard.press('Tab');
      const focused = await demo.page.evaluate(() => {
        const { activeElement: on } = document;
        if (on === document.body) return null;
        const name = on.ariaLabel || on.labels?.[0]?.textContent || on.textContent;
        return { name: name.trim(), outlined: getComputedStyle(on).outlineStyle !== 'none' };
      });
      if (!focused || walked.length > 80) break;
      assert.ok(focused.name && focused.outlined, JSON.stringify(focused));
      walked.push(focused.name);
    }
    assert.equal(walked.filter((name) => name === 'Cut').length, 5);
    assert.ok(walked.includes('Send test broadcast') && walked.includes('To all dispatchers'), walked.join());
    const block = demo.part('Dispatch').getByRole('button', { name: 'Block' });
    await block.focus();
    await demo.page.keyboard.press('Space');
    await block.and(demo.page.locator('[aria-pressed=true]')).waitFor();
    for (const role of ['main', 'navigation', 'banner']) await demo.page.getByRole(role).waitFor();
    for (const part of parts) await demo.part(part).waitFor();
  });

  test('works under a policy that allows nothing inline and nothing from elsewhere', async () => {
    const policy = (await fetch(`http://${system.http}/`)).headers.get('content-security-policy');
    assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'; /);
    assert.doesNotMatch(policy, /unsafe|https:/);
    await open();
    await demo.state('Vehicles', 'connected'); // and no error, as after every test
  });

  test('fits a phone and follows the colour scheme; build/screenshots has pictures to look at', async () => {
    const folder = path.join(root, 'build/screenshots');
    mkdirSync(folder, { recursive: true });
    system.startFeed('--rate', '4/s');
    await system.end('backend');
    await system.startPage('--interval', '0.5');
    const grounds = new Set();
    for (const [name, options] of Object.entries({
      light: { colorScheme: 'light', viewport: { width: 1280, height: 900 } },
      dark: { colorScheme: 'dark', viewport: { width: 1280, height: 900 } },
      phone: { colorScheme: 'light', viewport: { width: 360, height: 740 } },
      'phone-dark': { colorScheme: 'dark', viewport: { width: 360, height: 740 } },
    })) {
      await context?.close();
      context = undefined;
      await open(options);
      for (const part of parts) await demo.part(part).locator(':is(tbody tr, .goals li, .units li, .inbox li, .requests img)').first().waitFor();
      assert.ok(await demo.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'it scrolls sideways');
      grounds.add(await demo.page.evaluate(() => getComputedStyle(document.body).backgroundColor));
      await demo.page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
    }
    assert.equal(grounds.size, 2);
    await system.end('backend');
    await system.startPage('--interval', '0');
  });
});
