// Who may read files on this machine may not read the log: neither the server's nor a copy of it, also where whoever starts
// the programs lets others read what they make.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { eventually, flash, serverConfig } from '../conformance/weir.mjs';
import { System, bin } from '../e2e/system.mjs';

const run = (_, command) => ['sh', '-c', 'umask 022; exec "$@"', 'sh', command];
const edge = 'routes: [{path: /a, filters: [dispatch.a]}]\n';
const text = 'what nobody else may read';

// The server deletes what it needs no more, also while we look: undefined where there is nothing any more.
const statOf = (at) => statSync(at, { throwIfNoEntry: false });
function contentOf(file) {
  try {
    return readFileSync(file);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  }
}

// The files below a directory that somebody who neither owns them nor is of their group can read.
function open(directory) {
  const found = [];
  const walk = (at, reachable) => {
    const stat = statOf(at);
    if (!stat?.isDirectory()) return void (reachable && stat?.mode & 0o004 && found.push(at));
    const { mode } = stat;
    for (const name of readdirSync(at)) walk(path.join(at, name), reachable && Boolean(mode & 0o001));
  };
  walk(directory, true);
  return found;
}

const filesWith = (directory, what) => readdirSync(directory, { recursive: true }).filter((name) => statOf(path.join(directory, name))?.isFile() && contentOf(path.join(directory, name))?.includes(what));

// Starts a server, after `prepare` has seen the directory of its log, and has it copied.
async function logAndCopy(prepare, judge) {
  const system = new System({ edge, server: serverConfig(), run });
  try {
    const log = path.join(system.dir, 'events');
    const copy = path.join(system.dir, 'copy');
    prepare(log);
    await system.startServer();
    execFileSync(bin('weir'), ['publish', '--from', '-'], { input: `${JSON.stringify(flash('a', text))}\n`, env: system.environment() });
    execFileSync('sh', ['-c', 'umask 022; exec "$@"', 'sh', bin('weir'), 'backup', copy], { env: system.environment(), stdio: 'pipe' });
    for (const directory of [log, copy]) await eventually(`the event in ${directory}`, () => filesWith(directory, text).length > 0);
    judge(log, copy);
  } finally {
    await system.stop();
  }
}

describe('a log', { timeout: 600_000 }, () => {
  test('and its copy cannot be read by others of this machine', () =>
    logAndCopy(() => {}, (log, copy) => assert.deepEqual([...open(log), ...open(copy)], [])));

  test('cannot be read in a directory either that was there, and open', () =>
    logAndCopy((log) => (mkdirSync(log), chmodSync(log, 0o755)), (log, copy) => {
      assert.deepEqual(open(log), []);
      for (const directory of [copy, path.join(copy, 'db')]) chmodSync(directory, 0o755);
      assert.deepEqual(open(copy), [], 'nor in a copy');
      const [name] = filesWith(copy, text);
      chmodSync(path.join(copy, name), 0o644);
      assert.deepEqual(open(copy), [path.join(copy, name)], 'what is open would be found');
    }));
});
