// Memory stays flat, of a page in a real browser, of the edge and of the server. ./dev bench browser does it at length.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch } from './browser.mjs';
import { measureLeaks } from './leaks.mjs';
import { System } from './system.mjs';
import { bundle, Tab } from './tabs.mjs';

const edge = `
tail: {bytes_max: 1MiB}
routes:
  - path: /api/sse
    filters: [dispatch.broadcast]
    event_name: message
`;

describe('memory', { timeout: 600_000 }, () => {
  let browser;
  let system;
  before(async () => {
    browser = await launch();
    system = await System.start({ edge });
  });
  after(async () => {
    await browser?.close();
    await system?.stop();
  });

  test('is flat over thousands of events and many mounts', async () => {
    const tab = await Tab.open(await browser.newContext(), system, await bundle());
    const events = 2000;
    const rounds = await measureLeaks(tab, system, { events, cycles: 20, rounds: 21 });
    // From when allocators and compilers have settled: 24,000 events of 400 bytes and 240 mounts lie between, so that what is
    // kept of each would show; of five rounds each time the middle one, for allocators hold megabytes now and then. The server
    // keeps events in its tail and in what it has not flushed, up to its own limits.
    const middle = (who, from) => rounds.slice(from, from + 5).map((round) => round[who]).sort((a, b) => a - b)[2];
    const grown = (who) => middle(who, 16) - middle(who, 4);
    const shown = JSON.stringify(rounds);
    assert.ok(grown('page') < 1_200_000, `the page has grown by ${grown('page')} bytes: ${shown}`);
    assert.ok(grown('edge') < 4 << 20, `the edge has grown by ${grown('edge')} bytes: ${shown}`);
    assert.ok(grown('server') < 12 * events * 3000, `the server has grown by ${grown('server')} bytes: ${shown}`);
  });
});
