// `./dev up` and `./dev token`, as people use them.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { root } from '../checks/tree.mjs';
import { eventually } from '../conformance/weir.mjs';

const dev = path.join(root, 'dev');
const weir = path.join(root, 'build/release/bin/weir');
const run = promisify(execFile);

// The processes that `parent` has started, with their command lines.
function childrenOf(parent) {
  const found = [];
  for (const id of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      // pid (name) state ppid …: the name may hold blanks and brackets.
      const started = Number(readFileSync(`/proc/${id}/stat`, 'utf8').split(') ').pop().split(' ')[1]) === parent;
      const words = readFileSync(`/proc/${id}/cmdline`, 'utf8').split('\0');
      if (started) found.push({ id: Number(id), words });
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

const exists = (id) => readdirSync('/proc').includes(String(id));

// ./dev up on free ports, with what it says.
class Up {
  said = '';
  #waiting = new Set();

  constructor(data, ...flags) {
    this.child = spawn(dev, ['up', '--grpc-port', '0', '--http-port', '0', '--data', data, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.ended = once(this.child, 'close').then(([code]) => code);
    for (const stream of [this.child.stdout, this.child.stderr])
      stream.on('data', (text) => {
        this.said += text;
        for (const check of this.#waiting) check();
      });
    this.ended.then(() => this.#waiting.forEach((check) => check(true)));
  }

  // Resolves to the match as soon as it is said.
  says(pattern) {
    return new Promise((resolve, reject) => {
      const check = (over) => {
        const match = pattern.exec(this.said);
        if (!match && !over) return;
        this.#waiting.delete(check);
        if (match) resolve(match);
        else reject(new Error(`never said ${pattern}:\n${this.said}`));
      };
      this.#waiting.add(check);
      check();
    });
  }
}

describe('./dev', { timeout: 600_000 }, () => {
  const data = mkdtempSync(path.join(tmpdir(), 'weir-up-'));
  let up;
  let page;

  before(async () => {
    up = new Up(data);
    [, page] = await up.says(/The demo: (http:\/\/\S+)/);
  });
  after(async () => {
    up.child.kill('SIGKILL');
    await up.ended;
    rmSync(data, { recursive: true, force: true });
  });

  const stream = (token) => fetch(new URL('/api/vehicles/updates', page), { headers: { Authorization: `Bearer ${token}` } });

  test('up prints the URL of the page, which knows a backend that gives it good tokens', async () => {
    assert.match(await (await fetch(page)).text(), /<div id="root">/);
    const { backend } = await (await fetch(new URL('config.json', page))).json();
    const given = await fetch(new URL('/token?user=demo', backend), { headers: { Origin: new URL(page).origin } });
    assert.equal(given.headers.get('access-control-allow-origin'), new URL(page).origin);
    const answer = await stream(await given.text());
    assert.equal(answer.status, 200);
    await answer.body.cancel();
  });

  test('token prints nothing but a token that the edge accepts', async () => {
    const { stdout } = await run(dev, ['token', 'alice', 'tenant_id=acme', '--data', data]);
    assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const claims = JSON.parse(Buffer.from(stdout.split('.')[1], 'base64url'));
    assert.equal(claims.sub, 'alice');
    assert.equal(claims.tenant_id, 'acme');
    const answer = await stream(stdout.trim());
    assert.equal(answer.status, 200);
    await answer.body.cancel();
  });

  test("of tokens only those of the demo's issuer for its edge are good", async () => {
    const key = path.join(data, 'keys/hs256.key');
    const status = async (...claims) => {
      const { stdout } = await run(weir, ['token', '--key', key, '--sub', 'alice', ...claims.flatMap((claim) => ['--claim', claim])]);
      const answer = await stream(stdout.trim());
      await answer.body.cancel();
      return answer.status;
    };
    assert.equal(await status('iss=weir-demo', 'aud=weir-edge'), 200);
    for (const claims of [[], ['iss=weir-demo'], ['aud=weir-edge'], ['iss=weir-demo', 'aud=weir-server'], ['iss=other', 'aud=weir-edge']]) assert.equal(await status(...claims), 401, claims.join());
    const { stdout } = await run(dev, ['token', 'alice', '--data', data]);
    const given = await fetch(new URL('/api/vehicles/updates/ticket', page), { method: 'POST', headers: { Authorization: `Bearer ${stdout.trim()}` } });
    const { ticket } = await given.json();
    const answer = await fetch(new URL(`/api/vehicles/updates?ticket=${ticket}`, page));
    assert.equal(answer.status, 200);
    await answer.body.cancel();
  });

  test("the server does for each caller what its rules say, and for the operator alone what shuts users out", async () => {
    const [, server] = /weir-server +gRPC (\S+),/.exec(up.said);
    // Resolves to what weir said on stderr when it failed.
    const as = (name, ...args) => {
      const env = { ...process.env, WEIR_SERVER: server, ...(name && { WEIR_TOKEN_FILE: path.join(data, `tokens/${name}.jwt`) }) };
      return run(weir, args, { env }).then(() => 'done', (error) => error.stderr);
    };
    const publish = (name, topic, type) => as(name, 'publish', '--topic', topic, '--type', type, '{}');
    const [cars, message] = ['apps.vehicles.v1.VehicleUpdate', 'apps.dispatch.v1.FlashMessage'];
    const revoke = (name) => as(name, 'revoke', '--subject', 'mallory');
    const backup = (name) => as(name, 'backup', path.join(data, `copy-${name}`));
    const list = (name, filter) => as(name, 'list', filter, '-n', '1');

    writeFileSync(path.join(data, 'tokens/page.jwt'), (await run(dev, ['token', 'operator', '--data', data])).stdout, { mode: 0o600 });
    for (const [name, why] of [['', /CREDENTIALS_MISSING/], ['page', /CREDENTIALS_INVALID/]])
      for (const refused of [as(name, 'status'), publish(name, 'vehicles.updates', cars), list(name, 'vehicles.updates'), revoke(name), backup(name)]) assert.match(await refused, why);

    assert.equal(await publish('developer', 'vehicles.updates', cars), 'done');
    assert.equal(await list('developer', '>'), 'done');
    assert.equal(await publish('feed', 'vehicles.updates', cars), 'done');
    assert.equal(await publish('backend', 'dispatch.broadcast', message), 'done');
    assert.equal(await list('edge', 'weir.revocations'), 'done');
    assert.equal(await revoke('operator'), 'done');
    assert.equal(await list('operator', 'weir.revocations'), 'done');
    assert.equal(await backup('operator'), 'done');

    for (const name of ['developer', 'feed', 'backend', 'edge']) {
      assert.match(await revoke(name), /REVOKE_DENIED/, name);
      assert.match(await backup(name), /BACKUP_DENIED/, name);
      if (name !== 'edge') assert.match(await list(name, 'weir.revocations'), /SUBSCRIBE_DENIED/, name);
    }
    for (const [name, topic, type] of [['feed', 'dispatch.broadcast', message], ['backend', 'vehicles.updates', cars], ['edge', 'vehicles.updates', cars], ['operator', 'vehicles.updates', cars]])
      assert.match(await publish(name, topic, type), /PUBLISH_DENIED/, name);
    for (const [name, filter] of [['feed', 'vehicles.updates'], ['backend', 'dispatch.broadcast'], ['edge', '>'], ['operator', 'vehicles.updates']])
      assert.match(await list(name, filter), /SUBSCRIBE_DENIED/, name);
  });

  test('keys and tokens are for their owner alone', () => {
    for (const folder of ['keys', 'tokens'])
      for (const name of readdirSync(path.join(data, folder))) assert.equal(statSync(path.join(data, folder, name)).mode & 0o777, 0o600, name);
  });

  test('a taken port is named', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address();
    const failed = await run(dev, ['up', '--http-port', String(port), '--grpc-port', '0', '--data', path.join(data, 'second')]).then(
      () => assert.fail('it started'),
      (error) => error,
    );
    holder.close();
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, new RegExp(`port ${port} `));
  });

  test('a second one with the same data is refused, and takes nothing from the first', async () => {
    const failed = await run(dev, ['up', '--http-port', '0', '--grpc-port', '0', '--data', data]).then(
      () => assert.fail('it started'),
      (error) => error,
    );
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /is running; .* --data/);
    assert.equal((await fetch(new URL('config.json', page))).status, 200);
  });

  test('a part that dies is started again, and that is said', async () => {
    const server = childrenOf(up.child.pid).find(({ words }) => words[0].endsWith('/weir-server'));
    process.kill(server.id, 'SIGKILL');
    await up.says(/server ended \(exit code 137\)/);
    await up.says(/starting server again/);
  });

  test('SIGTERM ends everything, and no process is left', async () => {
    // The one that died is said to start before it does.
    const parts = await eventually('four parts', () => {
      const there = childrenOf(up.child.pid);
      return there.length >= 4 && there;
    });
    assert.equal(parts.length, 4);
    up.child.kill('SIGTERM');
    assert.equal(await up.ended, 0);
    assert.deepEqual(parts.filter(({ id }) => exists(id)), []);
  });

  test('no process is left when the script itself is killed', async () => {
    const second = new Up(data);
    await second.says(/The demo: http/);
    assert.doesNotMatch(second.said, /Building the demo's page/); // its sources are those of the first
    const parts = childrenOf(second.child.pid);
    assert.equal(parts.length, 4);
    second.child.kill('SIGKILL');
    await second.ended;
    await eventually('the end of its parts', () => parts.every(({ id }) => !exists(id)));
  });

  test('a wrong command line is exit code 2 and says what is allowed', async () => {
    for (const words of [['nonsense'], ['up', '--http-port', '70000'], ['up', '--data'], ['token'], ['test', 'nonsense']]) {
      const failed = await run(dev, words).then(
        () => assert.fail(`${words} was accepted`),
        (error) => error,
      );
      assert.equal(failed.code, 2, words.join(' '));
    }
  });

  for (const command of ['up', 'test', 'build', 'bench', 'sbom', 'lint', 'fmt', 'token']) {
    test(`${command} --help shows examples first`, async () => {
      const { stdout } = await run(dev, [command, '--help']);
      assert.match(stdout, /^Examples:\n {2}\.\/dev /);
    });
  }
});
