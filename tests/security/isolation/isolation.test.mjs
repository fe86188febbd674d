// Nobody is shown what is not theirs, over the real programs: 200 users of 20 tenants read in every way, and try for more.
//
// A few seconds here; WEIR_TEST_ROUNDS=10 makes it a minute and more, WEIR_TEST_SEED=N repeats a run's choices.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, test } from 'node:test';
import { bugs, copyOf, violations } from './judge.mjs';
import { runOnce } from './run.mjs';
import { edgeYaml } from './world.mjs';

const seed = Number(process.env.WEIR_TEST_SEED ?? randomInt(1e9));
const rounds = Number(process.env.WEIR_TEST_ROUNDS ?? 1);
const described = (found) => `${found.length} violations with WEIR_TEST_SEED=${seed}:\n${found.slice(0, 5).map(({ kind, what }) => `${kind}: ${what}`).join('\n')}`;

describe('isolation', { timeout: 300_000 + rounds * 60_000 }, () => {
  let history;

  test('of 200 users and 20 tenants holds in streams, replays, polls and WebSockets', async (t) => {
    history = await runOnce({ seed, seconds: 7 * rounds });
    const shown = {};
    for (const { transport, ids } of history.connections) shown[transport] = (shown[transport] ?? 0) + ids.length;
    t.diagnostic(`seed ${seed}: ${history.published.size} events published; ${history.connections.length} connections, shown over each transport ${JSON.stringify(shown)}; ${history.refusals.length} refusals; ${history.finals.length} readings of everything`);
    const found = violations(history);
    assert.equal(found.length, 0, described(found));
    for (const transport of ['sse', 'poll', 'long-poll', 'websocket']) assert.ok(shown[transport] > 100, `${transport} was hardly tried: ${shown[transport]} events`);
    assert.ok(history.refusals.length > 50 && history.finals.length > 500);
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
    const found = violations(await runOnce({ seed, seconds: 1, users: 20, tenants: 4, edge: careless }));
    assert.ok(found.some(({ kind }) => kind === 'foreign'));
    assert.ok(found.every(({ what }) => / on \/own/.test(what)), described(found));
  });
});
