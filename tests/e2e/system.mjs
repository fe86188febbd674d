// A running Weir for tests: the real server, edge, feed, and the demo's backend, on free ports, with keys and data of their
// own. Everything that was started is ended by stop(), also what was killed and started again.
import { execFile, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes, randomInt, sign } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { root } from '../checks/tree.mjs';
import { edgeYaml, http } from './tls.mjs';

// WEIR_BIN: other binaries than the optimised ones.
export const bin = (name) => path.join(process.env.WEIR_BIN ?? path.join(root, 'build/release/bin'), name);

// A free port that nobody takes by chance while its process is down: outgoing connections, and who asks for any port, get
// theirs from a range that is above by default (net.ipv4.ip_local_port_range). Browsers refuse none of these.
const given = new Set();
const keptAddress = async () => {
  for (;;) {
    const port = randomInt(11_000, 32_000);
    const socket = createServer();
    const free = await new Promise((resolve) => {
      socket.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(!given.has(port)));
    });
    await new Promise((resolve) => socket.close(resolve));
    if (!free) continue;
    given.add(port);
    return `127.0.0.1:${port}`;
  }
};

// Resolves when the edge with this admin listener has heard from its server: until then, if that takes long, it says 503.
export async function edgeReady(admin) {
  const deadline = Date.now() + 120_000;
  const ready = () => fetch(`http://${admin}/readyz`).then(async (answer) => (await answer.text(), answer.ok), () => false);
  while (!(await ready())) {
    if (Date.now() > deadline) throw new Error('the edge is not ready');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// What the demo's edge asks of a browser's token.
export const browsers = { iss: 'weir-demo', aud: 'weir-edge' };
// Who calls the demo's server (demo/server.yaml).
const services = ['edge', 'feed', 'backend', 'developer', 'operator'];

export class System {
  dir = mkdtempSync(path.join(tmpdir(), 'weir-e2e-'));
  key = path.join(this.dir, 'keys/hs256.key');
  page = path.join(this.dir, 'page'); // what the edge serves
  // Ports are chosen at the first start and kept over restarts.
  grpc;
  http;
  serverAdmin;
  edgeAdmin;
  #running = new Map(); // process by name
  #logs = new Map();
  #serverConfig = path.join(this.dir, 'server.yaml');
  #guarded; // the server is the demo's, which wants to know who calls

  // `edge`, `server`: configurations other than the demo's; paths in them are relative to the system's own directory.
  // `run`: how a process is started otherwise, as words before its flags.
  constructor({ edge, server, run = (name, command) => [command] } = {}) {
    this.run = run;
    mkdirSync(path.dirname(this.key), { recursive: true });
    mkdirSync(this.page);
    writeFileSync(this.key, randomBytes(48).toString('base64'), { mode: 0o600 });
    writeFileSync(path.join(this.dir, 'keys/tickets.key'), randomBytes(48).toString('base64'), { mode: 0o600 });
    this.#makePair('es256');
    this.#guarded = !server;
    if (this.#guarded) this.#makeTokens(this.#makePair('services'));
    const demo = (name) => readFileSync(path.join(root, `demo/${name}.yaml`), 'utf8').replaceAll('../build/dev-data', this.dir);
    const config = edge?.replaceAll('../build/dev-data', this.dir) ?? demo('edge');
    const shown = this.#guarded && !config.includes('server_token_file:') ? '\nserver_token_file: tokens/edge.jwt\n' : '';
    writeFileSync(path.join(this.dir, 'edge.yaml'), config + shown + edgeYaml(this.dir));
    writeFileSync(this.#serverConfig, server ?? demo('server').replaceAll('../build/release', bin('..')));
  }

  #makePair(name) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(path.join(this.dir, `keys/${name}.pem`), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    writeFileSync(path.join(this.dir, `keys/${name}.pub.pem`), publicKey.export({ type: 'spki', format: 'pem' }));
    return privateKey;
  }

  // As ./dev up makes them.
  #makeTokens(key) {
    mkdirSync(path.join(this.dir, 'tokens'));
    const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    for (const sub of services) {
      const text = `${encode({ alg: 'ES256', typ: 'JWT' })}.${encode({ sub, iss: 'weir-demo', aud: 'weir-server', exp: Math.floor(Date.now() / 1000) + 86_400 })}`;
      const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
      writeFileSync(this.tokenFile(sub), `${text}.${signature}\n`, { mode: 0o600 });
    }
  }

  // By which the demo's server knows one of its callers.
  tokenFile(name) {
    return path.join(this.dir, `tokens/${name}.jwt`);
  }

  // What tells a program where the server is, and that you are this caller.
  environment(name = 'developer') {
    return { ...process.env, WEIR_SERVER: this.grpc, ...(this.#guarded && { WEIR_TOKEN_FILE: this.tokenFile(name) }) };
  }

  static async start(options) {
    const system = new System(options);
    try {
      await system.startServer();
      await system.startEdge();
    } catch (error) {
      await system.stop();
      throw error;
    }
    return system;
  }

  async startServer(...flags) {
    this.grpc ??= await keptAddress();
    this.serverAdmin ??= await keptAddress();
    await this.#daemon('weir-server', [
      ...['--config', this.#serverConfig, '--data-dir', path.join(this.dir, 'events')],
      ...['--listen', this.grpc, '--admin-listen', this.serverAdmin, ...flags],
    ]);
  }

  async startEdge(...flags) {
    this.http ??= await keptAddress();
    this.edgeAdmin ??= await keptAddress();
    await this.#daemon('weir-edge', [
      ...['--config', path.join(this.dir, 'edge.yaml'), '--static', this.page, '--server', this.grpc],
      ...['--listen', this.http, '--admin-listen', this.edgeAdmin, '--threads', '2', ...flags],
    ]);
    if (this.#running.has('weir-server')) await edgeReady(this.edgeAdmin);
  }

  startFeed(...flags) {
    const cars = path.join(root, 'node_modules/vega-datasets/data/cars.json');
    this.#spawn('weir-demo-feed', ['--server', this.grpc, '--cars', cars, ...flags], undefined, this.environment('feed'));
  }

  // The demo's page as ./dev build page makes it, and its backend. Resolves to the backend's address.
  async startPage(...flags) {
    cpSync(path.join(root, 'build/page'), this.page, { recursive: true });
    const main = path.join(root, 'demo/backend/main.py');
    const ready = await this.#daemon(
      'backend',
      [main, '--server', this.grpc, '--token-file', this.tokenFile('backend'), '--key', this.key, '--origin', `http://${this.http}`, ...flags],
      '/usr/bin/python3',
      { PYTHONPATH: ['build/python', 'clients/python'].map((folder) => path.join(root, folder)).join(':'), PYTHONDONTWRITEBYTECODE: '1' },
    );
    writeFileSync(path.join(this.page, 'config.json'), JSON.stringify({ backend: `http://${ready.http}` }));
    return ready.http;
  }

  // Ends one process and waits for it, and for its last words.
  async end(name, signal = 'SIGTERM') {
    const child = this.#running.get(name);
    if (!child) return;
    this.#running.delete(name);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'close');
    child.kill(signal);
    await ended;
  }

  signal(name, signal) {
    this.#running.get(name).kill(signal);
  }

  async stop() {
    for (const name of ['backend', 'weir-demo-feed', 'weir-edge', 'weir-server']) await this.end(name, 'SIGKILL');
    rmSync(this.dir, { recursive: true, force: true });
  }

  // Runs the command line; resolves to its stdout.
  async weir(...args) {
    const { stdout } = await promisify(execFile)(bin('weir'), args, { env: this.environment(), maxBuffer: 1 << 28 });
    return stdout;
  }

  // Publishes `{topic, type, data}`s in order; resolves to their cursors.
  async publish(events) {
    const running = promisify(execFile)(bin('weir'), ['publish', '--from', '-'], { env: this.environment(), maxBuffer: 1 << 28 });
    running.child.stdin.end(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    const { stdout } = await running;
    return stdout.trim().split('\n').map((line) => JSON.parse(line).cursor);
  }

  // The cursors of the topic's events that the log holds, in order.
  async cursors(topic) {
    const lines = (await this.weir('list', topic)).trim().split('\n');
    return lines.map((line) => JSON.parse(line)).filter((line) => line.topic === topic).map((line) => line.cursor);
  }

  async token(name, ...claims) {
    return this.tokenFor(name, [], ...claims);
  }

  // With further flags of `weir token`.
  async tokenFor(name, flags, ...claims) {
    const all = [...Object.entries(browsers).map(([claim, value]) => `${claim}=${value}`), ...claims].flatMap((claim) => ['--claim', claim]);
    return (await this.weir('token', '--key', this.key, '--sub', name, ...flags, ...all)).trim();
  }

  // `weir publish --from -`, for one event at a time: what `send` is given is published at once. `acknowledged` is called
  // for each, in order. `end` waits for it all. `flags`: further ones.
  publisher(acknowledged = () => {}, ...flags) {
    const child = spawn(bin('weir'), ['publish', '--from', '-', ...flags], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: this.environment(),
    });
    const ended = once(child, 'close'); // also of its stdout: its exit may come before its last lines
    createInterface({ input: child.stdout }).on('line', acknowledged);
    return {
      send: (event) => child.stdin.write(`${JSON.stringify(event)}\n`),
      end: () => (child.stdin.end(), ended),
    };
  }

  // Where browsers find the edge.
  get url() {
    return `${http}://${this.http}`;
  }

  // The memory of a process in bytes, what it shares with others counted in part.
  memory(name) {
    const text = readFileSync(`/proc/${this.#running.get(name).pid}/smaps_rollup`, 'utf8');
    return Number(/^Pss:\s+(\d+) kB/m.exec(text)[1]) * 1024;
  }

  // The seconds of processor time that a process has used.
  cpu(name) {
    const fields = readFileSync(`/proc/${this.#running.get(name).pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  pid(name) {
    return this.#running.get(name).pid;
  }

  // Resolves when a process has said something on stderr.
  async logged(name, pattern) {
    const { stderr } = this.#running.get(name);
    while (!pattern.test(this.log(name))) await once(stderr, 'data', { signal: AbortSignal.timeout(120_000) });
  }

  // What a process has said on stderr.
  log(name) {
    return (this.#logs.get(name) ?? []).join('');
  }

  #spawn(name, args, command = bin(name), env = {}) {
    const [first, ...rest] = [...this.run(name, command), ...args];
    const child = spawn(first, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    const log = this.#logs.get(name) ?? [];
    this.#logs.set(name, log);
    child.stderr.on('data', (data) => log.push(data));
    child.on('error', (error) => log.push(String(error)));
    this.#running.set(name, child);
    return child;
  }

  // Starts a daemon and reads its first line, `NAME ready: grpc=… admin=…`.
  async #daemon(name, args, ...how) {
    const child = this.#spawn(name, args, ...how);
    for await (const line of createInterface({ input: child.stdout })) {
      child.stdout.resume();
      const values = [...line.matchAll(/(\w+)=(\S+)/g)].map(([, key, value]) => [key, value]);
      return Object.fromEntries(values);
    }
    throw new Error(`${name} ended before it was ready:\n${this.log(name)}`);
  }
}
