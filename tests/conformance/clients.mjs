// The clients that the cases run with. One more is one more adapter here, and a row in docs/sse-clients.md.
//
// An adapter has
//   name               as in the document
//   read(url, reader)  begins to read, resolves to a function that ends it
//   retries(status)    whether it comes back after such an answer
//   statuses           it says `weir=1`, so that an overload is a status and no event
//   ownDelay           it waits as it likes, whatever `retry:` says
//   ownFarewells       it keeps to itself that the edge ends
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createEventSource } from 'eventsource-client';
import { EventSource as NpmEventSource } from 'eventsource';
import { EventSource as LaunchDarklyEventSource } from 'launchdarkly-eventsource';
import { root } from '../checks/tree.mjs';
import { launch } from '../e2e/browser.mjs';
import { Reader, names } from './reader.mjs';
import { listen } from './readers/like_native.mjs';

const never = () => false;

// Weir's own client as one module.
async function weirClient() {
  const web = path.join(root, 'clients/web');
  const { build } = createRequire(path.join(web, 'package.json'))('esbuild');
  const { outputFiles } = await build({ entryPoints: [path.join(web, 'src/index.ts')], bundle: true, write: false, format: 'esm', target: 'es2022' });
  return outputFiles[0].text;
}

// Pages of an origin of their own, so that they outlive the edge: every stream they open is cross-origin.
class Pages {
  #readers = new Map(); // by their number
  #pages = new Map(); // a promise of one for each client

  static async start() {
    const pages = new Pages();
    pages.server = createServer((request, response) => pages.#serve(request.url, response)).listen(0, '127.0.0.1');
    await once(pages.server, 'listening');
    pages.origin = `http://127.0.0.1:${pages.server.address().port}`;
    pages.weirClient = await weirClient();
    pages.browser = await launch();
    return pages;
  }

  #serve(url, response) {
    if (url === '/weir-client') {
      response.setHeader('Content-Type', 'text/javascript').end(this.weirClient);
      return;
    }
    const [, folder, name] = /^\/(readers|fetch-event-source)\/(\w+)(?:\.m?js)?$/.exec(url) ?? [];
    if (!folder) {
      response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>Readers</title>');
      return;
    }
    const file =
      folder === 'readers' ? `tests/conformance/readers/${name}.mjs` : `node_modules/@microsoft/fetch-event-source/lib/esm/${name}.js`;
    response.setHeader('Content-Type', 'text/javascript').end(readFileSync(path.join(root, file)));
  }

  // An empty page in a context of its own; `report` in it tells `reader`.
  async open({ record }) {
    const context = await this.browser.newContext();
    const page = await context.newPage();
    await page.exposeFunction('report', record);
    await page.goto(this.origin);
    return page;
  }

  // Begins to read in the page of one client: `begin(url, names, record)` runs there and returns how to end it.
  async read(client, url, reader, begin) {
    const toReader = { record: (id, kind, event) => this.#readers.get(id).record(kind, event) };
    if (!this.#pages.has(client)) this.#pages.set(client, this.open(toReader));
    const page = await this.#pages.get(client);
    const id = this.#readers.size;
    this.#readers.set(id, reader);
    await page.evaluate(
      async ([id, url, names, begin]) => {
        const record = (kind, event) => report(id, kind, event);
        const { [begin]: run } = await import('/readers/in_page.mjs');
        (globalThis.ends ??= new Map()).set(id, await run(url, names, record));
      },
      [id, url, names, begin],
    );
    return () => page.evaluate((id) => globalThis.ends.get(id)(), id);
  }

  async stop() {
    await this.browser?.close();
    this.server?.close();
  }
}

const chromium = (pages) => ({
  name: 'EventSource of Chromium',
  retries: never,
  read: (url, reader) => pages.read('chromium', url, reader, 'native'),
});

const fetchEventSource = (pages) => ({
  name: '@microsoft/fetch-event-source',
  retries: (status) => status === 503,
  statuses: true,
  read: (url, reader) => pages.read('fetch', url, reader, 'followed'),
});

const weir = (pages) => ({
  name: '@weir/client',
  retries: (status) => status >= 500,
  statuses: true,
  ownDelay: true,
  ownFarewells: true,
  read: (url, reader) => pages.read('weir', url, reader, 'weir'),
});

const eventsource = {
  name: 'eventsource',
  retries: never,
  read: (url, reader) => listen(NpmEventSource, url, names, reader.record),
};

const launchDarkly = {
  name: 'launchdarkly-eventsource',
  retries: (status) => status >= 500,
  read: (url, reader) => listen(LaunchDarklyEventSource, url, names, reader.record),
};

const eventsourceClient = {
  name: 'eventsource-client',
  retries: (status) => status !== 204,
  read: (url, reader) => {
    const source = createEventSource({
      url,
      onConnect: () => reader.record('open'),
      onMessage: ({ event, id, data }) => reader.record('event', { type: event ?? 'message', id: id ?? '', data }),
      onDisconnect: () => queueMicrotask(() => source.readyState === 'closed' && reader.record('closed')),
    });
    return () => source.close();
  },
};

// All clients, with the browser that some of them run in.
export class Clients {
  #readers = [];

  static async start() {
    const clients = new Clients();
    clients.pages = await Pages.start();
    clients.all = [chromium(clients.pages), fetchEventSource(clients.pages), eventsource, launchDarkly, eventsourceClient, weir(clients.pages)];
    return clients;
  }

  get origin() {
    return this.pages.origin;
  }

  // Each client reads `url(client)`; resolves to the readers, with `client` and `end()`.
  readAll(url) {
    return Promise.all(
      this.all.map(async (client) => {
        const reader = new Reader();
        reader.client = client;
        reader.end = await client.read(await url(client), reader);
        this.#readers.push(reader);
        return reader;
      }),
    );
  }

  async stop() {
    await Promise.allSettled(this.#readers.map((reader) => reader.end()));
    await this.pages?.stop();
  }
}

export const clientNames = [
  ...['EventSource of Chromium', '@microsoft/fetch-event-source', 'eventsource', 'launchdarkly-eventsource', 'eventsource-client'],
  '@weir/client',
];
