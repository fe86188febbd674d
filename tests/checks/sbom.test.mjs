// What `./dev sbom` writes, judged by what the dynamic linker and the lock file say.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { bin } from '../e2e/system.mjs';
import { read, root } from './tree.mjs';

const run = (command, ...args) => execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'pipe'] });

describe('the bill of materials', { timeout: 600_000 }, () => {
  let bom;
  before(() => (bom = JSON.parse(run('node', path.join(root, 'dev.d/sbom.mjs'), bin('..')))));
  const needsOf = (ref) => {
    const { dependsOn } = bom.dependencies.find((entry) => entry.ref === ref);
    return dependsOn.map((one) => bom.components.find((component) => component['bom-ref'] === one));
  };

  test('is CycloneDX: every component once, every reference to one', () => {
    assert.equal(bom.bomFormat, 'CycloneDX');
    assert.equal(bom.specVersion, '1.5');
    assert.match(bom.serialNumber, /^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    const refs = [bom.metadata.component, ...bom.components].map((component) => component['bom-ref']);
    assert.equal(new Set(refs).size, refs.length);
    assert.deepEqual(bom.dependencies.map(({ ref }) => ref).sort(), [...refs].sort());
    for (const { ref, dependsOn } of bom.dependencies) for (const one of [ref, ...dependsOn]) assert.ok(refs.includes(one), one);
    for (const { type, name, version, purl } of bom.components) {
      assert.ok(name && version, name);
      assert.ok(type === 'application' || name === '@weir/client' || /^pkg:(deb|npm)\/.+@.+/.test(purl), purl);
    }
  });

  test('has every library that a program asks the linker for, in the version that is installed', () => {
    const cache = run('/sbin/ldconfig', '-p').split('\n');
    for (const program of ['weir-server', 'weir-edge', 'weir']) {
      const needed = [...run('readelf', '-d', bin(program)).matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, soname]) => soname);
      assert.ok(needed.length > 10);
      const files = needed.map((soname) => cache.find((line) => line.startsWith(`\t${soname} (`)).split(' => ')[1]);
      // The package has the file or what the link in its place leads to.
      const owners = spawnSync('dpkg-query', ['--search', ...files, ...files.map((file) => realpathSync(file))], { encoding: 'utf8' }).stdout;
      const names = [...new Set([...owners.matchAll(/^([^:]+):/gm)].map(([, name]) => name))];
      const listed = new Map(needsOf(program).map(({ name, version }) => [name, version]));
      const installed = run('dpkg-query', '--show', '--showformat=${Package} ${Version}\n', ...names).trim().split('\n');
      for (const line of installed) assert.equal(`${line.split(' ')[0]} ${listed.get(line.split(' ')[0])}`, line, program);
      assert.ok(installed.length >= 5, `only ${installed} were found`);
    }
  });

  test('has what exists as headers only, and nothing that is not linked', () => {
    const names = (program) => needsOf(program).map(({ name }) => name);
    for (const name of ['libboost1.81-dev', 'nlohmann-json3-dev', 'libcli11-dev']) assert.ok(names('weir-edge').includes(name), name);
    assert.ok(names('weir-server').some((name) => name.startsWith('librocksdb')));
    assert.ok(!names('weir-edge').some((name) => name.startsWith('librocksdb')));
    assert.ok(!bom.components.some(({ name }) => /gtest|benchmark|vite|playwright/.test(name)));
  });

  test('has what is sent to browsers, as the lock file has it', () => {
    const { packages } = JSON.parse(read('clients/web/package-lock.json'));
    const versions = (ref) => Object.fromEntries(needsOf(ref).map(({ name, version }) => [name, version]));
    const locked = (...names) => Object.fromEntries(names.map((name) => [name, packages[`node_modules/${name}`].version]));
    assert.deepEqual(versions('client'), locked('eventsource-parser'));
    assert.deepEqual(versions('page'), locked('eventsource-parser', 'react', 'react-dom', 'scheduler'));
  });
});
