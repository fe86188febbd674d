// One run: users who read everything they may in every way, and try for more, while events for all of them are published
// and the edge is killed in the middle. Gives the history of what they were shown.
import { readFileSync } from 'node:fs';
import { serverConfig } from '../../conformance/weir.mjs';
import { System } from '../../e2e/system.mjs';
import { publishAll } from './publishing.mjs';
import { get, readPolls, readSse, readWebSocket } from './readers.mjs';
import { edgeYaml, mayBeShown, overWebSocket, principals, randomOf, requests, routes, tokenOf } from './world.mjs';

export async function runOnce({ seed, seconds, users = 200, tenants = 20, edge = edgeYaml }) {
  const system = await System.start({ edge, server: serverConfig() });
  try {
    return await new Run(system, { seed, seconds, users, tenants }).all();
  } finally {
    await system.stop();
  }
}

class Run {
  connections = [];
  refusals = [];
  finals = [];
  published = new Map(); // topic by event id
  cursors = []; // everybody's; none of them is a secret

  constructor(system, options) {
    Object.assign(this, options);
    this.system = system;
    this.random = randomOf(this.seed);
    this.people = principals(this.users, this.tenants);
    const key = readFileSync(system.key);
    this.tokens = this.people.map((person) => tokenOf(person, key));
  }

  async all() {
    this.until = Date.now() + this.seconds * 1000;
    const publishing = publishAll(this);
    const reading = this.people.map((_, who) => this.#read(who, randomOf(this.seed * 1000 + who + 1)));
    const killing = new Promise((resolve) => setTimeout(resolve, this.seconds * 500))
      .then(() => this.system.end('weir-edge', 'SIGKILL'))
      .then(() => this.system.startEdge());
    await Promise.all([publishing, killing, ...reading]);
    await this.#readEverything();
    const { people, published, connections, refusals, finals } = this;
    return { people, published, connections, refusals, finals };
  }

  // One user, until the time is over.
  async #read(who, random) {
    while (Date.now() < this.until) {
      if (random.oneIn(4)) await this.#tryForMore(who, random).catch(whileAway);
      else await this.#readOnce(who, random).catch(whileAway);
    }
  }

  async #readOnce(who, random) {
    const transport = random.pick(['sse', 'poll', 'long-poll', 'websocket']);
    const route = random.pick(transport === 'websocket' ? overWebSocket : routes);
    const id = route === '/requests' && random.oneIn(2) ? random.pick(requests) : undefined;
    const start = random.pick([undefined, 'latest', 'earliest', 'last', new Date(Date.now() - random.below(5000)).toISOString()]);
    // A cursor of anybody's: it says where, not what.
    const cursor = random.oneIn(2) && this.cursors.length ? random.pick(this.cursors) : undefined;
    const how = { route, token: this.tokens[who], cursor, over: 100 + random.below(2000) };
    const query = { ...(id && { id }), ...(start && !cursor && { start }) };
    let shown;
    if (transport === 'sse') shown = await readSse(this.system.http, { ...how, query });
    else if (transport === 'websocket') shown = await this.#talk(who, random, { ...how, query });
    else shown = await readPolls(this.system.http, { ...how, query: { ...query, limit: 1 + random.below(300), ...(transport === 'long-poll' && { wait: '500ms' }) } });
    this.connections.push({ who, route, id, transport, ids: shown.ids });
    if (shown.cursor && random.oneIn(4)) this.cursors.push(shown.cursor);
  }

  // Changes its filters while it reads, tries for other people's, and for being somebody else.
  async #talk(who, random, how) {
    const own = [...mayBeShown(this.people[who], how.route, how.query.id)];
    const other = (who + 1 + random.below(this.people.length - 1)) % this.people.length;
    const allowed = mayBeShown(this.people[who], how.route, how.query.id);
    const foreign = [...mayBeShown(this.people[other], how.route)].find((topic) => !allowed.has(topic));
    const wide = random.pick(['>', 'dispatch.>', 'dispatch.users.*.notes', 'dispatch.tenants.*.goals', 'dispatch.*.*.*', ...(foreign ? [foreign] : [])]);
    const talk = (say) => {
      say({ type: 'unsubscribe', filters: [random.pick(own)] });
      say({ type: 'subscribe', filters: [random.pick(own)] });
      say({ type: 'subscribe', filters: [random.pick(own), wide] });
      if (random.oneIn(3)) say({ type: 'auth', token: this.tokens[other] });
    };
    const reading = await readWebSocket(this.system.http, { ...how, talk, ...(random.oneIn(3) && { filters: [random.pick(own)] }) });
    // The answers in the order of what was said; those to what was said last may be missing where the reading ended first.
    const [, , , third, fourth] = reading.answers;
    if (third) this.refusals.push({ what: `subscribe ${wide} on ${how.route}`, expected: ['FILTER_NOT_ALLOWED'], got: third.reason });
    if (fourth) this.refusals.push({ what: "another principal's token", expected: ['PRINCIPAL_CHANGED'], got: fourth.reason });
    return reading;
  }

  // What must be refused. A stream in its place is read, so that what it shows is judged too.
  async #tryForMore(who, random) {
    const accept = random.pick(['text/event-stream; weir=1', 'application/json']);
    const token = this.tokens[who];
    const other = random.pick(this.people);
    const [head, body, signature] = token.split('.');
    const [, foreignBody] = this.tokens[random.below(this.tokens.length)].split('.');
    const forged = Buffer.from(JSON.stringify({ ...other, exp: 9e9 })).toString('base64url');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    const id = random.pick(['*', '>', 'r1.>', 'a.b', '', '..', '.', '\0', 'r1\0', 'é', '*.r1', `../${other.sub}/r1`, 'x'.repeat(300), '%2a', 'r1 ', 'r1\n']);
    const tries = [
      ['no token', '/own', {}, {}, [401]],
      ['a token without its signature', '/own', {}, { Authorization: `Bearer ${head}.${body}.` }, [401]],
      ['a token that says it needs none', '/own', {}, { Authorization: `Bearer ${none}.${forged}.` }, [401]],
      ["another's claims under the own signature", '/own', {}, { Authorization: `Bearer ${head}.${forged}.${signature}` }, [401]],
      ['the parameter id', '/requests', { id }, { Authorization: `Bearer ${token}` }, [400]],
      ['the parameter id twice', '/requests', [['id', 'r1'], ['id', '*']], { Authorization: `Bearer ${token}` }, [400]],
      ['a path below a route', `/own/../own/${other.sub}`, {}, { Authorization: `Bearer ${token}` }, [400, 404]],
      ...(foreignBody === body ? [] : [["another's claims", '/tenant', {}, { Authorization: `Bearer ${head}.${foreignBody}.${signature}` }, [401]]]),
    ];
    const [what, route, query, headers, expected] = random.pick(tries);
    const { status, answer, asking } = await get(this.system.http, `${route}?${new URLSearchParams(query)}`, { Accept: accept, ...headers });
    answer.resume();
    asking.destroy();
    if (status !== 503) this.refusals.push({ what: `${what} ${JSON.stringify(query)}`, expected, got: status });
  }

  // Everything that there is for everybody, over each transport in turn.
  async #readEverything() {
    const counts = new Map();
    for (const topic of this.published.values()) counts.set(topic, (counts.get(topic) ?? 0) + 1);
    const read = async (who) => {
      for (const [at, route] of routes.entries()) {
        const wanted = [...mayBeShown(this.people[who], route)].reduce((sum, topic) => sum + (counts.get(topic) ?? 0), 0);
        const how = { route, token: this.tokens[who], query: { start: 'earliest' }, done: (ids) => ids.length >= wanted, over: 0 };
        const ways = { sse: readSse, poll: readPolls, websocket: readWebSocket };
        const transport = Object.keys(ways)[(who + at) % (overWebSocket.includes(route) ? 3 : 2)];
        if (!wanted) continue;
        const { ids } = await ways[transport](this.system.http, how);
        this.finals.push({ who, route, transport, ids });
      }
    };
    // Not all at once: what is looked for is not how much the edge can do.
    const waiting = this.people.map((_, who) => who);
    await Promise.all(Array.from({ length: 20 }, async () => {
      while (waiting.length) await read(waiting.pop());
    }));
  }
}

// While the edge is away connections are refused and cut.
function whileAway(error) {
  if (!/ECONNREFUSED|ECONNRESET|EPIPE|socket hang up|aborted/.test(`${error.code} ${error.message}`)) throw error;
  return new Promise((resolve) => setTimeout(resolve, 50));
}
