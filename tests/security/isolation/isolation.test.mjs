// Nobody is shown what is not theirs, over the real programs: 200 users of 20 tenants read in every way, and try for more.
//
// A minute over the edge, and a quarter of that over gRPC; WEIR_TEST_ROUNDS=10 makes it ten times as long. What everybody
// does follows from a seed, which is printed first; WEIR_TEST_SEED=N takes the same again.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, test } from 'node:test';
import { bugs, copyOf, shownOver, tried, violations } from './judge.mjs';
import { runOverGrpc } from './grpc_run.mjs';
import { runOnce } from './run.mjs';
import { edgeYaml, serverYaml } from './world.mjs';

const seed = Number(process.env.WEIR_TEST_SEED ?? randomInt(1e9));
const rounds = Number(process.env.WEIR_TEST_ROUNDS ?? 1);
const described = (found) => `${found.length} violations with WEIR_TEST_SEED=${seed}:\n${found.slice(0, 5).map(({ kind, what }) => `${kind}: ${what}`).join('\n')}`;

describe('isolation', { timeout: 600_000 + rounds * 180_000 }, () => {
  let history;
  const summary = ({ published, connections, refusals, finals }) =>
    `seed ${seed}: ${published.size} events published; ${connections.length} connections, shown over each transport ${JSON.stringify(shownOver(connections))}; ${refusals.length} refusals; ${finals.length} readings of everything`;

  test('of 200 users and 20 tenants holds in streams, replays, polls and WebSockets', async (t) => {
    t.diagnostic(`WEIR_TEST_SEED=${seed}`);
    history = await runOnce({ seed, seconds: 60 * rounds });
    t.diagnostic(summary(history));
    const found = violations(history);
    assert.equal(found.length, 0, described(found));
    assert.ok(tried(history.connections, ['sse', 'poll', 'long-poll', 'websocket']), summary(history));
    assert.ok(history.refusals.length > 50 && history.finals.length > 500);
  });

  test('of the same users holds over gRPC, in subscriptions and lists', async (t) => {
    t.diagnostic(`WEIR_TEST_SEED=${seed}`);
    const overGrpc = await runOverGrpc({ seed, seconds: 15 * rounds });
    t.diagnostic(summary(overGrpc));
    const found = violations(overGrpc);
    assert.equal(found.length, 0, described(found));
    assert.ok(tried(overGrpc.connections, ['subscribe', 'list']), summary(overGrpc));
    assert.ok(overGrpc.refusals.length > 50 && overGrpc.finals.length > 500);
  });

  test('that is broken in what really happened is found', () => {
    for (const { name, kind, change } of bugs) {
      const broken = copyOf(history);
      assert.notEqual(change(broken), false, `there is no place for ${name}`);
      assert.ok(violations(broken).some((found) => found.kind === kind), `not found: ${name}`);
    }
  });

  test('that is broken at the edge is found', async () => {
    const careless = edgeYaml.replace('{path: /own, auth: required, filters: ["dispatch.users.{jwt.sub}.>"]', '{path: /own, auth: required, filters: ["dispatch.users.*.>"]');
    assert.notEqual(careless, edgeYaml);
    const found = violations(await runOnce({ seed, seconds: 3, users: 20, tenants: 4, edge: careless }));
    assert.ok(found.some(({ kind }) => kind === 'foreign'));
    assert.ok(found.every(({ what }) => / on \/own/.test(what)), described(found));
  });

  test('that is broken by the rules of the server is found', async () => {
    const careless = (people) => serverYaml(people).replaceAll(/"dispatch\.tenants\.[^"]*"/g, '"dispatch.tenants.*.*"');
    const found = violations(await runOverGrpc({ seed, seconds: 3, users: 20, tenants: 4, rules: careless }));
    assert.ok(found.some(({ kind }) => kind === 'answer') && found.some(({ kind }) => kind === 'foreign'), described(found));
    assert.ok(found.every(({ what }) => /dispatch\.tenants/.test(what)), described(found));
  });
});
