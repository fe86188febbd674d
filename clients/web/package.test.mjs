// The package as its users get it: packed, installed into an empty Vite project, type-checked and built there; and the
// examples of the documents, compiled against it.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

const web = import.meta.dirname;
const root = path.resolve(web, '../..');
const tool = (name) => path.join(web, 'node_modules/.bin', name);
const run = (command, args, cwd) => {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    throw new Error(`${command} ${args.join(' ')}\n${error.stdout}${error.stderr}`, { cause: error });
  }
};

const config = {
  compilerOptions: {
    ...{ target: 'es2022', module: 'esnext', moduleResolution: 'bundler', strict: true, noEmit: true },
    ...{ lib: ['es2022', 'dom'], jsx: 'react-jsx', skipLibCheck: false, types: [], moduleDetection: 'force' },
  },
  include: ['src'],
};

describe('the package', { timeout: 600_000 }, () => {
  const project = mkdtempSync(path.join(tmpdir(), 'weir-package-'));
  after(() => rmSync(project, { recursive: true }));

  before(() => {
    rmSync(path.join(web, 'dist'), { recursive: true, force: true });
    run('npm', ['run', 'build', '--silent'], web);
    const tarball = run('npm', ['pack', '--silent', '--pack-destination', project], web).trim().split('\n').at(-1);
    writeFileSync(path.join(project, 'package.json'), '{"name": "empty", "private": true, "type": "module"}');
    // What it depends on is packed too, so that no registry is asked.
    const parser = run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', project, path.join(web, 'node_modules/eventsource-parser')], web);
    run('npm', ['install', '--offline', '--no-audit', '--no-fund', '--ignore-scripts', `./${tarball}`, `./${parser.trim().split('\n').at(-1)}`], project);
    // What the examples use besides it.
    for (const name of ['react', '@types/react', 'csstype']) {
      mkdirSync(path.dirname(path.join(project, 'node_modules', name)), { recursive: true });
      symlinkSync(path.join(web, 'node_modules', name), path.join(project, 'node_modules', name));
    }
    mkdirSync(path.join(project, 'src'));
    writeFileSync(path.join(project, 'tsconfig.json'), JSON.stringify(config));
  });

  test('holds what was compiled, and no tests', () => {
    assert.deepEqual(readdirSync(path.join(project, 'node_modules/@weir/client')).sort(), ['README.md', 'dist', 'package.json']);
  });

  test('compiles the examples of the documents', () => {
    const blocks = ['docs/web-client.md', 'docs/migration.md', 'clients/web/README.md', 'README.md'].flatMap((file) =>
      [...readFileSync(path.join(root, file), 'utf8').matchAll(/^```(tsx?)\n([^]*?)^```/gm)].map(([, kind, code], at) => {
        const name = `${file.replace(/\W/g, '-')}-${at}.${kind}`;
        writeFileSync(path.join(project, 'src', name), code);
        return name;
      }),
    );
    assert.ok(blocks.length >= 6, `only ${blocks.length} examples`);
    run(tool('tsc'), ['-p', project], project);
  });

  test('and what protoc-gen-weir writes leave no wrong name or field uncaught', () => {
    const plugin = path.join(root, 'clients/protoc-gen-weir/protoc-gen-weir.mjs');
    const gen = path.join(project, 'src/gen');
    mkdirSync(gen);
    const protos = ['goals', 'notifications'].map((app) => `apps/${app}/v1/${app}.proto`);
    const flags = [`--plugin=protoc-gen-weir=${plugin}`, `--weir_out=${gen}`, `-I${path.join(root, 'proto')}`];
    run('protoc', [...flags, ...protos], project);
    const lines = [
      `import { createStream, type Enveloped } from '@weir/client';`,
      `import { useEvent } from '@weir/client/react';`,
      `import type { GoalsEvents } from './gen/apps/goals/v1/goals_weir.js';`,
      `import type { NotificationsEvents } from './gen/apps/notifications/v1/notifications_weir.js';`,
      `const goals = createStream<Enveloped<GoalsEvents, { timestamp: string; tenantId: string }>>('/realtime');`,
      `const notes = createStream<NotificationsEvents>('/notes');`,
    ];
    const good = [
      `goals.on('goal.created', ({ data }) => data.data.goalId satisfies string | undefined);`,
      `goals.on('action.created', ({ data }) => data.tenantId satisfies string);`,
      `notes.on('notification', ({ data }) => data.related_session_id satisfies string | null);`,
      `export const Goal = () => (useEvent(goals, 'goal.completed', ({ data }) => data.type satisfies 'goal.completed'), null);`,
    ];
    const bad = [
      `goals.on('goal-created', () => {});`,
      `goals.on('goal.created', ({ data }) => data.data.goal_id);`,
      `goals.on('goal.created', ({ data }) => data.eventId);`,
      `goals.on('goal.created', ({ data }) => data.data.goalId satisfies number | undefined);`,
      `notes.on('notification', ({ data }) => data.createdAt);`,
      `notes.on('notifications', () => {});`,
      `export const Wrong = () => (useEvent(notes, 'note', () => {}), null);`,
    ];
    const file = path.join(project, 'src/generated.tsx');
    writeFileSync(file, [...lines, ...good].join('\n'));
    run(tool('tsc'), ['-p', project], project);
    writeFileSync(file, [...lines, ...good, ...bad].join('\n'));
    const failed = spawnSync(tool('tsc'), ['-p', project], { cwd: project, encoding: 'utf8' });
    rmSync(file);
    const complained = new Set([...failed.stdout.matchAll(/generated\.tsx\((\d+),/g)].map(([, line]) => Number(line)));
    assert.deepEqual([...complained], bad.map((_, at) => lines.length + good.length + 1 + at), failed.stdout);
  });

  test('is built into a page by Vite', () => {
    const example = readFileSync(path.join(web, 'README.md'), 'utf8').match(/^```ts\n([^]*?)^```/m)[1];
    assert.ok(example.trim().split('\n').length < 15, 'the example has grown');
    writeFileSync(path.join(project, 'index.html'), '<output></output><script type="module" src="/page.ts"></script>');
    writeFileSync(path.join(project, 'page.ts'), example);
    run(tool('vite'), ['build', '--logLevel', 'error'], project);
    const [script] = readdirSync(path.join(project, 'dist/assets'));
    assert.match(readFileSync(path.join(project, 'dist/assets', script), 'utf8'), /weir=1/);
  });
});
