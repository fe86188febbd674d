// A Weir whose edge judges tokens by keys of every kind, and words to ask it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { bin, edgeReady, System } from '../e2e/system.mjs';
import { serverConfig } from '../conformance/weir.mjs';

// `auth`, `routes`: YAML. `files`: what lies beside the edge's configuration, by name.
export async function startWeir({ auth, routes, files = {}, more = '' }) {
  const system = new System({ edge: `auth:\n${auth}\nroutes:\n${routes}\n${more}`, server: serverConfig() });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(system.dir, name)), { recursive: true });
    writeFileSync(path.join(system.dir, name), content, { mode: 0o600 });
  }
  try {
    await system.startServer();
    await system.startEdge();
  } catch (error) {
    await system.stop();
    throw error;
  }
  return system;
}

// Another edge of the same server, with the configuration of the first. Resolves to where it listens, and how it is ended.
export async function startAnotherEdge(system, ...flags) {
  const child = spawn(bin('weir-edge'), [
    ...['--config', path.join(system.dir, 'edge.yaml'), '--server', system.grpc, '--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0'],
    ...flags,
  ], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const [, http, admin] = /http=(\S+) admin=(\S+)/.exec(line);
  await edgeReady(admin);
  return { http, admin, url: `http://${http}`, end: async () => (child.kill('SIGKILL'), once(child, 'exit')) };
}

// A poll with this token: `{status, problem}`.
export async function poll(system, target, token, headers = {}) {
  const answer = await fetch(`${system.url}${target}`, {
    headers: { accept: 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers },
  });
  const body = await answer.json();
  return { status: answer.status, problem: answer.ok ? undefined : body };
}

// Calls `work` for every item, some at a time.
export async function forAll(items, work, atOnce = 8) {
  const rest = items[Symbol.iterator]();
  const walk = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, walk));
}
