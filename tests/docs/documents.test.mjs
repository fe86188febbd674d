// Runs every example of the documents and of the command line's help against a running Weir, in the order in which they
// stand. An example fails by its exit code, or by not printing what its fence promises.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ownFiles, read, root } from '../checks/tree.mjs';
import { System, bin } from '../e2e/system.mjs';
import { moved, ofHelp, ofMarkdown } from './examples.mjs';

const documents = ownFiles('*.md', 'docs/*.md', 'clients/**/*.md').filter((file) => !file.includes('node_modules'));
const limit = 300_000;

// Runs one example; resolves to what it printed.
function run({ script, until }, system, cwd = root) {
  // Few may revoke and copy: who calls then is somebody else.
  const who = /^weir (revoke|backup)/m.test(script) ? 'operator' : 'developer';
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-euo', 'pipefail', '-c', moved(script, system)], {
      cwd,
      detached: true, // a process group of its own, so that a stream can be ended with all of its pipeline
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...system.environment(who), PATH: `${bin('')}:${process.env.PATH}`, WEIR_DEV_DATA: system.dir, HOME: system.dir, CURSOR: system.cursor },
    });
    let printed = '';
    let reached = false;
    const end = () => {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    };
    const timer = setTimeout(end, limit);
    const take = (data) => {
      printed += data;
      if (until && printed.includes(until)) {
        reached = true;
        end();
      }
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      if (until ? reached : code === 0) resolve(printed);
      else reject(new Error(`exit code ${code}, ${until ? `never printed ${until}` : ''}\n${printed}`));
    });
  });
}

describe('examples that can be run', { timeout: 600_000 }, () => {
  let system;
  before(async () => {
    system = await System.start();
    system.startFeed();
    // What the examples of the command line name.
    system.cursor = JSON.parse(await system.weir('subscribe', 'vehicles.updates', '-n', '1')).cursor;
    const event = { topic: 'dispatch.broadcast', type: 'apps.dispatch.v1.FlashMessage', data: { text: 'Hello' } };
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    writeFileSync(path.join(system.dir, 'keys/rsa.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    writeFileSync(path.join(system.dir, 'keys/events.jsonl'), `${JSON.stringify(event)}\n`);
    mkdirSync(path.join(system.dir, '.config/fish/completions'), { recursive: true });
  });
  after(() => system?.stop());

  const examples = documents.flatMap((file) => ofMarkdown(file, read(file)));
  test('the README has some', () => assert.ok(examples.some(({ name }) => name.startsWith('README.md:'))));
  for (const example of examples) test(example.name, () => run(example, system));

  test('in the help of every command of weir', async (t) => {
    const help = await system.weir('--help');
    const commands = [...help.matchAll(/^ {2}([a-z][a-z-]*) {2,}\S/gm)].map(([, name]) => name);
    assert.ok(commands.includes('publish') && commands.includes('token'), `commands are ${commands}`);
    for (const command of commands) {
      const found = ofHelp(`weir ${command}`, await system.weir(command, '--help'));
      await t.test(`${command} shows examples`, () => assert.ok(found.length > 0));
      for (const example of found) {
        if (example.script.includes('fpath')) continue; // zsh's own
        await t.test(example.name, () => run(example, system, path.join(system.dir, 'keys')));
      }
    }
  });
});
