// Bad tokens, each with the answer that it has to get: `{name, token, status, detail}`, where `detail` is part of what the
// edge says. They are signed rightly wherever the fault is another one, so that nothing but the fault refuses them.
import { constants, createHmac, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

const b64 = (value) => Buffer.from(typeof value === 'string' || value instanceof Uint8Array ? value : JSON.stringify(value)).toString('base64url');

// Keys of every kind, and the files that the edge gets of them.
export function makeKeys() {
  const pair = (...how) => generateKeyPairSync(...how).privateKey;
  const keys = {
    HS256: randomBytes(48),
    RS256: pair('rsa', { modulusLength: 2048 }),
    PS256: pair('rsa', { modulusLength: 2048 }),
    ES256: pair('ec', { namedCurve: 'P-256' }),
    EdDSA: pair('ed25519'),
    provider: pair('ec', { namedCurve: 'P-256' }),
  };
  return keys;
}

export const publicPem = (key) => createPublicKey(key).export({ type: 'spki', format: 'pem' });

// The signature of `input` as JWS has it.
export function signatureOf(alg, key, input) {
  const bytes = Buffer.from(input);
  if (alg === 'HS256') return createHmac('sha256', key).update(bytes).digest();
  if (alg === 'RS256') return sign('sha256', bytes, key);
  if (alg === 'PS256') {
    return sign('sha256', bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 });
  }
  if (alg === 'ES256') return sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' });
  return sign(null, bytes, key);
}

// `header` and `claims` are values, or the exact text of JSON.
export function makeToken(alg, key, claims, header = { alg, typ: 'JWT', kid: alg }) {
  const input = `${b64(header)}.${b64(claims)}`;
  return `${input}.${b64(signatureOf(alg, key, input))}`;
}

export function badTokens(keys, now = Math.floor(Date.now() / 1000)) {
  const bad = [];
  const add = (name, token, detail, status = 401) => bad.push({ name, token, detail, status });
  const good = { sub: 'ann', exp: now + 3600, iss: 'https://own', aud: 'weir' };
  const algs = ['HS256', 'RS256', 'PS256', 'ES256', 'EdDSA'];
  const hs = (claims, header) => makeToken('HS256', keys.HS256, claims, header);
  const head = (more) => ({ alg: 'HS256', kid: 'HS256', ...more });
  const text = (part) => JSON.stringify(part);

  // Forms
  const whole = hs(good);
  const [h, c, s] = whole.split('.');
  for (const [name, token] of [
    ['one part', h], ['two parts', `${h}.${c}`], ['four parts', `${whole}.${s}`], ['five parts', `${whole}.${s}.${s}`],
    ['a dot before', `.${whole}`], ['a dot behind', `${whole}.`], ['only dots', '...'], ['four dots', '....'],
    ['JSON serialisation', text({ payload: c, protected: h, signature: s })], ['words', 'letmein'], ['null', 'null'],
  ]) add(`form: ${name}`, token, 'three parts');
  for (const [name, token] of [
    ['empty header', `.${c}.${s}`], ['padded header', `${h}=.${c}.${s}`], ['header of one letter', `A.${c}.${s}`],
    ['header with +', `${h}+.${c}.${s}`], ['header with /', `${h}/.${c}.${s}`], ['space in the header', `${h.slice(0, 4)} ${h.slice(4)}.${c}.${s}`],
    ['only two dots', '..'], ['header in base64 of JSON text', `${b64(text(text({ alg: 'HS256' })))}.${c}.${s}`],
  ]) add(`form: ${name}`, token, 'header');
  for (const [name, part] of [
    ['empty', ''], ['padded', `${s}=`], ['one letter', 'A'], ['with +', `${s.slice(1)}+`], ['with /', `${s.slice(1)}/`], ['with a tilde', `${s}~`],
  ]) add(`form: signature ${name}`, `${h}.${c}.${part}`, name === 'empty' ? 'signature is wrong' : 'signature is no base64url');
  add('form: longer than 8 KiB', hs({ ...good, pad: 'x'.repeat(7000) }), 'too long');
  add('form: a long tail of A', `${whole}${'A'.repeat(8192)}`, 'too long');
  // The last letter of 43 has two bits that mean nothing.
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  for (const bits of [1, 2, 3]) {
    add(`form: signature with spare bits ${bits}`, `${whole.slice(0, -1)}${letters[letters.indexOf(whole.at(-1)) ^ bits]}`, 'signature is no base64url');
  }

  // Headers and claims that are no object, or read differently by different readers
  const parts = [
    '[]', 'null', 'true', '5', '"a"', '', ' ', '{', '{}}', '{"a":1}x', "{'a':1}", '{"a":1,}', '{"a":01}', '{"a":NaN}',
    '{"a":Infinity}', '{"a":1e999}', '{"a":"\\x41"}', '{"a":/**/1}', '{"a":"\t"}', '{"a":"\\ud800"}', '{a:1}', '{"a":undefined}',
    '{"a":+1}', '{"a":.5}', '{"a":1.}', '{"a" 1}', '{"a":1 "b":2}', '\u0000{"a":1}',
  ];
  for (const part of parts) {
    add(`header: ${text(part)}`, hs(good, part), 'header');
    add(`claims: ${text(part)}`, hs(part), 'claims');
  }
  for (const [name, around] of [
    ['a NUL behind it', (json) => `${json}\0`], ['another behind a NUL', (json) => `${json}\0{"sub":"root"}`], ['a byte order mark before it', (json) => `\ufeff${json}`],
  ]) {
    add(`header: ${name}`, hs(good, around(text(head()))), 'header is no base64url');
    add(`claims: ${name}`, hs(around(text(good))), 'claims are no base64url');
  }
  for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]]) {
    const json = Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes), Buffer.from('"}')]);
    add(`header: not UTF-8, ${bytes}`, hs(good, json), 'header');
    add(`claims: not UTF-8, ${bytes}`, hs(json), 'claims');
  }
  const exp = `"exp":${good.exp},"iss":"https://own","aud":"weir"`;
  for (const [name, claims] of [
    ['sub', `{"sub":"ann","sub":"bob",${exp}}`], ['exp', `{${exp},"exp":${good.exp}}`], ['an escaped name', `{"sub":"ann","\\u0073ub":"bob",${exp}}`],
    ['within', `{"a":{"b":1,"b":2},${exp}}`], ['within a list', `{"a":[{"b":1,"b":1}],${exp}}`], ['an empty name', `{"":1,"":2,${exp}}`],
    ['iss', `{${exp},"iss":"https://own"}`], ['aud', `{"aud":"other",${exp}}`],
  ]) add(`claims: twice ${name}`, hs(claims), 'claims');
  for (const [name, header] of [
    ['alg', '{"alg":"none","alg":"HS256"}'], ['the same alg', '{"alg":"HS256","alg":"HS256"}'], ['kid', '{"alg":"HS256","kid":"a","kid":"HS256"}'],
  ]) add(`header: twice ${name}`, hs(good, header), 'header');
  const nested = (levels) => `{"a":${'['.repeat(levels)}${']'.repeat(levels)},${exp}}`;
  for (const levels of [16, 17, 64, 1000, 2500]) add(`claims: ${levels} lists deep`, hs(nested(levels)), 'claims');
  for (const levels of [16, 300]) {
    add(`claims: ${levels} objects deep`, hs(`${'{"a":'.repeat(levels)}{${exp}}${'}'.repeat(levels)}`), 'claims');
    add(`header: ${levels} deep`, hs(good, `{"alg":"HS256","a":${'['.repeat(levels)}${']'.repeat(levels)}}`), 'header');
  }
  for (const values of [513, 2000]) {
    add(`claims: ${values} values`, hs(`{${exp},"a":[${Array(values).fill(1)}]}`), 'claims');
    add(`header: ${values} values`, hs(good, `{"alg":"HS256","a":[${Array(values).fill(1)}]}`), 'header');
  }
  add('claims: many members', hs({ ...good, ...Object.fromEntries(Array.from({ length: 512 }, (_, i) => [`a${i}`, 1])) }), 'claims');

  // Algorithms
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '', 'hs256', 'HS256 ', 'HS384', 'HS512', 'RS512', 'ES384', 'ES256K', 'Ed25519', 'EDDSA', 'RSA-OAEP', 'dir']) {
    add(`alg: ${text(alg)}`, hs(good, { alg }), 'no key has its algorithm');
    add(`alg: ${text(alg)}, without signature`, `${b64({ alg })}.${b64(good)}.`, 'no key has its algorithm');
  }
  for (const alg of [null, 5, true, ['HS256'], { alg: 'HS256' }]) add(`alg: ${text(alg)}`, hs(good, { alg }), '"alg"');
  add('alg: absent', hs(good, { typ: 'JWT' }), '"alg"');
  for (const kid of [null, 5, [], {}, false]) add(`kid: ${text(kid)}`, hs(good, head({ kid })), '"kid"');
  for (const kid of ['', 'hs256', 'HS256 ', '../keys/HS256', "' OR 1=1", 'RS256', 'x'.repeat(2000), '/dev/null', 'HS256\u0000']) {
    add(`kid: ${text(kid).slice(0, 40)}`, hs(good, head({ kid })), 'no key has its algorithm');
  }
  // A public key is no secret.
  for (const alg of algs.slice(1)) {
    const pem = publicPem(keys[alg]);
    for (const [form, secret] of [['PEM', pem], ['PEM without its last line end', pem.trim()], ['DER', createPublicKey(keys[alg]).export({ type: 'spki', format: 'der' })]]) {
      add(`HMAC by the public key of ${alg}, ${form}`, makeToken('HS256', secret, good, { alg: 'HS256' }), 'signature is wrong');
      add(`HMAC by the public key of ${alg}, ${form}, its kid`, makeToken('HS256', secret, good, { alg: 'HS256', kid: alg }), 'no key has its algorithm');
    }
  }
  // A signature of one algorithm in the name of another
  for (const one of algs) {
    for (const other of algs.filter((alg) => alg !== one)) {
      add(`${one} as ${other}`, makeToken(one, keys[one], good, { alg: other, kid: other }), 'signature is wrong');
    }
  }
  const input = (alg) => `${b64({ alg, kid: alg })}.${b64(good)}`;
  const pss = (saltLength, hash = 'sha256') =>
    sign(hash, Buffer.from(input('PS256')), { key: keys.PS256, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
  for (const salt of [0, 20, 31, 33, 222]) add(`PS256: a salt of ${salt} bytes`, `${input('PS256')}.${b64(pss(salt))}`, 'signature is wrong');
  add('PS256: SHA-512', `${input('PS256')}.${b64(pss(64, 'sha512'))}`, 'signature is wrong');
  add('RS256: SHA-1', `${input('RS256')}.${b64(sign('sha1', Buffer.from(input('RS256')), keys.RS256))}`, 'signature is wrong');
  add('ES256: DER', `${input('ES256')}.${b64(sign('sha256', Buffer.from(input('ES256')), keys.ES256))}`, 'signature is wrong');
  add('ES256: SHA-384', `${input('ES256')}.${b64(sign('sha384', Buffer.from(input('ES256')), { key: keys.ES256, dsaEncoding: 'ieee-p1363' }))}`, 'signature is wrong');

  // Signatures
  for (const alg of algs) {
    const token = makeToken(alg, keys[alg], good);
    const [header, claims, signature] = token.split('.');
    const bytes = Buffer.from(signature, 'base64url');
    const flipped = Buffer.from(bytes);
    flipped[bytes.length >> 1] ^= 1;
    for (const [name, other] of [
      ['with a bit changed', flipped], ['of zeros', Buffer.alloc(bytes.length)], ['of ones', Buffer.alloc(bytes.length, 255)], ['cut by a byte', bytes.subarray(1)],
      ['longer by a byte', Buffer.concat([bytes, Buffer.from([0])])], ['with a zero before', Buffer.concat([Buffer.from([0]), bytes])],
      ['twice', Buffer.concat([bytes, bytes])], ['empty', Buffer.alloc(0)], ['of a byte', Buffer.from([1])],
    ]) add(`${alg}: signature ${name}`, `${header}.${claims}.${b64(other)}`, 'signature is wrong');
    add(`${alg}: other claims`, `${header}.${b64({ ...good, sub: 'root' })}.${signature}`, 'signature is wrong');
    add(`${alg}: another header`, `${b64({ alg, kid: alg, x: 1 })}.${claims}.${signature}`, 'signature is wrong');
    add(`${alg}: claims longer by a space`, `${header}.${b64(`${text(good)} `)}.${signature}`, 'signature is wrong');
    const stranger = makeKeys();
    add(`${alg}: a stranger's key`, makeToken(alg, stranger[alg], good), 'signature is wrong');
    // Keys that come with the token
    const jwk = alg === 'HS256' ? { kty: 'oct', k: b64(stranger[alg]) } : createPublicKey(stranger[alg]).export({ format: 'jwk' });
    for (const [name, more] of [['jwk', { jwk }], ['jku', { jku: 'https://evil.example/jwks.json' }], ['x5u', { x5u: 'https://evil.example/a.pem' }], ['x5c', { x5c: ['MIIB'] }]]) {
      add(`${alg}: its own key by ${name}`, makeToken(alg, stranger[alg], good, { alg, kid: alg, ...more }), 'signature is wrong');
    }
  }

  // Critical extensions
  for (const crit of [['b64'], ['exp'], [], null, 'b64', ['http://example.com/x']]) {
    add(`crit: ${text(crit)}`, hs(good, head({ crit, b64: true })), 'critical');
  }

  // Claims
  const { exp: _, ...endless } = good;
  add('exp: absent', hs(endless), 'no "exp"');
  for (const name of ['exp', 'nbf', 'iat']) {
    for (const value of [String(good.exp), null, true, -1, [good.exp], {}, 1e300, '', 253402300800]) {
      add(`${name}: ${text(value)}`, hs({ ...good, [name]: value }), 'is no time');
    }
  }
  for (const ago of [31, 3600, now]) add(`exp: ${ago} s ago`, hs({ ...good, exp: now - ago }), 'expired');
  for (const later of [1200, 86400]) {
    add(`nbf: in ${later} s`, hs({ ...good, nbf: now + later }), 'not valid yet');
    add(`iat: in ${later} s`, hs({ ...good, iat: now + later }), 'issued in the future');
  }
  for (const iss of [undefined, '', null, 5, ['https://own'], 'https://own/', 'HTTPS://OWN', 'https://own.evil.example', ' https://own']) {
    add(`iss: ${text(iss)}`, hs({ ...good, iss }), '"iss"');
  }
  for (const aud of [undefined, '', null, 5, [], ['other'], [['weir']], { weir: 1 }, 'weir ', 'WEIR', 'weirs', [5, null]]) {
    add(`aud: ${text(aud)}`, hs({ ...good, aud }), '"aud"');
  }
  for (const name of ['sub', 'jti']) {
    for (const value of [5, null, ['ann'], {}, true]) add(`${name}: ${text(value)}`, hs({ ...good, [name]: value }), `"${name}"`);
  }
  // An issuer's tokens are tried with its own keys only, and the other way round.
  const theirs = { ...good, iss: 'https://provider', aud: 'theirs' };
  for (const alg of algs) {
    add(`issuer: the provider's, by our ${alg}`, makeToken(alg, keys[alg], theirs), 'no key has its algorithm');
    add(`issuer: the provider's, by our ${alg}, its kid`, makeToken(alg, keys[alg], theirs, { alg, kid: 'p1' }), alg === 'ES256' ? 'signature is wrong' : 'no key has its algorithm');
  }
  add('issuer: ours, by the provider', makeToken('ES256', keys.provider, good, { alg: 'ES256', kid: 'p1' }), 'no key has its algorithm');
  add('issuer: ours, by the provider, our kid', makeToken('ES256', keys.provider, good, { alg: 'ES256', kid: 'ES256' }), 'signature is wrong');
  add('issuer: the provider, our audience', makeToken('ES256', keys.provider, { ...theirs, aud: 'weir' }, { alg: 'ES256', kid: 'p1' }), '"aud"');
  return bad;
}
