// Several tabs in one process: each has a share of its own, as pages have; the locks and the channel are common.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createStream, type Stream, type Transport } from '../src/index.js';
import { share } from '../src/share.js';
import { FakeBus } from '../src/testing.js';

interface Events {
  note: number;
}

// Web Locks (W3C): exclusive locks by name, in the order of asking.
class Locks {
  #queues = new Map<string, (() => Promise<void>)[]>();
  request(name: string, { signal }: { signal: AbortSignal }, work: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const queue = this.#queues.get(name) ?? [];
      this.#queues.set(name, queue);
      const turn = async () => {
        await work();
        resolve();
        queue.shift();
        void queue[0]?.();
      };
      signal.addEventListener('abort', () => {
        const at = queue.indexOf(turn);
        if (at > 0) queue.splice(at, 1);
        reject(new DOMException('aborted', 'AbortError'));
      });
      if (queue.push(turn) === 1) void Promise.resolve().then(turn);
    });
  }
}

const logger = { info: () => {}, warn: () => {}, error: vi.fn() };
let bus: FakeBus;
let tabs: { stream: Stream<Events>; seen: number[] }[];

function tab(options: { token?: string; lastEventId?: string; start?: string; transport?: Transport } = {}) {
  const { token, transport = bus.transport, ...rest } = options;
  const stream = createStream<Events>('http://edge/x', {
    transport: share(transport),
    logger,
    random: () => 0,
    ...(token && { auth: () => token }),
    ...rest,
  });
  const seen: number[] = [];
  stream.on('note', ({ data }) => seen.push(data));
  const made = { stream, seen };
  tabs.push(made);
  return made;
}
const until = (check: () => void) => vi.waitFor(check, { timeout: 60_000, interval: 2 });
const connected = (...of: { stream: Stream<Events> }[]) => until(() => of.forEach(({ stream }) => expect(stream.status.state).toBe('connected')));

beforeEach(() => {
  vi.stubGlobal('navigator', { onLine: true, locks: new Locks() });
  bus = new FakeBus();
  tabs = [];
});
afterEach(() => {
  tabs.forEach(({ stream }) => stream.close());
  vi.unstubAllGlobals();
});

test('three tabs use one connection, and each sees every event once', async () => {
  const all = [tab(), tab(), tab()];
  await connected(...all);
  for (let n = 1; n <= 20; n++) bus.emit('note', n);
  const wanted = Array.from({ length: 20 }, (_, at) => at + 1);
  await until(() => all.forEach(({ seen }) => expect(seen).toEqual(wanted)));
  expect([bus.opened, bus.connections]).toEqual([1, 1]);
  expect(new Set(all.map(({ stream }) => stream.status.lastEventId))).toEqual(new Set(['fake-20']));
});

test('when the leader goes another tab takes over, and nothing is lost or repeated', async () => {
  const first = tab();
  await connected(first);
  const others = [tab(), tab()];
  await connected(...others);
  bus.emit('note', 1);
  await until(() => others.forEach(({ seen }) => expect(seen).toEqual([1])));
  first.stream.close();
  bus.emit('note', 2);
  await until(() => others.forEach(({ seen }) => expect(seen).toEqual([1, 2])));
  bus.emit('note', 3);
  await until(() => others.forEach(({ seen }) => expect(seen).toEqual([1, 2, 3])));
  expect([bus.opened, bus.connections]).toEqual([2, 1]);
  expect(first.seen).toEqual([1]);
});

test('a tab that waits for a leader that is gone asks the next one', async () => {
  const said = vi.spyOn(BroadcastChannel.prototype, 'postMessage');
  const joins = () => said.mock.calls.filter(([{ word }]) => (word as string) === 'join').length;
  let runs = 0;
  let letThrough: () => void = () => {};
  const gate = new Promise<void>((resolve) => (letThrough = resolve));
  const { transport } = bus;
  const gated: Transport = { ...transport, run: async (...args) => (runs++, await gate, transport.run(...args)) };
  const first = tab({ transport: gated });
  await until(() => expect(runs).toBe(1));
  const others = [tab(), tab()];
  await until(() => expect(joins()).toBe(3));
  first.stream.close();
  letThrough();
  await connected(...others);
  bus.emit('note', 1);
  await until(() => others.forEach(({ seen }) => expect(seen).toEqual([1])));
  expect(bus.connections).toBe(1);
  said.mockRestore();
});

test('a cut is a cut for all of them, and one of them reconnects', async () => {
  const all = [tab(), tab(), tab()];
  await connected(...all);
  bus.emit('note', 1);
  await until(() => all.forEach(({ seen }) => expect(seen).toEqual([1])));
  bus.drop();
  bus.emit('note', 2);
  await until(() => all.forEach(({ seen }) => expect(seen).toEqual([1, 2])));
  await connected(...all);
  expect([bus.opened, bus.connections]).toEqual([2, 1]);
});

test('different principals never share', async () => {
  const claims = (sub: string, exp: number) => `h.${btoa(JSON.stringify({ sub, exp })).replace(/=/g, '')}.s`;
  const far = Date.now() / 1000 + 3600;
  const all = [tab({ token: claims('ann', far) }), tab({ token: claims('bob', far) }), tab({ token: claims('ann', far + 60) })];
  await connected(...all);
  expect(bus.connections).toBe(2);
});

test('a tab with an older cursor reads what it missed for itself, and then shares', async () => {
  for (let n = 1; n <= 5; n++) bus.emit('note', n);
  const leader = tab();
  await connected(leader);
  const late = tab({ lastEventId: 'fake-2' });
  await until(() => expect(late.seen).toEqual([3, 4, 5]));
  expect(bus.connections).toBe(2);
  bus.emit('note', 6);
  await until(() => expect(late.seen).toEqual([3, 4, 5, 6]));
  await until(() => expect(bus.connections).toBe(1));
  bus.emit('note', 7);
  await until(() => expect(late.seen).toEqual([3, 4, 5, 6, 7]));
  expect(leader.seen).toEqual([6, 7]);
});

test('a cursor that the leader still knows needs no connection', async () => {
  const leader = tab();
  await connected(leader);
  for (let n = 1; n <= 5; n++) bus.emit('note', n);
  const late = tab({ lastEventId: 'fake-2' });
  await until(() => expect(late.seen).toEqual([3, 4, 5]));
  expect(bus.opened).toBe(1);
});

test('without Web Locks each tab has a connection of its own', async () => {
  vi.stubGlobal('navigator', { onLine: true });
  const all = [tab(), tab()];
  await connected(...all);
  expect(bus.connections).toBe(2);
});
