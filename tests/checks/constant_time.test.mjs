import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from './comparisons.mjs';
import { ownFiles, read } from './tree.mjs';

const complaintsOf = (line, file = 'edge/http/access.cc') => judge(new Map([[file, `${line}\n`]]));

test('secrets of this tree are compared in constant time', () => {
  const files = ownFiles('*.h', '*.cc');
  assert.ok(files.includes('base/jwt_key.cc') && files.includes('edge/http/tickets.cc') && files.includes('server/auth/access_policy.cc'));
  assert.deepEqual(judge(new Map(files.map((file) => [file, read(file)]))), []);
});

test('one that is not is found', () => {
  for (const line of [
    'return memcmp(a.data(), b.data(), b.size()) == 0;', 'if (std::memcmp(a, b, 32) != 0) {', 'return strcmp(a, b) == 0;',
    'return mac == expected;', 'return expected == mac;', 'return JwtMac(secret, input) == signature;', 'if (signature != Raw(key)) {',
    'return *ticket == other;', 'return request.head.cookie == cookie_;', 'if (own_token_ != given) {', 'return pass->sealed == text;',
    'return std::equal(mac.begin(), mac.end(), given.begin());', 'return mac.compare(given) == 0;', 'HMAC(EVP_sha256(), key, 32, in, 5, out, nullptr);',
    'return token <=> another;', 'return std::string_view(x) == secret();', 'return known[i] == password;',
  ]) assert.equal(complaintsOf(line).length, 1, line);
  assert.match(complaintsOf('return mac == expected;')[0], /^edge\/http\/access\.cc:1: compares mac /);
  const own = read('base/jwt_key.cc');
  const careless = own.replace('CRYPTO_memcmp(mac.data(), signature.data(), mac.size()) == 0', 'mac == signature');
  assert.notEqual(careless, own);
  assert.equal(judge(new Map([['base/jwt_key.cc', careless]])).length, 2);
});

test('what says nothing of a secret is allowed', () => {
  for (const line of [
    'return CRYPTO_memcmp(a.data(), b.data(), b.size()) == 0;', 'if (tickets == nullptr || !ticket) {', 'if (ticket == nullptr) {',
    'signature.size() == mac.size()', 'if (token == "*") {', 'if (token.empty() == x) {', 'return topic == kReservedToken;', '// mac == expected',
    'next.server_token_file == config_.server_token_file', 'if (token.kind == Token::Kind::kLiteral) {', 'std::memcpy(&a, mac.data(), 4);', 'if (it == ticket.end()) {',
  ]) assert.deepEqual(complaintsOf(line), [], line);
  assert.deepEqual(complaintsOf('EXPECT_TRUE(mac == expected);', 'base/jwt_key_test.cc'), []);
});
