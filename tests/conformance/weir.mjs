// The Weir that the cases run against: routes for each of them, and words to publish.
import path from 'node:path';
import { System, bin } from '../e2e/system.mjs';

const apps = path.join(bin('..'), 'share/weir/apps.binpb');

// `{query.room}` keeps the cases apart.
const routes = (drain) => `
auth:
  keys: [{algorithm: HS256, file: keys/hs256.key}]
drain: {window: ${drain}, retry_max: 400ms}
routes:
  - path: /room
    filters: ["dispatch.{query.room}"]
    heartbeat: {interval: 1s}
    retry: 100ms
  - path: /named
    filters: ["dispatch.{query.room}"]
    heartbeat: {interval: 1s, event: beat}
    retry: 100ms
  - path: /message
    filters: ["dispatch.{query.room}"]
    event_name: message
    retry: 100ms
  - path: /patient
    filters: ["dispatch.{query.room}"]
    retry: 4s
  - path: /mine
    filters: ["dispatch.{query.room}"]
    auth: required
    retry: 100ms
  - path: /stopped
    filters: ["dispatch.{query.room}"]
    stopped: true
`;

const edgeConfig = ({ origin, more = '', drain = '200ms' }) =>
  `${routes(drain)}${origin ? `cors: {origins: [${JSON.stringify(origin)}]}` : ''}\n${more}`;
export const serverConfig = (more = '') => `descriptor_sets: [${JSON.stringify(apps)}]\n${more}`;

// `origin`: whose pages may read. `drain`: the edge's window. `more`: further YAML of the edge; `server`: of the server.
export const startWeir = (options = {}) => System.start({ edge: edgeConfig(options), server: serverConfig(options.server) });

// An edge whose server is not there.
export async function startLonelyEdge() {
  const system = new System({ edge: edgeConfig({}) });
  system.grpc = '127.0.0.1:1';
  await system.startEdge();
  return system;
}

export const flash = (room, text, id = '') => ({
  topic: `dispatch.${room}`,
  type: 'apps.dispatch.v1.FlashMessage',
  data: { id, text },
});

// The value of a metric without labels.
export async function metric(admin, name) {
  const page = await (await fetch(`http://${admin}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(page)?.[1]);
}

// Resolves when `done()` does to something true; for what cannot be waited for by an event.
export async function eventually(what, done, millis = 120_000) {
  const deadline = Date.now() + millis;
  for (;;) {
    const value = await done();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited ${millis} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
