// What a browser's own EventSource does and cannot do, and how a page gets along with that.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { read as readDocument } from '../checks/tree.mjs';
import { Clients } from './clients.mjs';
import { ofMarkdown } from './documented.mjs';
import { RawStream } from './raw.mjs';
import { Reader } from './reader.mjs';
import { Tap } from './tap.mjs';
import { eventually, flash, startWeir } from './weir.mjs';

const example = ofMarkdown(readDocument('docs/sse-clients.md'), 'html')
  .replace(/<\/?script>/g, '')
  .replace('/api/vehicles/updates', '/room?room=document')
  .replace('vehicle_update', 'flash_message');

describe('the native EventSource', { timeout: 600_000 }, () => {
  let clients;
  let system;
  let page;
  let reading;
  const taps = [];
  before(async () => {
    clients = await Clients.start();
    system = await startWeir({ origin: clients.origin });
    page = await clients.pages.open({ record: (kind, event) => reading.record(kind, event) });
  });
  after(async () => {
    await clients?.stop();
    await system?.stop();
  });
  afterEach(() => {
    for (const tap of taps.splice(0)) tap.close();
  });

  async function tapped() {
    const tap = await Tap.open(system.http);
    taps.push(tap);
    return tap;
  }

  // The page anew, without what it read before; resolves to what takes the reports of `listen` in it.
  async function open() {
    reading = new Reader();
    await page.goto(clients.origin);
    return reading;
  }

  const read = (url, init) =>
    page.evaluate(
      async ([url, init]) => {
        const { listen } = await import('/readers/like_native.mjs');
        const names = ['weir.connected', 'weir.gap', 'flash_message', 'beat'];
        class Source extends EventSource {
          constructor(url) {
            super(url, init);
            globalThis.source = this;
          }
        }
        globalThis.end = listen(Source, url, names, report);
      },
      [url, init],
    );

  test('ends for good on another status, and the page does not learn which', async () => {
    await open();
    for (const target of ['/mine?room=a', '/stopped?room=a', '/nothing', '/room?room=a&start=nonsense', '/room'])
      assert.deepEqual(await failure(`${system.url}${target}`), { state: 2, status: undefined, data: undefined }, target);
  });

  test('ends for good on another content type', async () => {
    await open();
    await page.goto(`${system.url}/`);
    assert.deepEqual(await failure('/index.html'), { state: 2, status: undefined, data: undefined });
  });

  // The state of a source after its first error, and what the event tells.
  const failure = (url) =>
    page.evaluate(
      (url) =>
        new Promise((resolve) => {
          const source = new EventSource(url);
          source.onopen = () => resolve('it opened');
          source.onerror = (event) => resolve({ state: source.readyState, status: event.status, data: event.data });
        }),
      url,
    );

  test('sends no headers of the page: a token travels in the query', async () => {
    const tap = await tapped();
    const token = await system.token('ann');
    let reader = await open();
    await read(`${tap.url}/mine?room=token`, { headers: { Authorization: `Bearer ${token}` } });
    await reader.until('its end', () => reader.closed);
    assert.deepEqual(tap.sent('authorization'), [undefined]);
    reader = await open();
    await read(`${tap.url}/mine?room=token&token=${token}`);
    await reader.connected();
    await system.end('weir-edge'); // and has said all
    assert.ok(!system.log('weir-edge').includes(token));
    await system.startEdge();
  });

  test('sends the last id when it comes back by itself, but not after a reload: the page keeps it and puts it in the query', async () => {
    const tap = await tapped();
    const reader = await open();
    await read(`${tap.url}/room?room=reload`);
    await reader.connected();
    const [first] = await system.publish([flash('reload', '1')]);
    await reader.reached(first);
    tap.breakAll();
    await reader.connected(2);
    await page.reload();
    const [missed] = await system.publish([flash('reload', '2')]);
    await read(`${tap.url}/room?room=reload`);
    await reader.connected(3);
    assert.deepEqual(tap.sent('last-event-id'), [undefined, first, undefined]);
    await page.reload();
    await read(`${tap.url}/room?room=reload&last_event_id=${first}`);
    await reader.reached(missed);
    // When it comes back then, its own id counts and not that of the query.
    tap.breakAll();
    await reader.connected(5);
    const [last] = await system.publish([flash('reload', '3')]);
    await reader.reached(last);
    assert.deepEqual(reader.named('flash_message').map(({ id }) => id), [first, missed, last]);
    assert.deepEqual(tap.sent('last-event-id').slice(3), [undefined, missed]);
  });

  test('goes on after a reload as the document shows it', async () => {
    await open();
    const run = async () => {
      await page.goto(`${system.url}/nothing`);
      await page.evaluate((script) => {
        globalThis.shown = [];
        globalThis.show = ({ text }) => shown.push(text);
        globalThis.loadEverythingAnew = () => shown.push('gap');
        const began = new Promise((resolve) => {
          globalThis.EventSource = class extends EventSource {
            constructor(url) {
              super(url);
              this.addEventListener('weir.connected', resolve);
            }
          };
        });
        (0, eval)(`{${script}}`);
        return began;
      }, example);
    };
    const shown = (text) => page.waitForFunction((text) => shown.includes(text), text);
    await run();
    await system.publish([flash('document', '1')]);
    await shown('1');
    await page.goto('about:blank');
    await system.publish([flash('document', '2')]);
    await run();
    await shown('2');
    assert.deepEqual(await page.evaluate(() => shown), ['2']);
    await page.evaluate(() => sessionStorage.setItem('last id', 'zzzzzzzz-5'));
    await run();
    await shown('gap');
  });

  test('has its listener of `error` called for lost connections alone', async () => {
    const tap = await tapped();
    const reader = await open();
    await read(`${tap.url}/room?room=error`);
    await reader.connected();
    await page.evaluate(() => {
      globalThis.told = [];
      source.addEventListener('error', (event) => told.push([event instanceof MessageEvent, source.readyState]));
      source.addEventListener('open', (event) => told.push([event instanceof MessageEvent, source.readyState]));
    });
    await reader.reached((await system.publish([flash('error', '1')]))[0]);
    tap.breakAll();
    await reader.connected(2);
    assert.deepEqual(await page.evaluate(() => told), [
      [false, 0],
      [false, 1],
    ]);
  });

  test('opens six connections to one host over HTTP/1.1: the seventh waits', async () => {
    await open();
    const states = () => page.evaluate(() => sources.map(({ readyState }) => readyState));
    await page.evaluate((url) => {
      globalThis.sources = Array.from({ length: 7 }, (_, at) => new EventSource(`${url}&at=${at}`));
    }, `${system.url}/room?room=six`);
    await eventually('six streams', async () => (await states()).filter((state) => state === 1).length === 6);
    // Another client opens one meanwhile: it is not the edge that makes the seventh wait.
    const other = await RawStream.open(system.http, '/room?room=six');
    await other.block('weir.connected');
    other.close();
    const waiting = (await states()).indexOf(0);
    assert.ok(waiting >= 0, 'there is no limit');
    await page.evaluate((waiting) => sources[(waiting + 1) % 7].close(), waiting);
    await eventually('the seventh', async () => (await states())[waiting] === 1);
  });

  test('is not told that a connection is gone: named heartbeats that stay away tell the page', async () => {
    const tap = await tapped();
    const reader = await open();
    await read(`${tap.url}/named?room=silent`);
    await reader.connected();
    const [first] = await system.publish([flash('silent', '1')]);
    await reader.reached(first);
    await reader.until('a heartbeat', () => reader.named('beat').length > 0);
    tap.fallSilent();
    const [missed] = await system.publish([flash('silent', '2')]);
    // The page's watch: three heartbeats that do not come.
    const state = await page.evaluate(
      () =>
        new Promise((resolve) => {
          let timer;
          const watch = () => {
            clearTimeout(timer);
            timer = setTimeout(() => resolve(source.readyState), 3000);
          };
          source.addEventListener('beat', watch);
          watch();
        }),
    );
    assert.equal(state, 1, 'it believes to be connected');
    const last = reader.events.at(-1).id;
    await page.evaluate(() => globalThis.end());
    await read(`${system.url}/named?room=silent&last_event_id=${last}`);
    await reader.reached(missed);
    assert.deepEqual(reader.named('flash_message').map(({ id }) => id), [first, missed]);
  });
});
