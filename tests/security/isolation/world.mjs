// Who there is, what routes there are, and what each principal may be shown: the rule, written down a second time and
// without anything of Weir's, so that the edge can be judged by it.
import { createHmac } from 'node:crypto';

// Numbers from 0 to 1 that follow from a seed (mulberry32).
export function randomOf(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
  return { next, below: (bound) => Math.floor(next() * bound), pick: (list) => list[Math.floor(next() * list.length)], oneIn: (n) => next() * n < 1 };
}

// Names that are easily taken for each other: prefixes, other cases, and what looks like an encoding of another.
const name = (kind, at) => `${kind}${['', '1', '-1', '_1', '11'][at % 5]}${['', '_40', 'A', 'a', '-'][Math.floor(at / 5) % 5]}${Math.floor(at / 25) || ''}`;

export function principals(users, tenants) {
  return Array.from({ length: users }, (_, at) => {
    const sub = name('u', at);
    // Odd ones have the text that the even ones' addresses are encoded to.
    const email = at % 2 ? encoded(`${name('u', at - 1)}@x.y`) : `${sub}@x.y`;
    return { sub, tenant: name('t', at % tenants), email };
  });
}

// One token of a topic for any text (docs/http-api.md#templates).
export function encoded(text) {
  const bytes = [...Buffer.from(text)].map((byte) => (/[A-Za-z0-9-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `_${byte.toString(16).padStart(2, '0')}`));
  return bytes.join('') || '_';
}

export const requests = ['r1', 'r11', 'r2'];

// The topics that concern a principal, by what they are for.
export const topicsOf = ({ sub, tenant, email }) => ({
  own: [`dispatch.users.${sub}.notes`, `dispatch.users.${sub}.files.new`],
  tenant: [`dispatch.tenants.${tenant}.goals`, `dispatch.tenants.${tenant}.news`],
  requests: requests.map((id) => `dispatch.requests.${sub}.${id}`),
  mail: [`dispatch.mail.${encoded(email)}.inbox`],
  broadcast: ['dispatch.broadcast'],
});

export const edgeYaml = `
auth: {keys: [{algorithm: HS256, file: keys/hs256.key}]}
tail: {bytes_max: 1MiB}
drain: {window: 200ms, retry_max: 200ms}
routes:
  - {path: /own, auth: required, filters: ["dispatch.users.{jwt.sub}.>"], retry: 100ms}
  - {path: /tenant, auth: required, websocket: true, filters: ["dispatch.tenants.{jwt.tenant}.*", dispatch.broadcast], retry: 100ms}
  - {path: /requests, auth: required, websocket: true, filters: ["dispatch.requests.{jwt.sub}.{query.id|*}"], retry: 100ms}
  - {path: /mail, auth: required, websocket: true, filters: ["dispatch.mail.{jwt.email|token}.>"], retry: 100ms}
  - {path: /all, auth: required, websocket: true, retry: 100ms,
     filters: ["dispatch.users.{jwt.sub}.>", "dispatch.tenants.{jwt.tenant}.*", "dispatch.requests.{jwt.sub}.*", dispatch.broadcast]}
`;

const parts = { '/own': ['own'], '/tenant': ['tenant', 'broadcast'], '/requests': ['requests'], '/mail': ['mail'], '/all': ['own', 'tenant', 'requests', 'broadcast'] };
export const routes = Object.keys(parts);
export const overWebSocket = routes.filter((route) => route !== '/own');

// All topics that a principal may be shown on a route; with `id`, the parameter of /requests.
export function mayBeShown(principal, route, id) {
  const topics = topicsOf(principal);
  const shown = parts[route].flatMap((part) => topics[part]);
  return new Set(id ? shown.filter((topic) => topic.endsWith(`.${id}`)) : shown);
}

// The filters that a principal needs for what a route shows, over gRPC.
export function filtersOf({ sub, tenant, email }, route, id) {
  const filters = {
    own: [`dispatch.users.${sub}.>`],
    tenant: [`dispatch.tenants.${tenant}.*`],
    requests: [`dispatch.requests.${sub}.${id ?? '*'}`],
    mail: [`dispatch.mail.${encoded(email)}.>`],
    broadcast: ['dispatch.broadcast'],
  };
  return parts[route].flatMap((part) => filters[part]);
}

// weir-server's rules of access, by which nobody reads over gRPC what the edge would not show them.
export const serverYaml = (people) => `
auth: {keys: [{algorithm: HS256, file: keys/hs256.key}]}
access:
  - {who: ["sub:publisher"], publish: {topics: ["dispatch.>"]}}
  - {who: ["*"], subscribe: {topics: [dispatch.broadcast]}}
${people.map((person) => `  - {who: ["sub:${person.sub}"], subscribe: {topics: ${JSON.stringify(routes.flatMap((route) => filtersOf(person, route)))}}}`).join('\n')}
`;

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

export function tokenOf({ sub, tenant, email }, key) {
  const text = `${base64url({ alg: 'HS256', typ: 'JWT' })}.${base64url({ sub, tenant, email, exp: Math.floor(Date.now() / 1000) + 3600 })}`;
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
}
