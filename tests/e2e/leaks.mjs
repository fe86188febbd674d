// What a page and the edge hold after many events and many mounted and unmounted components.
import { until, streamsAtEdge } from './tabs.mjs';

const topic = 'dispatch.broadcast';
const type = 'apps.dispatch.v1.FlashMessage';
const route = '/api/sse';

// Runs `rounds` rounds of so many events and cycles, and measures after each, in bytes: {page, edge, server}[].
export async function measureLeaks(tab, system, { events, cycles, rounds }) {
  const session = await tab.page.context().newCDPSession(tab.page);
  const measure = async () => {
    for (let n = 0; n < 3; n++) await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    return { page: usedSize, edge: system.memory('weir-edge'), server: system.memory('weir-server') };
  };
  await tab.page.evaluate((route) => {
    const { weir, react } = window;
    const h = react.createElement;
    window.count = 0;
    window.stream = weir.createStream(route, { logger: { info() {}, warn() {}, error() {} } });
    const Counter = () => h('i', null, weir.useEvents(window.stream, ['message'], (sum) => sum + 1, 0), weir.useConnection(window.stream, ({ state }) => state));
    const place = document.body.appendChild(document.createElement('div'));
    const root = react.createRoot(place);
    window.show = (shown) => root.render(shown && h(react.StrictMode, null, h(Counter)));
  }, route);

  const measured = [];
  for (let round = 0; round < rounds; round++) {
    for (let n = 0; n < cycles; n++) {
      await tab.page.evaluate(() => window.show(true));
      await tab.page.waitForFunction(() => window.stream.status.state === 'connected', undefined, { polling: 1 });
      await tab.page.evaluate(() => window.show(false));
      await tab.page.waitForFunction(() => window.stream.status.state === 'disconnected', undefined, { polling: 1 });
    }
    await until('the edge without streams', async () => (await streamsAtEdge(system)) === 0);
    await tab.page.evaluate(() => {
      window.count = 0;
      window.stop = window.stream.on('message', () => window.count++);
    });
    await tab.state('connected');
    await system.publish(Array.from({ length: events }, (_, id) => ({ topic, type, data: { id: `${round}-${id}`, text: 'x'.repeat(200) } })));
    await tab.page.waitForFunction((wanted) => window.count === wanted, events, { timeout: 120_000 });
    await tab.page.evaluate(() => window.stop());
    await until('the edge without streams', async () => (await streamsAtEdge(system)) === 0);
    measured.push(await measure());
  }
  await session.detach();
  return measured;
}
