// Measures the browser client end to end: a real Chromium, the real server and edge, all on this machine. Prints a table;
// with --write puts it into docs/benchmarks.md. ./dev bench browser builds what is needed and runs it.
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { root } from '../checks/tree.mjs';
import { launch } from '../e2e/browser.mjs';
import { Crowd } from '../e2e/crowd.mjs';
import { measureLeaks } from '../e2e/leaks.mjs';
import { System } from '../e2e/system.mjs';
import { bundle, streamsAtEdge, Tab, until } from '../e2e/tabs.mjs';

const document = path.join(root, 'docs/benchmarks.md');
const dispatch = '/api/sse';
const notifications = '/api/notifications/stream';
const note = (id) => ({ topic: 'broadcast.notifications', type: 'apps.notifications.v1.Notification', data: { id } });
const flash = (id) => ({ topic: 'dispatch.broadcast', type: 'apps.dispatch.v1.FlashMessage', data: { id } });

const rows = [];
const add = (what, value, aim = '') => {
  rows.push([what, value, aim]);
  console.error(`${what}: ${value}`);
};
const sorted = (values) => [...values].sort((a, b) => a - b);
const percentile = (values, share) => sorted(values)[Math.min(values.length - 1, Math.floor(values.length * share))];
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const ms = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
const spread = (values) => [percentile(values, 0.5), percentile(values, 0.99), Math.max(...values)].map(ms).join(' / ');

// From the first listener to `connected`, which is the stream's first block.
async function connects(tab, count) {
  const took = await tab.page.evaluate(
    async ([route, count]) => {
      const { weir, freshToken } = window;
      const token = await freshToken();
      const logger = { info() {}, warn() {}, error() {} };
      const took = [];
      for (let n = 0; n < count; n++) {
        const stream = weir.createStream(route, { auth: () => token, logger });
        const begun = performance.now();
        await new Promise((resolve) => {
          stream.onStatus(({ state }) => state === 'connected' && resolve());
          stream.on('notification', () => {});
        });
        took.push(performance.now() - begun);
        stream.close();
        await new Promise((resolve) => setTimeout(resolve));
      }
      return took;
    },
    [notifications, count],
  );
  add(`connect, ${count} times, p50 / p99 / max`, spread(took), 'p99 < 50 ms');
}

// From the line given to `weir publish` to the handler in the page.
async function latency(tab, system, count) {
  await tab.page.evaluate(() => {
    window.took = [];
    window.stream.on('message', ({ data }) => {
      if (/^\d/.test(data.data.id)) window.took.push(performance.timeOrigin + performance.now() - Number(data.data.id));
    });
  });
  const sent = [];
  const acknowledged = [];
  const publisher = system.publisher(() => acknowledged.push(performance.now() - sent[acknowledged.length]));
  const begun = performance.now();
  for (let n = 0; n < count; n++) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, begun + n * 10 - performance.now())));
    sent.push(performance.now());
    publisher.send(flash(String(performance.timeOrigin + performance.now())));
  }
  await publisher.end();
  await tab.page.waitForFunction((wanted) => window.took.length === wanted, count);
  add(`publish → handler, 100 events/s for ${count / 100} s, p50 / p99 / max`, spread(await tab.page.evaluate(() => window.took)), 'p99 < 20 ms');
  add('… until the publisher had its acknowledgement, the fsync included, p50 / p99 / max', spread(acknowledged));
}

// From the end of the edge's process, which is started again at once, to `connected`.
async function restarts(tab, system, signal, count) {
  const took = [];
  const ready = [];
  await tab.page.evaluate(() => {
    window.connected = [];
    window.stream.onStatus(({ state }) => state === 'connected' && window.connected.push(performance.timeOrigin + performance.now()));
  });
  for (let n = 0; n < count; n++) {
    await system.end('weir-edge', signal);
    const ended = performance.timeOrigin + performance.now();
    await system.startEdge();
    ready.push(performance.timeOrigin + performance.now() - ended);
    const at = await until('the page to be back', () => tab.page.evaluate((ended) => window.connected.find((at) => at > ended), ended));
    took.push(at - ended);
  }
  const how = signal === 'SIGKILL' ? 'is killed' : 'ends by SIGTERM';
  add(`reconnect after the edge ${how} and is started again, ${count} times, mean / max`, [mean(took), Math.max(...took)].map(ms).join(' / '), 'mean < 1 s');
  add('… of which the edge was not ready, mean', ms(mean(ready)));
}

async function releases(tab, system, count) {
  const before = await streamsAtEdge(system);
  const took = [];
  for (let n = 0; n < count; n++) {
    await tab.page.evaluate(async (route) => {
      const stream = (window.closing = window.weir.createStream(route, { logger: { info() {}, warn() {}, error() {} } }));
      await new Promise((resolve) => {
        stream.onStatus(({ state }) => state === 'connected' && resolve());
        stream.on('message', () => {});
      });
    }, dispatch);
    if ((await streamsAtEdge(system)) !== before + 1) throw new Error('the gauge does not show the stream');
    const closed = await tab.page.evaluate(() => (window.closing.close(), performance.timeOrigin + performance.now()));
    await until('the release', async () => (await streamsAtEdge(system)) === before);
    took.push(performance.timeOrigin + performance.now() - closed);
  }
  add(`closing in the page → the edge's gauge is back, ${count} times, p50 / p99 / max`, spread(took), 'p99 < 100 ms');
}

async function everybody(system, users, rounds) {
  const held = system.memory('weir-edge');
  const crowd = await Crowd.open(system, notifications, users);
  const each = (system.memory('weir-edge') - held) / users;
  const publisher = system.publisher();
  const took = [];
  for (let n = 0; n < rounds; n++) took.push(await crowd.reach(`"id":"all-${n}"`, () => publisher.send(note(`all-${n}`))));
  const [begun, used] = [performance.now(), system.cpu('weir-edge')];
  for (let n = 0; n < 10; n++) {
    await crowd.reach(`"id":"second-${n}"`, () => publisher.send(note(`second-${n}`)));
    await new Promise((resolve) => setTimeout(resolve, begun + (n + 1) * 1000 - performance.now()));
  }
  const share = (system.cpu('weir-edge') - used) / ((performance.now() - begun) / 1000) / (users / 100);
  await publisher.end();
  crowd.close();
  add(`${users.toLocaleString('en')} users with a stream each, publish → the last has read it, ${rounds} times, p50 / max`,
    [percentile(took, 0.5), Math.max(...took)].map(ms).join(' / '), 'all < 200 ms');
  add('… memory of the edge for each, tokens and all', `${(each / 1000).toFixed(1)} kB`, '< 10 MB');
  add('… processor of the edge for 100 of them, an event a second to each', `${(share * 100).toFixed(2)} %`, '< 1 %');
}

async function leaks(browser, script) {
  const system = await System.start({
    edge: `tail: {bytes_max: 1MiB}\nroutes: [{path: ${dispatch}, filters: [dispatch.broadcast], event_name: message}]\n`,
  });
  try {
    const context = await browser.newContext();
    const tab = await Tab.open(context, system, script);
    const rounds = await measureLeaks(tab, system, { events: 2000, cycles: 20, rounds: 16 });
    const mb = (who) => `${(rounds[5][who] / 1e6).toFixed(1)} → ${(rounds.at(-1)[who] / 1e6).toFixed(1)} MB`;
    add("20,000 events and 200 mounts later: the page's heap", mb('page'), 'flat');
    add("… the edge's memory, its tail being 1 MiB", mb('edge'), 'flat');
    add("… the server's, which keeps events up to its own limits", mb('server'));
    await context.close();
  } finally {
    await system.stop();
  }
}

async function run() {
  const script = await bundle();
  const browser = await launch();
  const system = await System.start();
  try {
    const tab = await Tab.open(await browser.newContext(), system, script, { claims: { sub: 'bench' } });
    await connects(tab, 20); // warm-up
    rows.length = 0;
    await connects(tab, 300);
    await tab.listen(dispatch, [], '{}');
    await tab.page.evaluate(() => window.stream.on('message', () => {}));
    await tab.state('connected');
    await latency(tab, system, 2000);
    await releases(tab, system, 100);
    await restarts(tab, system, 'SIGKILL', 20);
    await restarts(tab, system, 'SIGTERM', 20);
    await tab.page.close();
    await everybody(system, 1000, 20);
    await leaks(browser, script);
  } finally {
    await browser.close();
    await system.stop();
  }
  const machine = `${os.cpus().length} × ${os.cpus()[0].model}, ${Math.round(os.totalmem() / 2 ** 30)} GiB, Linux ${os.release().split('.').slice(0, 2).join('.')}`;
  const load = os.loadavg()[0].toFixed(1);
  const head = `Machine: ${machine}, load average ${load}. Chromium ${browser.version()}. ${new Date().toISOString().slice(0, 10)}.`;
  return `${head}\n\n| figure | value | aim |\n|---|---:|---:|\n${rows.map((row) => `| ${row.join(' | ')} |\n`).join('')}`;
}

const table = await run();
if (process.argv.includes('--write')) {
  const text = readFileSync(document, 'utf8');
  writeFileSync(document, text.replace(/(<!-- browser -->\n)[^]*?(<!-- end -->)/, (_, begin, end) => `${begin}\n${table}\n${end}`));
}
console.log(table);
