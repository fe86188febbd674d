// One run over gRPC alone: the same users, held to their topics by rules of weir-server's, read by Subscribe and ListEvents
// and try for more, while events for all of them are published and the server is killed in the middle. Gives the same history
// as run.mjs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { root } from '../../checks/tree.mjs';
import { serverConfig } from '../../conformance/weir.mjs';
import { System } from '../../e2e/system.mjs';
import { tried } from './judge.mjs';
import { publishAll } from './publishing.mjs';
import { filtersOf, mayBeShown, principals, randomOf, requests, routes, serverYaml, tokenOf } from './world.mjs';

const ways = ['subscribe', 'list'];
const tooWide = ['>', '*', '*.>', 'dispatch.>', 'dispatch.*', 'dispatch.users.*.>', 'dispatch.users.*.notes', 'dispatch.tenants.*.goals', 'dispatch.*.*.*'];

export async function runOverGrpc({ seed, seconds, users = 200, tenants = 20, rules = serverYaml }) {
  const people = principals(users, tenants);
  const system = new System({ server: serverConfig(rules(people)) });
  let run;
  try {
    await system.startServer();
    run = new Run(system, { seed, seconds, people });
    return await run.all();
  } finally {
    await run?.readers.end();
    await system.stop();
  }
}

// grpc_readers.py.
class Readers {
  #asked = new Map();
  #next = 0;

  constructor(server) {
    this.child = spawn('/usr/bin/python3', [path.join(import.meta.dirname, 'grpc_readers.py'), server], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, PYTHONPATH: path.join(root, 'build/python'), PYTHONDONTWRITEBYTECODE: '1' },
    });
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      const shown = JSON.parse(line);
      this.#asked.get(shown.n).resolve(shown);
      this.#asked.delete(shown.n);
    });
    this.child.stdin.on('error', () => {}); // its end says more
    this.child.on('exit', (code) => this.#asked.forEach(({ reject }) => reject(new Error(`grpc_readers.py ended with ${code}`))));
  }

  read(order) {
    const n = this.#next++;
    return new Promise((resolve, reject) => {
      this.#asked.set(n, { resolve, reject });
      this.child.stdin.write(`${JSON.stringify({ ...order, n })}\n`);
    });
  }

  async end() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill();
    await once(this.child, 'exit');
  }
}

class Run {
  connections = [];
  refusals = [];
  finals = [];
  published = new Map(); // topic by event id
  cursors = []; // everybody's, and the tokens of pages; none of them is a secret
  pageTokens = [];

  constructor(system, options) {
    Object.assign(this, options);
    this.system = system;
    this.random = randomOf(this.seed);
    const key = readFileSync(system.key);
    this.tokens = this.people.map((person) => tokenOf(person, key));
    this.publisherToken = path.join(system.dir, 'publisher.token');
    writeFileSync(this.publisherToken, tokenOf({ sub: 'publisher' }, key), { mode: 0o600 });
    this.readers = new Readers(system.grpc);
  }

  async all() {
    await this.readers.read({ how: 'list', token: this.tokens[0], filters: ['dispatch.broadcast'], over: 0 }); // they are up
    this.until = Date.now() + this.seconds * 1000;
    const publishing = publishAll(this, '--token-file', this.publisherToken);
    const reading = this.people.map((_, who) => this.#read(who, randomOf(this.seed * 1000 + who + 1)));
    const killing = new Promise((resolve) => setTimeout(resolve, this.seconds * 500))
      .then(() => this.system.end('weir-server', 'SIGKILL'))
      .then(() => this.system.startServer());
    await Promise.all([publishing, killing, ...reading]);
    await this.#readEverything();
    await Promise.all(tooWide.flatMap((filter) => ways.map((how) => this.#try(0, how, `of ${filter}`, this.tokens[0], [filter], 'SUBSCRIBE_DENIED'))));
    const { people, published, connections, refusals, finals } = this;
    return { people, published, connections, refusals, finals };
  }

  // One user, until the time is over. On a busy machine it takes longer until both ways were tried enough.
  async #read(who, random) {
    const late = this.until + 180_000;
    const enough = () => this.people.length < 200 || tried(this.connections, ways);
    while (Date.now() < this.until || (Date.now() < late && !enough())) await (random.oneIn(3) ? this.#tryForMore(who, random) : this.#readOnce(who, random));
  }

  async #readOnce(who, random) {
    const how = random.pick(ways);
    const route = random.pick(routes);
    const id = route === '/requests' && random.oneIn(2) ? random.pick(requests) : undefined;
    const filters = filtersOf(this.people[who], route, id);
    // A cursor and a page token of anybody's: they say where, not what.
    const cursor = random.oneIn(2) && this.cursors.length ? random.pick(this.cursors) : undefined;
    const start = random.pick([undefined, 'earliest', 'latest', 'last']);
    const page_token = how === 'list' && random.oneIn(3) && this.pageTokens.length ? random.pick(this.pageTokens) : undefined;
    const order = { how, token: this.tokens[who], filters, cursor, start, page_token, page: 1 + random.below(50), over: 100 + random.below(2000) };
    const shown = await this.readers.read(order);
    this.connections.push({ who, route, id, transport: how, ids: shown.ids });
    if (shown.reason && shown.reason !== 'UNAVAILABLE') this.refusals.push({ what: `${how} of ${filters}`, expected: page_token ? ['PAGE_TOKEN_INVALID'] : [], got: shown.reason });
    if (shown.cursor && random.oneIn(4)) this.cursors.push(shown.cursor);
    if (shown.token) this.pageTokens.push(shown.token);
  }

  // What must be refused. Events in its place are judged, too.
  async #tryForMore(who, random) {
    const allowed = new Set(routes.flatMap((each) => [...mayBeShown(this.people[who], each)]));
    const foreign = [...mayBeShown(random.pick(this.people), random.pick(routes))].find((topic) => !allowed.has(topic));
    const [own] = filtersOf(this.people[who], '/all');
    const [head, body, signature] = this.tokens[who].split('.');
    const [, foreignBody] = random.pick(this.tokens).split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    const wide = random.pick([...tooWide, ...(foreign ? [foreign] : [])]);
    const tries = [
      [`of ${wide}`, this.tokens[who], [wide], 'SUBSCRIBE_DENIED'],
      [`of ${own} and ${wide}`, this.tokens[who], [own, wide], 'SUBSCRIBE_DENIED'],
      ['without a token', null, [own], 'CREDENTIALS_MISSING'],
      ['by a token without its signature', `${head}.${body}.`, [own], 'CREDENTIALS_INVALID'],
      ['by a token that says it needs none', `${none}.${body}.`, [own], 'CREDENTIALS_INVALID'],
      ...(foreignBody === body ? [] : [["by another's claims", `${head}.${foreignBody}.${signature}`, [own], 'CREDENTIALS_INVALID']]),
    ];
    await this.#try(who, random.pick(ways), ...random.pick(tries));
  }

  async #try(who, how, what, token, filters, expected) {
    const shown = await this.readers.read({ how, token, filters, start: 'earliest', over: 500 });
    if (shown.reason === 'UNAVAILABLE') return;
    this.refusals.push({ what: `${how} ${what}`, expected: [expected], got: shown.reason });
    this.connections.push({ who, route: '/all', transport: how, ids: shown.ids });
  }

  // Everything that there is for everybody, in both ways in turn.
  async #readEverything() {
    const counts = new Map();
    for (const topic of this.published.values()) counts.set(topic, (counts.get(topic) ?? 0) + 1);
    const all = this.people.flatMap((person, who) => routes.map((route, at) => ({ who, route, transport: ways[(who + at) % 2] })));
    const read = async ({ who, route, transport }) => {
      const wanted = [...mayBeShown(this.people[who], route)].reduce((sum, topic) => sum + (counts.get(topic) ?? 0), 0);
      if (!wanted) return;
      const filters = filtersOf(this.people[who], route);
      const { ids } = await this.readers.read({ how: transport, token: this.tokens[who], filters, start: 'earliest', wanted });
      this.finals.push({ who, route, transport, ids });
    };
    await Promise.all(Array.from({ length: 20 }, async () => {
      while (all.length) await read(all.pop());
    }));
  }
}
