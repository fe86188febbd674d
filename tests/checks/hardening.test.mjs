// Every program of a build is hardened: what `readelf` says of it, not what the build was told.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { bin } from '../e2e/system.mjs';

const readelf = (...args) => execFileSync('readelf', ['--wide', ...args], { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });

const unfortified = 'no fortified call';

// What a program lacks, in words; empty when it is hardened.
function lacks(file) {
  const [head, segments, dynamic] = [readelf('--file-header', file), readelf('--program-headers', file), readelf('--dynamic', file)];
  const symbols = readelf('--dyn-syms', file);
  const stack = /^ *GNU_STACK .* ([RWE ]{3}) +0x\w+$/m.exec(segments)?.[1];
  const missing = [];
  if (!/Type: +DYN/.test(head) || !/\(FLAGS_1\).*\bPIE\b/.test(dynamic)) missing.push('its address is fixed (no PIE)');
  if (!/^ *GNU_RELRO /m.test(segments)) missing.push('no RELRO');
  if (!/\(FLAGS\).*BIND_NOW|\(BIND_NOW\)|\(FLAGS_1\).*\bNOW\b/.test(dynamic)) missing.push('RELRO is partial (no BIND_NOW)');
  if (stack === undefined || stack.includes('E')) missing.push('its stack is executable');
  if (/\bLOAD\b.* RWE /.test(segments)) missing.push('a segment is writable and executable');
  if (/\((?:TEXTREL|RPATH|RUNPATH)\)/.test(dynamic)) missing.push('TEXTREL, RPATH or RUNPATH');
  if (!/ __stack_chk_fail\b/.test(symbols)) missing.push('no stack protector');
  if (!/ __\w+_chk\b/.test(symbols.replaceAll('__stack_chk', ''))) missing.push(unfortified);
  return missing;
}

const folder = bin('');
const programs = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ name }) => name);

describe('programs', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'weir-hardening-'));
  after(() => rmSync(dir, { recursive: true }));
  const build = (name, ...flags) => {
    const [source, file] = [path.join(dir, 'a.c'), path.join(dir, name)];
    writeFileSync(source, code);
    execFileSync('gcc', [...flags, source, '-o', file]);
    return file;
  };
  // Something to protect and to fortify.
  const code = '#include <string.h>\nint main(int n, char** a) { char b[9]; strcpy(b, a[n - 1]); return b[0]; }\n';
  const good = ['-O2', '-fPIE', '-pie', '-fstack-protector-strong', '-D_FORTIFY_SOURCE=2', '-Wl,-z,relro,-z,now,-z,noexecstack'];

  test('are hardened, each of them', () => {
    const product = ['weir-server', 'weir-edge', 'weir'];
    for (const name of product) assert.ok(programs.includes(name), `${name} is not in ${folder}`);
    for (const name of programs) {
      // A small program of the benches may call nothing that could be fortified.
      const missing = lacks(path.join(folder, name)).filter((what) => what !== unfortified || product.includes(name));
      assert.deepEqual(missing, [], name);
    }
  });

  test('that are not are found', () => {
    assert.deepEqual(lacks(build('good', ...good)), []);
    const without = (...flags) => lacks(build('bad', ...good, ...flags));
    assert.match(without('-no-pie', '-fno-PIE').join(), /PIE/);
    assert.match(without('-Wl,-z,norelro').join(), /no RELRO/);
    assert.match(without('-Wl,-z,lazy').join(), /partial/);
    assert.match(without('-Wl,-z,execstack').join(), /executable/);
    assert.match(without('-fno-stack-protector').join(), /stack protector/);
    assert.match(without('-U_FORTIFY_SOURCE').join(), /fortified/);
    assert.match(without('-Wl,-rpath,/tmp').join(), /RPATH/);
  });
});
