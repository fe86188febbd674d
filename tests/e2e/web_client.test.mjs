// The browser client in a real browser, over the real server and edge, while connections are cut, blocked and shared.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { launch } from './browser.mjs';
import { System } from './system.mjs';
import { bundle } from './tabs.mjs';

const route = '/api/vehicles/updates';
const topic = 'vehicles.updates';

describe('the browser client', { timeout: 600_000 }, () => {
  let browser;
  let system;
  let script;
  let context;

  before(async () => {
    script = await bundle();
    browser = await launch();
    system = await System.start();
  });
  after(async () => {
    await browser?.close();
    await system?.stop();
  });
  afterEach(async () => {
    await context?.close();
    context = undefined;
    await system.end('weir-demo-feed');
  });

  // A tab that reads the route and keeps a record. `options` is the source of the stream's options.
  async function open(options = '{}') {
    context ??= await browser.newContext();
    const page = await context.newPage();
    const tab = { page, ids: [], gaps: [], states: [], tokens: [] };
    await page.exposeFunction('record', (kind, value) => tab[kind].push(value));
    await page.exposeFunction('freshToken', (ttl) => system.tokenFor('demo', ['--ttl', ttl]));
    await page.goto(`http://${system.http}/favicon.ico`);
    await page.evaluate(script);
    await page.evaluate(
      ([route, options]) => {
        const { weir, record } = window;
        const auth = ({ reason }) => (record('tokens', reason), window.freshToken('1h'));
        const stream = (window.stream = weir.createStream(route, { auth, backoff: { base: 200, max: 1000 }, ...(0, eval)(`(${options})`) }));
        stream.on('vehicle_update', ({ id }) => record('ids', id));
        stream.onGap((gap) => record('gaps', gap));
        stream.onStatus(({ state }) => record('states', state));
      },
      [route, options],
    );
    return tab;
  }

  const until = async (what, check, millis = 120_000) => {
    const end = Date.now() + millis;
    while (!(await check())) {
      assert.ok(Date.now() < end, `waited ${millis} ms for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const state = (tab, name) => tab.page.waitForFunction((wanted) => window.stream.status.state === wanted, name, { timeout: 120_000 });
  const more = (tab, count, goal = tab.ids.length + count) => until(`${count} more events`, () => tab.ids.length >= goal);
  const streamsAtEdge = async () => {
    const text = await (await fetch(`http://${system.edgeAdmin}/metrics`)).text();
    return Number(/^sse_connections_total (\d+)/m.exec(text)[1]);
  };

  // Ends the feed, and compares: from its first event on, each tab was given every event of the log, in order, once.
  async function assertNothingMissing(...tabs) {
    await system.end('weir-demo-feed');
    const log = await system.cursors(topic);
    for (const tab of tabs) {
      await until('the end of the log', () => tab.ids.includes(log.at(-1)));
      assert.deepEqual(tab.ids, log.slice(log.indexOf(tab.ids[0])));
      assert.deepEqual(tab.gaps, []);
    }
  }

  test('resumes when the edge is killed, and when the server is', async () => {
    system.startFeed('--rate', '50/s');
    const tab = await open();
    await more(tab, 10);
    await system.end('weir-edge', 'SIGKILL');
    await state(tab, 'reconnecting');
    await system.startEdge();
    await state(tab, 'connected');
    await more(tab, 10);
    await system.end('weir-server', 'SIGKILL');
    await system.startServer();
    await more(tab, 10);
    await assertNothingMissing(tab);
    assert.deepEqual(tab.tokens, ['missing']);
  });

  test('polls while streams do not come through, and returns to the stream', async () => {
    system.startFeed('--rate', '50/s');
    const tab = await open('{ fallback: weir.poll({ interval: 100 }), fallbackAfter: 2, retryStreamAfter: 1000 }');
    await more(tab, 10);
    await tab.page.route(`**${route}*`, (request) =>
      request.request().headers()['accept'].startsWith('text/event-stream') ? request.abort() : request.continue(),
    );
    await system.end('weir-edge', 'SIGKILL');
    await system.startEdge();
    await state(tab, 'polling');
    await more(tab, 20);
    await tab.page.unroute(`**${route}*`);
    await state(tab, 'connected');
    await more(tab, 10);
    await assertNothingMissing(tab);
  });

  test('renews its token before it ends, and nothing is missing', async () => {
    system.startFeed('--rate', '50/s');
    const tab = await open(`{ auth: ({ reason }) => (record('tokens', reason), freshToken('4s')) }`);
    await until('three tokens', () => tab.tokens.length >= 3);
    await more(tab, 10);
    await assertNothingMissing(tab);
    assert.deepEqual(new Set(tab.tokens), new Set(['missing', 'expiring']));
    assert.deepEqual(new Set(tab.states), new Set(['connecting', 'connected']));
  });

  test('reads with EventSource too', async () => {
    system.startFeed('--rate', '50/s');
    const tab = await open(`{ transport: weir.native({ events: ['vehicle_update'] }) }`);
    await more(tab, 10);
    await system.end('weir-edge', 'SIGKILL');
    await state(tab, 'reconnecting');
    await system.startEdge();
    await more(tab, 10);
    await assertNothingMissing(tab);
  });

  test('reads with EventSource by tickets, and no URL holds its token', async () => {
    system.startFeed('--rate', '50/s');
    const urls = [];
    context = await browser.newContext();
    context.on('request', (request) => urls.push(request.url()));
    const tab = await open(`{ transport: weir.native({ events: ['vehicle_update'], tickets: true }) }`);
    await more(tab, 10);
    await system.end('weir-edge', 'SIGKILL');
    await state(tab, 'reconnecting');
    await system.startEdge();
    await more(tab, 10);
    await assertNothingMissing(tab);
    const [tickets, streams] = [urls.filter((url) => url.endsWith(`${route}/ticket`)), urls.filter((url) => url.includes('ticket='))];
    assert.ok(tickets.length >= 2 && streams.length >= 2, urls.join());
    assert.deepEqual(urls.filter((url) => /token=|eyJ/.test(url)), []);
  });

  test('several tabs share one connection; when its tab is closed another takes over', async () => {
    system.startFeed('--rate', '50/s');
    const shared = '{ transport: weir.share(weir.sse()) }';
    const first = await open(shared);
    await more(first, 5);
    const others = [await open(shared), await open(shared)];
    for (const tab of others) await more(tab, 5);
    await until('one connection', async () => (await streamsAtEdge()) === 1);
    await first.page.close();
    for (const tab of others) await more(tab, 20);
    await until('one connection', async () => (await streamsAtEdge()) === 1);
    await assertNothingMissing(...others);
  });
});
