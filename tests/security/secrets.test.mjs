// Secrets are in no output: the real programs, at their most talkative, are given tokens, keys, cookies and payloads in
// every way, good ones and bad ones, and everything that they say is searched for them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Wire } from '../conformance/websocket.mjs';
import { flash, serverConfig } from '../conformance/weir.mjs';
import { System, bin } from '../e2e/system.mjs';
import { tokenOf } from './isolation/world.mjs';

const edge = `
auth: {keys: [{algorithm: HS256, file: keys/hs256.key}, {algorithm: ES256, file: keys/es256.pem}]}
drain: {window: 0s}
server_token_file: keys/server.jwt
cors: {origins: ["https://app.example"], credentials: true}
routes:
  - {path: /mine, auth: required, websocket: true, filters: ["dispatch.users.{jwt.sub}.{query.room|*}"], heartbeat: {interval: 1s}}
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

// Sends the bytes, and resolves to all that comes until the other side closes or has said enough.
async function exchange(address, bytes, enough = () => false) {
  const [host, port] = address.split(':');
  const socket = connect({ host, port: Number(port) });
  let text = '';
  socket.on('error', () => {});
  socket.on('data', (data) => {
    text += data.toString('latin1');
    if (enough(text)) socket.destroy();
  });
  socket.write(bytes);
  await once(socket, 'close', { signal: AbortSignal.timeout(60_000) });
  return text;
}

describe('secrets', { timeout: 240_000 }, () => {
  let system;
  let secrets;
  const outputs = {};
  const pages = async (when) => {
    for (const [name, address] of [['the server', system.serverAdmin], ['the edge', system.edgeAdmin]])
      for (const page of ['/metrics', '/healthz', '/readyz', '/nothing'])
        outputs[`${page} of ${name}, ${when}`] = await (await fetch(`http://${address}${page}`, { headers: { Authorization: `Bearer ${secrets['a good token']}` } })).text();
    for (const name of ['weir-server', 'weir-edge'])
      for (const file of ['cmdline', 'environ', 'comm']) outputs[`${file} of ${name}, ${when}`] = readFileSync(`/proc/${system.pid(name)}/${file}`, 'utf8');
  };

  before(async () => {
    system = new System({ edge, server: serverConfig() });
    await system.startServer('--log-level', 'trace');
    const key = readFileSync(system.key);
    const service = tokenOf({ sub: randomBytes(12).toString('hex') }, key);
    writeFileSync(path.join(system.dir, 'keys/server.jwt'), `${service}\n`, { mode: 0o600 });
    await system.startEdge('--log-level', 'trace');
    const user = (sub) => ({ sub, tenant: randomBytes(12).toString('hex'), email: `${randomBytes(12).toString('hex')}@x.y` });
    const good = tokenOf(user('ann'), key);
    secrets = {
      'the key of HS256': key.toString(),
      'the key of ES256': readFileSync(path.join(system.dir, 'keys/es256.pem'), 'utf8'),
      'a good token': good,
      'a token for the query': tokenOf(user('ann'), key),
      'a token for a WebSocket': tokenOf(user('ann'), key),
      'a renewed token': tokenOf(user('ann'), key),
      "another user's token": tokenOf(user('bob'), key),
      'a token of ES256': (await system.weir('token', '--key', path.join(system.dir, 'keys/es256.pem'), '--sub', 'ann')).trim(),
      'a token of another key': tokenOf(user('ann'), randomBytes(48)),
      'a token that is cut': tokenOf(user('ann'), key).slice(0, -5),
      'an expired token': (await system.weir('token', '--key', system.key, '--sub', 'ann', '--ttl', '-1h')).trim(),
      'what is no token': randomBytes(24).toString('hex'),
      "the edge's own token": service,
      'a password': randomBytes(24).toString('hex'),
      'a cookie': randomBytes(24).toString('hex'),
    };
  });
  after(() => system?.stop());

  test('are used in every way, and what is published too', async () => {
    const { http } = system;
    const answers = [];
    const ask = async (lines, enough) => answers.push(await exchange(http, [...lines, '', ''].join('\r\n'), enough));
    const begun = (text) => /weir\.connected|\r\n\r\n[^]*\}/.test(text) || /HTTP\/1\.1 (304|204)/.test(text);
    const all = Object.entries(secrets).filter(([what]) => !/key of|cookie/.test(what));
    for (const [what, token] of all)
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
    const talks = [
      ...all.map(([, token]) => [{ token }]),
      [{ token: secrets['a token for a WebSocket'] }, { type: 'auth', token: secrets['a renewed token'] }, { type: 'auth', token: secrets["another user's token"] }],
      [{ token: secrets['a good token'], password: secrets['a password'] }],
      [{ token: secrets['a good token'], filters: [secrets['a password']] }],
      [{ token: secrets['a good token'] }, `{"type": "${secrets['a password']}"}`],
      [{ token: secrets['a good token'] }, secrets['a password']],
      [{ token: secrets['a good token'] }, { type: 'subscribe', filters: [secrets['a password']] }],
    ];
    for (const [auth, ...more] of talks) {
      const wire = Wire.open(http, '/mine', { auth, headers: { Cookie: `session=${secrets['a cookie']}` } });
      await wire.until('an answer', () => wire.texts.length > 0 || wire.closed);
      for (const [at, message] of more.entries()) {
        wire.say(message);
        await wire.until('an answer', () => wire.answers.length > at + 1 || wire.closed);
      }
      if (!wire.closed) await wire.close();
      answers.push(...wire.texts, JSON.stringify(wire.closed));
    }
    assert.ok(answers.some((text) => text.includes('weir.connected')) && answers.some((text) => text.startsWith('HTTP/1.1 200')));
    for (const status of [400, 401, 404, 405, 431]) assert.ok(answers.some((text) => text.startsWith(`HTTP/1.1 ${status}`)), `no answer was ${status}`);
    answers.forEach((text, at) => (outputs[`answer ${at}, ${text.slice(0, 40)}`] = text));

    // What is published is for its readers: the programs say nothing of it either.
    const events = [flash('users.ann.r', 'p'), { ...flash('users.ann.r', 'p'), type: 'no.such.Type' }, { ...flash('users..r', 'p') }];
    await system.publish(events.map((event) => ({ ...event, data: { ...event.data, text: secrets['a password'] } }))).catch(() => {});
  });

  test('stay in their files: the command line names files, and a bad key is not shown', () => {
    const show = (name, result) => (outputs[name] = result.stdout + result.stderr);
    const config = path.join(system.dir, 'bad.yaml');
    const bad = path.join(system.dir, 'keys/bad');
    const pem = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
    const contents = { short: randomBytes(12).toString('hex'), 'of another curve': pem, damaged: secrets['the key of ES256'].replace(/\n.{8}/, '\nAAAAAAAA') };
    for (const [what, content] of Object.entries(contents)) {
      writeFileSync(bad, content);
      secrets[`a key that is ${what}`] = content;
      for (const algorithm of ['HS256', 'ES256']) {
        writeFileSync(config, edge.replace('HS256, file: keys/hs256.key', `${algorithm}, file: keys/bad`));
        const result = spawnSync(bin('weir-edge'), ['--config', config, '--check'], { encoding: 'utf8' });
        assert.notEqual(result.status, 0, `${what} as ${algorithm}`);
        show(`weir-edge --check of a key that is ${what} as ${algorithm}`, result);
      }
      show(`weir token by a key that is ${what}`, spawnSync(bin('weir'), ['token', '--key', bad, '--sub', 'ann'], { encoding: 'utf8' }));
    }
    writeFileSync(bad, `${secrets['a password']} ${secrets["the edge's own token"]}`);
    writeFileSync(config, edge.replace('server.jwt', 'bad'));
    const token = spawnSync(bin('weir-edge'), ['--config', config, '--check'], { encoding: 'utf8' });
    assert.match(show('weir-edge --check of a file that is no token', token), /server_token_file: .*keys\/bad: holds no token/);
    const certificate = path.join(system.dir, 'keys/tls.crt');
    spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=a', '-keyout', bad, '-out', certificate]);
    writeFileSync(config, `${edge}tls: {certificate: keys/tls.crt, key: keys/bad}\n`);
    const check = () => spawnSync(bin('weir-edge'), ['--config', config, '--check'], { encoding: 'utf8' });
    secrets['a key of TLS'] = readFileSync(bad, 'utf8');
    chmodSync(bad, 0o644);
    const spoken = check();
    assert.equal(spoken.status, 0, spoken.stderr);
    assert.match(show('weir-edge --check of an open key of TLS', spoken), /warning .*keys\/bad: others may read it/);
    for (const [what, content] of Object.entries({ ...contents, 'of another certificate': secrets['the key of ES256'] })) {
      writeFileSync(bad, content);
      const result = check();
      assert.notEqual(result.status, 0, what);
      show(`weir-edge --check of a key of TLS that is ${what}`, result);
    }
    chmodSync(system.key, 0o644);
    const open = spawnSync(bin('weir-edge'), ['--config', path.join(system.dir, 'edge.yaml'), '--check'], { encoding: 'utf8' });
    assert.match(show('weir-edge --check of an open key', open), /warning .*hs256\.key: others may read it/);
    chmodSync(system.key, 0o600);
  });

  test('are in no log, metric, answer or process list', async () => {
    await pages('in the middle');
    system.signal('weir-edge', 'SIGHUP');
    await system.logged('weir-edge', /reload: taken over/);
    await pages('at the end');
    await system.end('weir-edge');
    await system.end('weir-server');
    for (const name of ['weir-server', 'weir-edge']) {
      outputs[`the log of ${name}`] = system.log(name);
      assert.match(system.log(name), /info done\n$/);
    }
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
