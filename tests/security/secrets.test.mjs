// Secrets are in no output: the real programs, at their most talkative, are given tokens, keys, cookies and payloads in
// every way, good ones and bad ones, and everything that they say is searched for them. All of it goes over TLS: the
// browsers' side with a certificate of the edge, gRPC with certificates of both sides, and tokens beside them.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, closeSync, openSync, readdirSync, readFileSync, readlinkSync, writeFileSync, writeSync } from 'node:fs';
import net from 'node:net';
import { constants } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { after, before, describe, test } from 'node:test';
import { root } from '../checks/tree.mjs';
import { Wire } from '../conformance/websocket.mjs';
import { eventually, flash, serverConfig } from '../conformance/weir.mjs';
import { System, bin } from '../e2e/system.mjs';
import { tokenOf } from './isolation/world.mjs';

const edge = `
auth: {keys: [{algorithm: HS256, file: keys/hs256.key}, {algorithm: ES256, file: keys/es256.pem}], ticket_keys: [keys/tickets.key]}
drain: {window: 0s}
tls: {certificate: web/server.crt, key: web/server.key}
server_tls: {ca: tls/ca.crt, certificate: tls/edge.crt, key: tls/edge.key}
server_token_file: keys/edge.jwt
cors: {origins: ["https://app.example"], credentials: true}
routes:
  - {path: /mine, auth: required, websocket: true, filters: ["dispatch.users.{jwt.sub}.{query.room|*}"], heartbeat: {interval: 1s}}
  - {path: /other, auth: required, filters: ["dispatch.users.{jwt.sub}.*"]}
`;

const server = `
auth: {keys: [{algorithm: HS256, file: keys/services.key}]}
tls: {certificate: tls/server.crt, key: tls/server.key, client_ca: tls/ca.crt}
access:
  - {who: ["sub:edge"], subscribe: {topics: ["dispatch.users.>", weir.revocations]}}
  - {who: ["sub:feed"], publish: {topics: ["dispatch.users.ann.*"]}, subscribe: {topics: ["dispatch.users.>"]}}
  - {who: ["dns:operator.weir.internal", "sub:operator"], revoke: true, backup: true}
`;

// Of a text every part that nobody should see: of a token its claims and its signature, of a key its lines.
const partsOf = (secret) => secret.split(/[.\n]/).filter((part) => part.length >= 12 && !part.startsWith('-----') && part !== head);
const head = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url');

// Where in `outputs` (text by name) something of `secrets` (text by name) can be read: as it is or encoded, also in part.
function leaks(outputs, secrets) {
  const found = [];
  for (const [what, secret] of Object.entries(secrets))
    for (const part of partsOf(secret))
      for (let at = 0; at + 12 <= part.length; at += 12) {
        const piece = part.slice(at, at + 12);
        const shapes = [piece, encodeURIComponent(piece), Buffer.from(piece).toString('hex'), Buffer.from(part).toString('base64').slice(0, -4)];
        for (const [where, text] of Object.entries(outputs)) if (shapes.some((shape) => text.includes(shape))) found.push(`${what} in ${where}`);
      }
  return [...new Set(found)];
}

// Where a link leads; nowhere once it is gone.
function linkOf(link) {
  try {
    return readlinkSync(link);
  } catch {
    return undefined;
  }
}

// Whether a process has a handler of its own for a signal: before that it would be ended by it.
const handles = (pid, signal) => (BigInt(`0x${/^SigCgt:\t(\w+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]}`) >> BigInt(signal - 1)) & 1n;

// Sends the bytes, and resolves to all that comes until the other side closes or has said enough. `trust`: how over TLS.
async function exchange(address, bytes, enough = () => false, trust = undefined) {
  const [host, port] = address.split(':');
  const socket = trust ? tls.connect({ host, port: Number(port), ...trust }) : net.connect({ host, port: Number(port) });
  let text = '';
  socket.on('error', () => {});
  socket.on('data', (data) => {
    text += data.toString('latin1');
    if (enough(text)) socket.destroy();
  });
  socket.write(bytes);
  await once(socket, 'close', { signal: AbortSignal.timeout(120_000) });
  return text;
}

describe('secrets', { timeout: 600_000 }, () => {
  let system;
  let secrets;
  let trust; // of the edge's certificate
  const outputs = {};
  const file = (...names) => path.join(system.dir, ...names);
  const tokenFile = (name) => file('keys', `${name}.jwt`);
  // What the kernel shows of a process: for a moment after its start nothing.
  const look = async (name, pid) => {
    for (const part of ['cmdline', 'environ', 'comm'])
      outputs[`${part} of ${name}`] = await eventually(`${part} of ${name}`, () => readFileSync(`/proc/${pid}/${part}`, 'utf8'));
  };
  const pages = async (when) => {
    for (const [name, address] of [['the server', system.serverAdmin], ['the edge', system.edgeAdmin]])
      for (const page of ['/metrics', '/healthz', '/readyz', '/nothing'])
        outputs[`${page} of ${name}, ${when}`] = await (await fetch(`http://${address}${page}`, { headers: { Authorization: `Bearer ${secrets['a good token']}` } })).text();
    for (const name of ['weir-server', 'weir-edge']) await look(`${name}, ${when}`, system.pid(name));
  };

  // Starts `weir` as somebody with this certificate and token; what it says is searched. `said` resolves to it, and to the
  // exit code.
  function weir(args, { certificate = 'feed', token = 'feed', input, keep = false } = {}) {
    const name = `weir ${args.join(' ')} with the certificate ${certificate} and the token ${token}`;
    const flags = ['--tls-ca', file('tls/ca.crt'), '--tls-certificate', file('tls', `${certificate}.crt`), '--tls-key', file('tls', `${certificate}.key`)];
    const child = spawn(bin('weir'), [...args, ...(certificate ? flags : []), ...(token ? ['--token-file', tokenFile(token)] : [])], {
      env: { ...process.env, WEIR_SERVER: system.grpc },
      stdio: 'pipe',
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (text += data));
    child.stdin.on('error', () => {}); // most commands do not read it, and may have ended
    const end = (more = '') => child.stdin.end(more);
    if (!keep) end(input);
    const said = once(child, 'close').then(([code]) => ((outputs[`${name}, ${Object.keys(outputs).length}`] = text), { code, text }));
    return { name, child, end, said };
  }

  before(async () => {
    // Where the system would allow a core.
    system = new System({ edge, server: serverConfig(server), run: (_, command) => ['sh', '-c', 'ulimit -c unlimited; exec "$@"', 'sh', command] });
    const certificates = (...words) => execFileSync(path.join(root, 'deploy/dev-certificates'), words, { stdio: 'pipe' });
    certificates(file('web'), 'server');
    certificates(file('tls'), 'server', 'edge', 'feed', 'operator');
    trust = { ca: readFileSync(file('web/ca.crt')), servername: 'localhost', ALPNProtocols: ['http/1.1'] };
    const key = readFileSync(system.key);
    const services = randomBytes(48).toString('base64');
    const tickets = randomBytes(48).toString('base64');
    writeFileSync(file('keys/services.key'), services, { mode: 0o600 });
    writeFileSync(file('keys/tickets.key'), tickets, { mode: 0o600 });
    const user = (sub) => ({ sub, tenant: randomBytes(12).toString('hex'), email: `${randomBytes(12).toString('hex')}@x.y` });
    const signed = (name, ttl) => execFileSync(bin('weir'), ['token', '--key', file('keys', name), '--sub', 'ann', '--ttl', ttl], { encoding: 'utf8' }).trim();
    const good = tokenOf(user('ann'), key);
    secrets = {
      'the key of HS256': key.toString(),
      'the key of ES256': readFileSync(file('keys/es256.pem'), 'utf8'),
      'the key of services': services,
      'the key of tickets': tickets,
      'the key of TLS of web': readFileSync(file('web/server.key'), 'utf8'),
      ...Object.fromEntries(['server', 'edge', 'feed', 'operator'].map((name) => [`the key of TLS of ${name}`, readFileSync(file('tls', `${name}.key`), 'utf8')])),
      'a good token': good,
      'a token for the query': tokenOf(user('ann'), key),
      'a token for a WebSocket': tokenOf(user('ann'), key),
      'a renewed token': tokenOf(user('ann'), key),
      "another user's token": tokenOf(user('bob'), key),
      'a token that is revoked': tokenOf(user('cat'), key),
      'a token of ES256': signed('es256.pem', '1h'),
      'a token of another key': tokenOf(user('ann'), randomBytes(48)),
      'a token that is cut': tokenOf(user('ann'), key).slice(0, -5),
      'an expired token': signed('hs256.key', '-1h'),
      'what is no token': randomBytes(24).toString('hex'),
      "the edge's own token": tokenOf(user('edge'), services),
      "the feed's token": tokenOf(user('feed'), services),
      "the operator's token": tokenOf(user('operator'), services),
      "an unknown service's token": tokenOf(user('nobody'), services),
      "a service's expired token": signed('services.key', '-1h'),
      'a password': randomBytes(24).toString('hex'),
      'a cookie': randomBytes(24).toString('hex'),
    };
    for (const [name, what] of [['edge', "the edge's own token"], ['feed', "the feed's token"], ['operator', "the operator's token"]])
      writeFileSync(tokenFile(name), `${secrets[what]}\n`, { mode: 0o600 });
    await system.startServer('--log-level', 'trace');
    await system.startEdge('--log-level', 'trace');
  });
  after(() => system?.stop());

  const answers = [];
  const ask = async (lines, enough) => answers.push(await exchange(system.http, [...lines, '', ''].join('\r\n'), enough, trust));
  const begun = (text) => /weir\.connected|\r\n\r\n[^]*\}/.test(text) || /HTTP\/1\.1 (304|204)/.test(text);
  const tokens = () => Object.entries(secrets).filter(([what]) => !/key of|cookie|ticket/.test(what));

  test('are used in every way over HTTP', async () => {
    for (const [, token] of tokens())
      for (const accept of ['text/event-stream; weir=1', 'application/json']) {
        const common = ['Host: a', `Accept: ${accept}`, `Cookie: session=${secrets['a cookie']}; token=${token}`];
        await ask([`GET /mine?room=r HTTP/1.1`, ...common, `Authorization: Bearer ${token}`], begun);
        await ask([`GET /mine?token=${token} HTTP/1.1`, ...common, 'Origin: https://app.example'], begun);
        // Right or wrong tokens in requests that are wrong for another reason.
        await ask([`GET /mine?room=*&token=${token} HTTP/1.1`, ...common], begun);
        await ask([`GET /mine?token=${token}&token=${token} HTTP/1.1`, ...common], begun);
        await ask([`GET /mine?last_event_id=${token} HTTP/1.1`, ...common, `Authorization: Bearer ${token}`], begun);
        await ask([`GET /${token} HTTP/1.1`, ...common, `Authorization: Basic ${token}`], begun);
        await ask([`POST /mine?token=${token} HTTP/1.1`, ...common, 'Content-Length: 0'], begun);
        await ask([`OPTIONS /mine?token=${token} HTTP/1.1`, ...common, 'Origin: https://evil.example'], (text) => text.includes('\r\n\r\n'));
        await ask([`GET /mine?token=${token}%zz HTTP/1.1`, ...common], begun);
        await ask([`${token} /mine HTTP/1.1`, ...common], begun);
        await ask([`GET /mine HTTP/1.1`, ...common, `${token.replaceAll('.', ' ')}: x`], begun);
        await ask([`GET /mine HTTP/1.1`, ...common, `Authorization: Bearer ${token}`, `X: ${'x'.repeat(70_000)}`], begun);
      }
    const plain = await exchange(system.http, `GET /mine?token=${secrets['a good token']} HTTP/1.1\r\nHost: a\r\n\r\n`);
    assert.match(plain, /^HTTP\/1\.1 400/, 'plain HTTP on a port with TLS');
    answers.push(plain);
    assert.ok(answers.some((text) => text.includes('weir.connected')) && answers.some((text) => text.startsWith('HTTP/1.1 200')));
    for (const status of [400, 401, 404, 405, 431]) assert.ok(answers.some((text) => text.startsWith(`HTTP/1.1 ${status}`)), `no answer was ${status}`);
  });

  test('are used in every way over WebSockets', async () => {
    const talks = [
      ...tokens().map(([, token]) => [{ token }]),
      [{ token: secrets['a token for a WebSocket'] }, { type: 'auth', token: secrets['a renewed token'] }, { type: 'auth', token: secrets["another user's token"] }],
      [{ token: secrets['a good token'], password: secrets['a password'] }],
      [{ token: secrets['a good token'], filters: [secrets['a password']] }],
      [{ token: secrets['a good token'] }, `{"type": "${secrets['a password']}"}`],
      [{ token: secrets['a good token'] }, secrets['a password']],
      [{ token: secrets['a good token'] }, { type: 'subscribe', filters: [secrets['a password']] }],
    ];
    const given = [];
    for (const [auth, ...more] of talks) {
      const wire = Wire.open(system.http, '/mine', { auth, headers: { Cookie: `session=${secrets['a cookie']}` }, scheme: 'wss', ...trust });
      await wire.until('an answer', () => wire.texts.length > 0 || wire.closed);
      for (const [at, message] of more.entries()) {
        wire.say(message);
        await wire.until('an answer', () => wire.answers.length > at + 1 || wire.closed);
      }
      if (!wire.closed) await wire.close();
      given.push(...wire.texts, JSON.stringify(wire.closed));
    }
    assert.ok(given.some((text) => text.includes('weir.connected')) && given.some((text) => text.includes('"code":4401')), given.join('\n').slice(0, 2000));
    answers.push(...given);
  });

  test('are made into tickets, which are used in every way too', async () => {
    // Whoever is given one must see it: but nobody else, and nowhere else.
    const withoutGiven = (text, what, pattern) => {
      const [, secret] = pattern.exec(text) ?? assert.fail(`no ${what} in ${text}`);
      secrets[what] = secret;
      answers.push(text.replace(secret, ''));
      return secret;
    };
    const get = (target, ...headers) => exchange(system.http, [`GET ${target} HTTP/1.1`, 'Host: a', 'Accept: text/event-stream; weir=1', ...headers, '', ''].join('\r\n'), begun, trust);
    const made = await exchange(system.http, ['POST /mine/ticket HTTP/1.1', 'Host: a', `Authorization: Bearer ${secrets['a good token']}`, '', ''].join('\r\n'), begun, trust);
    assert.match(made, /^HTTP\/1\.1 200/);
    const ticket = withoutGiven(made, 'a ticket', /"ticket":"([\w-]+)"/);
    const opened = await get(`/mine?ticket=${ticket}`);
    assert.match(opened, /weir\.connected/);
    const cookie = withoutGiven(opened, "a ticket's cookie", /^Set-Cookie: weir_ticket=([\w-]+);/m);
    const polled = await exchange(system.http, [`GET /mine?ticket=${ticket} HTTP/1.1`, 'Host: a', 'Accept: application/json', '', ''].join('\r\n'), begun, trust);
    assert.match(polled, /^HTTP\/1\.1 200/);
    withoutGiven(polled, "a ticket's second cookie", /^Set-Cookie: weir_ticket=([\w-]+);/m);

    const changed = `${ticket.slice(0, -4)}${ticket.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`;
    const own = `Cookie: weir_ticket=${cookie}`;
    const wrong = [
      [`/mine?ticket=${ticket}&ticket=${ticket}`, own], [`/mine?ticket=${changed}`, own], [`/other?ticket=${ticket}`, own],
      [`/mine?token=${ticket}`, own], ['/mine', own], ['/mine', own, `Authorization: Bearer ${ticket}`], [`/mine?ticket=${cookie}`, own],
      [`/mine?ticket=${secrets['a good token']}`, own], [`/mine?ticket=${ticket}%zz`, own], [`/mine?room=*&ticket=${ticket}`],
      [`/mine?ticket=${cookie}`, `Cookie: weir_ticket=${ticket}`, 'Sec-Fetch-Site: cross-site'],
    ];
    for (const [target, ...headers] of wrong) {
      const answer = await get(target, ...headers);
      assert.match(answer, /^HTTP\/1\.1 40[01]/, `${target.slice(0, 20)} ${headers}`);
      answers.push(answer);
    }
    for (const token of tokens().map(([, token]) => token).filter((token) => token !== secrets['a good token']))
      for (const method of ['GET', 'POST']) {
        const answer = await exchange(system.http, [`${method} /mine/ticket?token=${token} HTTP/1.1`, 'Host: a', `Cookie: ${own}`, `Authorization: Basic ${token}`, '', ''].join('\r\n'), begun, trust);
        assert.match(answer, /^HTTP\/1\.1 40[015]/);
        answers.push(answer);
      }
  });

  test('are used in every way over gRPC, and what is published too', async () => {
    // Every token of browsers is a bad one here, and so is one of services that is over, unknown, or another's.
    const said = [];
    for (const [, token] of tokens()) {
      writeFileSync(tokenFile('any'), token, { mode: 0o600 });
      for (const args of [['status'], ['list', 'dispatch.users.ann.*'], ['publish', '--topic', 'dispatch.users.bob.r', '--type', 'apps.dispatch.v1.FlashMessage', '{}']])
        said.push(await weir(args, { token: 'any' }).said);
      said.push(await weir(['status'], { token: 'any', certificate: 'operator' }).said);
    }
    for (const how of [{ certificate: '' }, { certificate: '', token: '' }, { certificate: 'feed', token: '' }, { certificate: 'operator', token: '' }])
      for (const args of [['status'], ['backup', file(`backup-${Object.values(how).join('-')}`)]]) said.push(await weir(args, how).said);
    const all = said.map(({ text }) => text).join('\n');
    for (const refusal of [/token/, /no rule of access names/, /PUBLISH_DENIED/, /SUBSCRIBE_DENIED/]) assert.match(all, refusal);
    const metrics = await (await fetch(`http://${system.serverAdmin}/metrics`)).text();
    for (const reason of ['CREDENTIALS_INVALID', 'CREDENTIALS_EXPIRED', 'SUBSCRIBE_DENIED', 'PUBLISH_DENIED'])
      assert.match(metrics, new RegExp(`^weir_access_refused_total\\{reason="${reason}"\\} [1-9]`, 'm'));
    assert.ok(said.some(({ code }) => code === 0), 'some were good');

    // What is published is for its readers: the programs say nothing of it either.
    const events = [flash('users.ann.r', 'p'), { ...flash('users.ann.r', 'p'), type: 'no.such.Type' }, flash('users..r', 'p'), flash('users.bob.r', 'p')];
    const lines = events.map((event) => JSON.stringify({ ...event, data: { ...event.data, text: secrets['a password'] } }));
    const published = await weir(['publish', '--from', '-'], { input: `${lines.join('\n')}\n` }).said;
    assert.match(published.text, /"cursor"/);
  });

  test('are revoked', async () => {
    const open = async () => Number(/^sse_connections_total (\d+)/m.exec(await (await fetch(`http://${system.edgeAdmin}/metrics`)).text())[1]);
    await eventually('the end of those before', async () => (await open()) === 0);
    const waiting = exchange(system.http, ['GET /mine HTTP/1.1', 'Host: a', 'Accept: text/event-stream; weir=1', `Authorization: Bearer ${secrets['a token that is revoked']}`, '', ''].join('\r\n'), (text) => text.includes('weir.auth_expired'), trust);
    await eventually('the stream', async () => (await open()) === 1);
    assert.equal((await weir(['revoke', '--subject', 'cat'], { token: 'feed' }).said).code, 64 + 7, 'PERMISSION_DENIED');
    const revoked = await weir(['revoke', '--subject', 'cat'], { token: 'operator' }).said;
    assert.equal(revoked.code, 0, revoked.text);
    answers.push(await waiting);
    assert.match(answers.at(-1), /weir\.auth_expired/);
    for (const [target, ...headers] of [['/mine', `Authorization: Bearer ${secrets['a token that is revoked']}`], [`/mine?token=${secrets['a token that is revoked']}`]])
      await ask([`GET ${target} HTTP/1.1`, 'Host: a', ...headers], begun);
    assert.match(answers.at(-1), /^HTTP\/1\.1 401[^]*token-revoked/);
  });

  test('are not in the list of processes while weir runs', async () => {
    // Its calls wait for a server that is stopped.
    system.signal('weir-server', 'SIGSTOP');
    const running = [
      ...[['publish', '--from', '-'], ['subscribe', 'dispatch.users.>'], ['list', 'dispatch.users.cat.*'], ['status'], ['schema']].map((args) => weir(args, { keep: true })),
      ...[['revoke', '--subject', 'dan'], ['backup', file('backup')]].map((args) => weir(args, { token: 'operator', keep: true })),
    ];
    try {
      for (const { name, child } of running) {
        await look(name, child.pid);
        assert.match(outputs[`cmdline of ${name}`], /--token-file\0.*jwt/);
      }
    } finally {
      system.signal('weir-server', 'SIGCONT');
    }
    for (const { name, child, end, said } of running) {
      end();
      if (name.includes('subscribe')) {
        await eventually('it to take the signal', () => handles(child.pid, constants.signals.SIGINT));
        child.kill('SIGINT');
      }
      const { code, text } = await said;
      assert.ok([0, 130].includes(code), `${name}: ${code} ${text}`);
    }
    // And weir token, for a key that is long in coming: what it prints is the token.
    const pipe = file('keys/pipe');
    execFileSync('mkfifo', ['-m', '600', pipe]);
    const writer = openSync(pipe, 'r+');
    writeSync(writer, secrets['the key of HS256']);
    const token = weir(['token', '--key', pipe, '--algorithm', 'HS256', '--sub', 'ann'], { certificate: '', token: '' });
    await look(token.name, token.child.pid);
    assert.match(outputs[`cmdline of ${token.name}`], /--key\0/);
    const opened = () => readdirSync(`/proc/${token.child.pid}/fd`).some((fd) => linkOf(`/proc/${token.child.pid}/fd/${fd}`) === pipe);
    await eventually('weir token to read', opened);
    closeSync(writer);
    const { code, text } = await token.said;
    assert.equal(code, 0, text);
    assert.match(text, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    for (const name of Object.keys(outputs)) if (outputs[name] === text) delete outputs[name];
  });

  test('would be in no core', async () => {
    // One byte: with 0 a collector is given a core. Where the hard limit is 0, there is no more. weir waits for its key.
    const key = file('keys/slow');
    execFileSync('mkfifo', ['-m', '600', key]);
    const waiting = spawn('sh', ['-c', 'ulimit -c unlimited; exec "$@"', 'sh', bin('weir'), 'token', '--key', key, '--sub', 'ann'], { stdio: 'pipe' });
    await eventually('weir to run', () => readFileSync(`/proc/${waiting.pid}/comm`, 'utf8') === 'weir\n');
    for (const pid of [system.pid('weir-server'), system.pid('weir-edge'), waiting.pid])
      await eventually(`no core of ${pid}`, () => /^Max core file size +(1 +\S+|0 +0) /m.test(readFileSync(`/proc/${pid}/limits`, 'utf8')));
    waiting.kill('SIGKILL');
    await once(waiting, 'close');
  });

  test('stay in their files: the command line names files, and a bad key is not shown', () => {
    const show = (name, result) => (outputs[name] = result.stdout + result.stderr);
    const config = file('bad.yaml');
    const bad = file('keys/bad');
    const pem = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
    const contents = { short: randomBytes(12).toString('hex'), 'of another curve': pem, damaged: secrets['the key of ES256'].replace(/\n.{8}/, '\nAAAAAAAA') };
    const check = (program, text) => {
      writeFileSync(config, text);
      return spawnSync(bin(program), ['--config', config, ...(program === 'weir-server' ? ['--data-dir', file('events')] : []), '--check'], { encoding: 'utf8' });
    };
    const inPlaceOf = (name, text, by = 'keys/bad') => (assert.ok(text.includes(name)), text.replace(name, by));
    const serverText = readFileSync(file('server.yaml'), 'utf8');
    for (const [what, content] of Object.entries(contents)) {
      writeFileSync(bad, content, { mode: 0o600 });
      secrets[`a key that is ${what}`] = content;
      for (const algorithm of ['HS256', 'ES256'])
        for (const [program, text] of [['weir-edge', inPlaceOf('HS256, file: keys/hs256.key', edge, `${algorithm}, file: keys/bad`)], ['weir-server', inPlaceOf('HS256, file: keys/services.key', serverText, `${algorithm}, file: keys/bad`)]]) {
          const result = check(program, text);
          assert.notEqual(result.status, 0, `${what} as ${algorithm} of ${program}`);
          show(`${program} --check of a key that is ${what} as ${algorithm}`, result);
        }
      show(`weir token by a key that is ${what}`, spawnSync(bin('weir'), ['token', '--key', bad, '--sub', 'ann'], { encoding: 'utf8' }));
      show(`weir-edge --check of a key of tickets that is ${what}`, check('weir-edge', inPlaceOf('keys/tickets.key', edge)));
    }
    for (const [what, content] of Object.entries({ ...contents, 'of another certificate': secrets['the key of TLS of feed'] })) {
      writeFileSync(bad, content);
      for (const [program, name, text] of [['weir-edge', 'web/server.key', edge], ['weir-edge', 'tls/edge.key', edge], ['weir-server', 'tls/server.key', serverText]]) {
        const result = check(program, inPlaceOf(name, text));
        assert.notEqual(result.status, 0, `${what} for ${name}`);
        show(`${program} --check of a key that is ${what} for ${name}`, result);
      }
    }
    writeFileSync(bad, `${secrets['a password']} ${secrets["the edge's own token"]}`);
    assert.match(show('weir-edge --check of a file that is no token', check('weir-edge', inPlaceOf('keys/edge.jwt', edge))), /server_token_file: .*keys\/bad: holds no token/);
    for (const [program, name, text] of [['weir-edge', 'keys/hs256.key', edge], ['weir-edge', 'keys/tickets.key', edge], ['weir-edge', 'web/server.key', edge], ['weir-edge', 'tls/edge.key', edge], ['weir-edge', 'keys/edge.jwt', edge], ['weir-server', 'keys/services.key', serverText], ['weir-server', 'tls/server.key', serverText]]) {
      chmodSync(file(name), 0o644);
      const open = check(program, text);
      assert.equal(open.status, 0, open.stderr);
      assert.match(show(`${program} --check of an open ${name}`, open), new RegExp(`warning .*${path.basename(name).replace('.', '\\.')}: others may read it`));
      chmodSync(file(name), 0o600);
    }
  });

  test('are in no log, metric, answer or process list', async () => {
    await pages('in the middle');
    for (const name of ['weir-edge', 'weir-server']) {
      system.signal(name, 'SIGHUP');
      await system.logged(name, /reload: taken over/);
    }
    await pages('at the end');
    await system.end('weir-edge');
    await system.end('weir-server');
    for (const name of ['weir-server', 'weir-edge']) {
      outputs[`the log of ${name}`] = system.log(name);
      assert.match(system.log(name), /info done\n$/);
    }
    answers.forEach((text, at) => (outputs[`answer ${at}, ${text.slice(0, 40)}`] = text));
    assert.deepEqual(leaks(outputs, secrets), []);
  });

  test('that were said would be found', () => {
    const token = secrets['a good token'];
    assert.deepEqual(leaks({ log: `bad token ${token}` }, { token }), ['token in log']);
    assert.deepEqual(leaks({ log: `signature …${token.slice(-20)}` }, { token }), ['token in log']);
    assert.deepEqual(leaks({ log: `sent ${Buffer.from(secrets['a cookie']).toString('base64')}` }, { cookie: secrets['a cookie'] }), ['cookie in log']);
    assert.deepEqual(leaks({ log: secrets['the key of ES256'].split('\n')[1] }, { key: secrets['the key of ES256'] }), ['key in log']);
    assert.deepEqual(leaks({ log: 'bad token' }, secrets), []);
  });
});
