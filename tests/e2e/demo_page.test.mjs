// The demo's page in a real browser, over the real server, edge and feed, while parts of them are stopped and killed.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { DemoPage, launch } from './browser.mjs';
import { System } from './system.mjs';

const topic = 'vehicles.updates';

// Stops the feed, lets the page read to the end, and compares: from its first event on, the page was given every event
// of the log, in order, once.
async function assertNothingMissing(system, demo) {
  await system.end('weir-demo-feed');
  const log = await system.cursors(topic);
  await demo.until('the end of the log', () => demo.ids.includes(log.at(-1)));
  assert.deepEqual(demo.ids, log.slice(log.indexOf(demo.ids[0])));
  assert.deepEqual(demo.gaps, []);
  assert.deepEqual(demo.errors, []);
}

describe('the demo page', { timeout: 300_000 }, () => {
  let browser;
  let system;
  let demo;

  before(async () => {
    browser = await launch();
    system = await System.start();
  });
  after(async () => {
    await browser?.close();
    await system?.stop();
  });
  afterEach(async () => {
    await demo?.close();
    await system.end('weir-demo-feed');
  });

  async function open({ hash = '', ...options } = {}) {
    const fragment = hash || `token=${await system.token('demo')}`;
    demo = await DemoPage.open(browser, `http://${system.http}/#${fragment}`, options);
    return demo;
  }

  test('shows cars as they arrive', async () => {
    system.startFeed('--rate', '20/s');
    await open();
    await demo.state('connected');
    await demo.more(5);
    await demo.page.waitForSelector('.card .model:not(:empty)');
    await demo.page.waitForFunction((id) => document.getElementById('last-id').textContent >= id, demo.ids[0]);
    await assertNothingMissing(system, demo);
    assert.equal(await demo.page.textContent('#last-id'), demo.ids.at(-1));
  });

  test('misses and doubles nothing when the edge is restarted under it', async () => {
    system.startFeed('--rate', '20/s');
    await open();
    await demo.more(5);
    await system.end('weir-edge');
    await system.startEdge();
    await demo.more(5);
    await assertNothingMissing(system, demo);
  });

  test('misses and doubles nothing when the edge is killed', async () => {
    system.startFeed('--rate', '20/s');
    await open();
    await demo.more(5);
    await system.end('weir-edge', 'SIGKILL');
    await system.startEdge();
    await demo.more(5);
    await assertNothingMissing(system, demo);
  });

  test('goes on when the server is killed and started again', async () => {
    system.startFeed('--rate', '20/s');
    await open();
    await demo.more(5);
    await system.end('weir-server', 'SIGKILL');
    await system.startServer();
    await demo.more(5);
    await assertNothingMissing(system, demo);
  });

  test('goes on after the last id when it is reloaded, and shows the same cars', async () => {
    system.startFeed('--rate', '20/s');
    await open();
    await demo.more(5);
    await demo.page.waitForSelector('.card');
    await demo.page.reload();
    await demo.page.waitForSelector('.card');
    await demo.more(5);
    await assertNothingMissing(system, demo);
    assert.match(await demo.page.textContent('#resumed'), /^Reloaded; went on after \S+-\d+\.$/);
  });

  test('goes on after a pause without a hole', async () => {
    system.startFeed('--rate', '20/s');
    await open();
    await demo.more(3);
    await demo.page.click('#pause');
    await demo.state('paused');
    await demo.page.click('#pause');
    await demo.state('connected');
    await demo.more(3);
    await assertNothingMissing(system, demo);
  });

  test('says so when events after its id are gone', async () => {
    await open();
    await demo.state('connected');
    await demo.page.evaluate(() => sessionStorage.setItem('weir.cars', JSON.stringify({ id: 'zzzzzzzz-5', count: 5, cars: [], seen: [] })));
    await demo.page.reload();
    await demo.page.waitForSelector('#gaps:not([hidden])');
    assert.match(await demo.page.textContent('#gap-text'), /zzzzzzzz-5/);
    assert.equal(demo.gaps.length, 1);
  });

  test('asks for a token when it has none or a bad one, and connects with a good one', async () => {
    await open({ hash: 'token=bad' });
    await demo.page.waitForSelector('#token-form:not([hidden])');
    await demo.state('stopped');
    await demo.page.fill('#token', await system.token('demo'));
    await demo.page.click('#token-form button');
    await demo.state('connected');
    assert.equal(await demo.page.isVisible('#token-form'), false);
  });

  test('fits a phone and follows the colour scheme', async () => {
    system.startFeed('--rate', '20/s');
    const ground = async (colorScheme) => {
      await open({ colorScheme, viewport: { width: 360, height: 740 } });
      await demo.page.waitForSelector('.card');
      assert.ok(await demo.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'it scrolls sideways');
      const colour = await demo.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      await demo.close();
      return colour;
    };
    assert.notEqual(await ground('light'), await ground('dark'));
  });
});
