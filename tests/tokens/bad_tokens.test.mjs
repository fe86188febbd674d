// Every bad token gets the answer that it should, from the real edge, over each way in.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ws } from '../e2e/tls.mjs';
import { badTokens, makeKeys, makeToken, publicPem } from './bad_tokens.mjs';
import { forAll, poll, startWeir } from './weir.mjs';

const keys = makeKeys();
const corpus = badTokens(keys);
let system;

before(async () => {
  const pems = ['RS256', 'PS256', 'ES256', 'EdDSA'];
  system = await startWeir({
    auth: `  issuers: ["https://own"]
  audiences: [weir]
  keys:
    - {algorithm: HS256, file: keys/HS256, id: HS256}
${pems.map((name) => `    - {algorithm: ${name}, file: keys/${name}.pub, id: ${name}}`).join('\n')}
  providers:
    - {issuer: "https://provider", audiences: [theirs], keys: [{algorithm: ES256, file: keys/provider.pub, id: p1}]}`,
    routes: `  - {path: /mine, filters: ["users.{jwt.sub}"], auth: required, websocket: true}`,
    files: {
      'keys/HS256': keys.HS256,
      ...Object.fromEntries([...pems, 'provider'].map((name) => [`keys/${name}.pub`, publicPem(keys[name])])),
    },
  });
});

after(() => system?.stop());

// Only what is true of good ones makes the refusals mean something.
test('good tokens of every algorithm and issuer are taken', async () => {
  const exp = Math.floor(Date.now() / 1000) + 60;
  const own = { sub: 'ann', exp, iss: 'https://own', aud: ['x', 'weir'] };
  const good = ['HS256', 'RS256', 'PS256', 'ES256', 'EdDSA'].map((alg) => makeToken(alg, keys[alg], own));
  good.push(makeToken('ES256', keys.provider, { sub: 'ann', exp, iss: 'https://provider', aud: 'theirs' }, { alg: 'ES256', kid: 'p1' }));
  good.push(makeToken('HS256', keys.HS256, own, { alg: 'HS256', jku: 'https://evil.example', jwk: {}, x5c: [], x5u: 'https://evil.example' }));
  good.push(makeToken('HS256', keys.HS256, { ...own, exp: exp - 65 })); // within the leeway
  for (const token of good) assert.equal((await poll(system, '/mine', token)).status, 200, token);
});

test('each bad token is refused, for its own fault', async (t) => {
  t.diagnostic(`${corpus.length} bad tokens`);
  assert.ok(corpus.length >= 200);
  await forAll(corpus, async ({ name, token, status, detail }) => {
    const answer = await poll(system, '/mine', token);
    assert.equal(answer.status, status, name);
    assert.equal(answer.problem.type, 'urn:weir:problem:unauthorized', name);
    assert.ok(answer.problem.detail.includes(detail), `${name}: ${answer.problem.detail}`);
    assert.ok(token.length < 20 || !JSON.stringify(answer.problem).includes(token.slice(0, 20)), `${name}: the token is repeated`);
  });
});

test('the query is no softer than the header', async () => {
  await forAll(corpus, async ({ name, token }) => {
    const { status } = await poll(system, `/mine?token=${encodeURIComponent(token)}`);
    assert.ok(status === 401 || status === 400 || status === 431, `${name}: ${status}`);
  });
});

test('nor is the first message of a WebSocket', async () => {
  const every = corpus.filter((_, i) => i % 10 === 0);
  await forAll(every, async ({ name, token }) => {
    const socket = new WebSocket(`${ws}://${system.http}/mine`);
    const closed = new Promise((resolve) => socket.addEventListener('close', resolve));
    socket.addEventListener('open', () => socket.send(JSON.stringify({ type: 'auth', token })));
    const { code } = await closed;
    assert.ok(code === 4401 || code === 4400, `${name}: ${code}`);
  });
});
