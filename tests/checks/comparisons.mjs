// What is secret is compared in a time that says nothing of it: by CRYPTO_memcmp, in the one place where a MAC is checked.
// Judges the product's own C++ by its words, which is why secrets are called what they are.

const product = /^(admin|base|clients\/(cli|cpp)|edge|server)\/.*\.(cc|h)$/;
const ofTests = /(_test|_benchmark)\.(cc|h)$|_testing\.h$|\/testing\/|\/test_\w+\.h$/;

// Who makes MACs, and who has them made: what else has one could only compare it.
const makers = [
  [/(?<!\w)(HMAC|EVP_Q_mac|EVP_MAC_final)\s*\(/, ['base/jwt_signature.cc'], 'makes a MAC'],
  [/\bJwtMac\s*\(/, ['base/jwt_signature.h', 'base/jwt_signature.cc', 'base/jwt_key.cc'], 'has a MAC made'],
];
const bytewise = /(?<!\w)(?:std::)?(memcmp|bcmp|strcmp|strncmp|strcasecmp|strncasecmp)\s*\(/;

// A value that is called a secret: `mac`, `token.signature`, `own_secret_`.
const secret = /(?:^|_)(mac|hmac|signature|secret|password|cookie|ticket|token|pass|sealed|bearer|authorization)_?$/i;
const operand = String.raw`[*&]?[A-Za-z_][\w:]*(?:\[\w*\])?(?:(?:\.|->)[A-Za-z_]\w*(?:\(\))?)*`;
const comparison = new RegExp(String.raw`(${operand}|\)) *(?:[=!]=|<=>) *(${operand})`, 'g');
const call = /(?:std::(?:ranges::)?(?:equal|mismatch|lexicographical_compare) *\([^;]*|\w+\.compare\([^;]*)/g;
const worthless = /^(nullptr|true|false|end|k[A-Z]\w*|[A-Z]\w*::.*|std::nullopt)$/; // what it is compared with is no secret

const lastName = (text) => text.replaceAll('()', '').split(/\.|->/).at(-1).replace(/^\*/, '').replace(/\[\w*\]$/, '');
const asks = (text) => /(?:\.|->)(size|empty|ok|kind|has_value|end|begin|key|what)\(?\)?$/.test(text); // something about it
const isSecret = (text) => !text.startsWith('&') && !asks(text) && secret.test(lastName(text));

function faultOf(code, file) {
  for (const [pattern, allowed, what] of makers) if (pattern.test(code) && !allowed.includes(file)) return `${what}, which only ${allowed.at(-1)} may`;
  if (bytewise.test(code)) return `${bytewise.exec(code)[1]} stops at the first difference; CRYPTO_memcmp does not`;
  for (const [, left, right] of code.matchAll(comparison))
    if ((isSecret(left) && !worthless.test(right) && !asks(right)) || (isSecret(right) && !worthless.test(left) && !asks(left)))
      return `compares ${isSecret(left) ? left : right} up to the first difference; CRYPTO_memcmp does not stop there`;
  for (const [called] of code.matchAll(call))
    if (called.match(/[A-Za-z_]\w*/g)?.some((word) => secret.test(word))) return 'compares a secret up to the first difference; CRYPTO_memcmp does not stop there';
  return undefined;
}

// Complaints about files (text by name).
export function judge(files) {
  const complaints = [];
  for (const [file, text] of files) {
    if (!product.test(file) || ofTests.test(file)) continue;
    text.split('\n').forEach((line, index) => {
      const code = line.replace(/"(?:[^"\\]|\\.)*"/g, '0').replace(/\/\/.*/, '');
      const fault = faultOf(code, file);
      if (fault) complaints.push(`${file}:${index + 1}: ${fault}`);
    });
  }
  if (files.has('base/jwt_key.cc') && !files.get('base/jwt_key.cc').includes('CRYPTO_memcmp(mac.data(), signature.data(), mac.size()) == 0'))
    complaints.push('base/jwt_key.cc: the MAC of a token is not compared by CRYPTO_memcmp');
  return complaints;
}
