// The plugin as protoc runs it, and what TypeScript makes of the result.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, '../../..');
const plugin = path.join(here, '../protoc-gen-weir.mjs');
const out = mkdtempSync(path.join(tmpdir(), 'weir-plugin-'));
after(() => rmSync(out, { recursive: true }));

const protoc = (...args) =>
  spawnSync('protoc', [`--plugin=protoc-gen-weir=${plugin}`, `-I${here}`, `-I${path.join(root, 'proto')}`, ...args], { encoding: 'utf8' });

function make(parameter, file) {
  const { status, stderr } = protoc(`--weir_out=${parameter}:${out}`, 'acme/v1/other.proto', 'acme/v1/kinds.proto');
  assert.equal(stderr, '');
  assert.equal(status, 0);
  return readFileSync(path.join(out, file), 'utf8');
}

describe('protoc-gen-weir', () => {
  test('writes what stands beside it', () => {
    assert.equal(make('', 'acme/v1/kinds_weir.ts'), readFileSync(path.join(here, 'acme/v1/kinds_weir.ts'), 'utf8'));
    assert.equal(make('', 'acme/v1/other_weir.ts'), readFileSync(path.join(here, 'acme/v1/other_weir.ts'), 'utf8'));
  });

  test('follows its parameters', () => {
    const text = make('field_names=proto,import_extension=none', 'acme/v1/kinds_weir.ts');
    assert.match(text, /\n {2}maybe_text\?: string;\n/);
    assert.match(text, /\n {2}renamed\?: string;\n/);
    assert.match(text, /from '.\/other_weir';\n/);
  });

  test('names a wrong parameter', () => {
    for (const [parameter, message] of [
      ['names=proto', "unknown parameter 'names'; there are field_names, import_extension"],
      ['field_names=snake', "field_names: 'snake' is not one of camel, proto"],
    ]) {
      const { status, stderr } = protoc(`--weir_out=${parameter}:${out}`, 'acme/v1/other.proto');
      assert.equal(stderr.trim(), `--weir_out: protoc-gen-weir: ${message}`);
      assert.equal(status, 1);
    }
  });

  test('makes types of what others have named, and no code', () => {
    const evil = "o'; globalThis.forged = 1; '";
    const from = mkdtempSync(path.join(out, 'from-'));
    const proto = (name, ...lines) => writeFileSync(path.join(from, `${name}.proto`), ['syntax = "proto3";', 'package evil;', ...lines, ''].join('\n'));
    proto(evil, '// */ globalThis.forged = 1; /*', 'message Theirs { string a = 1 [json_name = "\'; globalThis.forged = 1; \'\\n\\\\"]; }', '// One: */globalThis.forged = 1/*', 'enum Kind { ONE = 0; }');
    proto('own\nglobalThis.forged = 1', `import "${evil}.proto";`, 'import "weir/v1/options.proto";', 'message Own { option (weir.v1.event) = {name: "a\'\\nb"}; Theirs theirs = 1; Kind kind = 2; }');
    const { status, stderr } = protoc(`-I${from}`, `--weir_out=${out}`, `${evil}.proto`, 'own\nglobalThis.forged = 1.proto');
    assert.equal(stderr, '');
    assert.equal(status, 0);
    const { transformSync } = createRequire(path.join(root, 'clients/web/package.json'))('esbuild');
    for (const name of [evil, 'own\nglobalThis.forged = 1']) {
      const text = readFileSync(path.join(out, `${name}_weir.ts`), 'utf8');
      assert.match(text, /forged/);
      assert.equal(transformSync(text, { loader: 'ts' }).code, '', text);
    }
  });

  test('its files are TypeScript without complaints', () => {
    make('', 'acme/v1/kinds_weir.ts');
    const tsc = path.join(root, 'clients/web/node_modules/.bin/tsc');
    const files = ['kinds', 'other'].map((name) => path.join(out, `acme/v1/${name}_weir.ts`));
    const flags = ['--strict', '--noEmit', '--module', 'nodenext', '--moduleResolution', 'nodenext', '--types', ''];
    execFileSync(tsc, [...flags, ...files], { encoding: 'utf8', cwd: out });
  });
});
