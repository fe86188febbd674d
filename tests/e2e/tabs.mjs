// Pages in a real browser that hold the client, as globals `weir` (all of its parts) and `react`, and keep a record.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { root } from '../checks/tree.mjs';
import { browsers } from './system.mjs';

const web = path.join(root, 'clients/web');
const parts = ['index', 'native', 'poll', 'react', 'share', 'ws'];

// The client, and React, as one script.
export async function bundle() {
  const { build } = createRequire(path.join(web, 'package.json'))('esbuild');
  const weir = parts.map((part) => `import * as ${part}_ from './src/${part}.ts';`).join('');
  const contents = `${weir}import * as react from 'react'; import { createRoot } from 'react-dom/client';
    globalThis.weir = {${parts.map((part) => `...${part}_`)}}; globalThis.react = { ...react, createRoot };`;
  const stdin = { contents, resolveDir: web };
  const define = { 'process.env.NODE_ENV': '"development"' };
  const { outputFiles } = await build({ stdin, bundle: true, write: false, format: 'iife', target: 'es2022', define });
  return outputFiles[0].text;
}

// A token that the system's edge accepts, for so many seconds.
export function jwt(system, claims, seconds = 3600) {
  const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ ...browsers, iat: now, exp: now + seconds, ...claims })}`;
  return `${signed}.${createHmac('sha256', readFileSync(system.key)).update(signed).digest('base64url')}`;
}

export async function until(what, check, millis = 120_000) {
  const end = Date.now() + millis;
  for (;;) {
    const value = await check();
    if (value) return value;
    assert.ok(Date.now() < end, `waited ${millis} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

// A metric of the edge; labels as they are written, `{reason="client"}`. 0 where it is not there yet.
export async function metric(system, name, labels = '') {
  const text = await (await fetch(`http://${system.edgeAdmin}/metrics`)).text();
  const line = text.split('\n').find((line) => line.startsWith(`${name}${labels} `));
  return line ? Number(line.split(' ').at(-1)) : 0;
}
export const streamsAtEdge = (system) => metric(system, 'sse_connections_total');

export class Tab {
  events = []; // {name, data, id}
  arrivals = new Map(); // by id, when an event was handled, in milliseconds since 1970
  gaps = [];
  states = [];
  reasons = []; // why auth was asked
  log = []; // what the console said
  requests = []; // each with its url and its headers
  #hasToken = false;

  // `claims` of its tokens, which last `seconds`; without claims it has none.
  static async open(context, system, script, { claims, seconds = 3600 } = {}) {
    const tab = new Tab();
    tab.#hasToken = claims !== undefined;
    tab.page = await context.newPage();
    tab.page.on('console', (message) => tab.log.push(message.text()));
    tab.page.on('request', (request) => tab.requests.push({ url: request.url(), ...request.headers() }));
    await tab.page.exposeFunction('record', (kind, value, at) => {
      tab[kind].push(value);
      if (at) tab.arrivals.set(value.id, at);
    });
    await tab.page.exposeFunction('freshToken', () => (claims ? jwt(system, claims, seconds) : undefined));
    await tab.page.goto(`http://${system.http}/favicon.ico`);
    await tab.page.evaluate(script);
    return tab;
  }

  // Opens a stream and listens to `names`. `options`: their source.
  async listen(route, names, options = '{}') {
    await this.page.evaluate(
      ([route, names, options, hasToken]) => {
        const { weir, record } = window;
        const auth = ({ reason }) => (record('reasons', reason), window.freshToken());
        const stream = (window.stream = weir.createStream(route, { ...(hasToken && { auth }), ...(0, eval)(`(${options})`) }));
        stream.onStatus(({ state }) => record('states', state));
        stream.onGap((gap) => record('gaps', gap));
        for (const name of names) stream.on(name, ({ name, data, id }) => record('events', { name, data, id }, Date.now()));
      },
      [route, names, options, this.#hasToken],
    );
    return this;
  }

  state(name, millis = 120_000) {
    return this.page.waitForFunction((wanted) => window.stream.status.state === wanted, name, { timeout: millis });
  }

  status() {
    return this.page.evaluate(() => {
      const { error, ...rest } = window.stream.status;
      return { ...rest, error: error && { message: error.message, status: error.status, fatal: error.fatal } };
    });
  }

  // Resolves to the event that `wanted` accepts.
  event(what, wanted = () => true) {
    return until(what, () => this.events.find(wanted));
  }
}
