// How a stream comes back, and when it does not.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Attempt, Ending, Transport } from '../src/index.js';
import { FakeBus } from '../src/testing.js';
import { bus, move, open, quiet, stream, turn } from './streams.js';

describe('reconnecting', () => {
  test('loses nothing and repeats nothing', async () => {
    const seen = open();
    await turn();
    move('a');
    bus.drop();
    move('b');
    expect(stream.status.state).toBe('connected'); // the end is told a turn later
    await turn();
    expect(stream.status).toMatchObject({ state: 'reconnecting', attempts: 1 });
    expect(stream.status.error?.message).toBe('cut');
    await turn(500);
    move('c');
    expect(seen).toEqual(['a', 'b', 'c']);
    expect(stream.status).toMatchObject({ state: 'connected', attempts: 0, error: undefined });
  });

  test('a reader that saw no event resumes where it began', async () => {
    const seen = open();
    await turn();
    bus.drop();
    move('a');
    await turn(500);
    expect(seen).toEqual(['a']);
  });

  test('backs off to 30 s with jitter, and begins anew after it was open', async () => {
    open();
    await turn();
    bus.refuse(503);
    const waits = [];
    await turn();
    for (let i = 0; i < 7; i++) {
      const before = Date.now();
      const made = bus.attempts.length;
      while (bus.attempts.length === made) await turn(250);
      waits.push(Date.now() - before);
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 15000, 15000]);
    bus.accept();
    await turn(15_000);
    bus.drop();
    await turn(500);
    expect(stream.status.state).toBe('connected');
  });

  test('waits as long as the edge asks: Retry-After, and the last retry of a drain', async () => {
    open();
    await turn();
    bus.refuse(503, 7000);
    await turn(500); // the cut's own wait
    bus.accept();
    await turn(6900);
    expect(bus.opened).toBe(1);
    await turn(100);
    expect(bus.opened).toBe(2);
    bus.drain(3000);
    await turn(2900);
    expect(bus.opened).toBe(2);
    await turn(100);
    expect(bus.opened).toBe(3);
  });

  test('the route says how long the first wait is, unless the application does', async () => {
    const slow: Transport = {
      ...bus.transport,
      run: (attempt, sink) => {
        sink.retry(4000);
        return bus.transport.run(attempt, sink);
      },
    };
    open({ transport: slow });
    await turn();
    bus.drop();
    await turn(1900);
    expect(bus.opened).toBe(1);
    await turn(100);
    expect(bus.opened).toBe(2);
    stream.close();
    open({ transport: slow, backoff: { base: 100 } });
    await turn();
    bus.drop();
    await turn(50);
    expect(bus.opened).toBe(4);
  });

  test('the retry of a farewell counts once', async () => {
    open();
    await turn();
    bus.drain(10);
    bus.refuse(503);
    await turn(10);
    expect(bus.attempts).toHaveLength(2);
    await turn(900); // 500, then 1000
    expect(bus.attempts).toHaveLength(2);
    await turn(100);
    expect(bus.attempts).toHaveLength(3);
  });

  test('what answers but brings nothing is given up after a quarter of silenceMax, and counts as a failure', async () => {
    const run = vi.fn(({ signal }: Attempt) => new Promise<Ending>((end) => signal.addEventListener('abort', () => end({ message: '' }))));
    const polls = new FakeBus();
    open({ transport: { name: 'kept back', run }, fallback: { ...polls.transport, polls: true } });
    await turn(15_000);
    expect(stream.status).toMatchObject({ state: 'reconnecting', attempts: 1, error: { message: 'nothing came for too long' } });
    await turn(75_000);
    expect(run).toHaveBeenCalledTimes(5);
    expect(stream.status.state).toBe('polling');
    // Once a minute it is tried again; that keeps polls waiting, so for five seconds only.
    await turn(55_000);
    expect([run.mock.calls.length, polls.connections]).toEqual([6, 0]);
    await turn(5000);
    expect(polls.connections).toBe(1);
  });

  test('gives up after maxAttempts', async () => {
    open({ maxAttempts: 3 });
    bus.refuse(503);
    await turn(60_000);
    expect(bus.attempts).toHaveLength(3);
    expect(stream.status).toMatchObject({ state: 'disconnected', error: { fatal: true, status: 503 } });
    bus.accept();
    stream.reconnect();
    await turn();
    expect(stream.status.state).toBe('connected');
  });

  test.each([204, 400, 403, 404, 406])('%i is final', async (status) => {
    open();
    bus.refuse(status);
    await turn(60_000);
    expect(bus.attempts).toHaveLength(1);
    expect(stream.status).toMatchObject({ state: 'disconnected', error: { status, fatal: true } });
  });

  test('silence is a cut', async () => {
    const seen = open({ silenceMax: 30_000 });
    await turn();
    await turn(29_000);
    bus.heartbeat();
    await turn(29_000);
    expect(bus.opened).toBe(1);
    await turn(1_500);
    expect(bus.opened).toBe(2);
    move('a');
    expect(seen).toEqual(['a']);
  });

  test('reconnect() does not wait', async () => {
    open({ random: () => 0.999 });
    await turn();
    bus.drop();
    await turn(1);
    expect(stream.status.state).toBe('reconnecting');
    stream.reconnect();
    await turn();
    expect(stream.status.state).toBe('connected');
  });

  test('transitions are logged with time and route', async () => {
    open();
    await turn();
    bus.drop();
    await turn(500);
    const lines = [...quiet.info.mock.calls, ...quiet.warn.mock.calls].map(([line]) => line as string);
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(line).toMatch(/^\[weir \d{4}-\d\d-\d\dT[\d:.]+Z \/api\/cars\] (connecting|connected|reconnecting: cut)$/);
  });
});

describe('a page that is away', () => {
  let window: EventTarget;
  let document: EventTarget;
  beforeEach(() => {
    window = new EventTarget();
    document = new EventTarget();
    vi.stubGlobal('window', window);
    vi.stubGlobal('document', document);
    vi.stubGlobal('navigator', { onLine: true });
  });
  afterEach(() => void vi.unstubAllGlobals());

  test.each([
    ['offline', 'online', () => window],
    ['freeze', 'resume', () => document],
  ])('has no connection from %s to %s, and then goes on at once', async (leave, back, target) => {
    const seen = open();
    await turn();
    move('a');
    target().dispatchEvent(new Event(leave));
    await turn(10 * 60_000);
    expect([bus.opened, bus.connections]).toEqual([1, 0]);
    expect(stream.status).toMatchObject({ state: 'disconnected', error: { message: 'offline', fatal: false } });
    move('b');
    target().dispatchEvent(new Event(back));
    await turn();
    expect(stream.status).toMatchObject({ state: 'connected', error: undefined });
    expect(seen).toEqual(['a', 'b']);
  });

  test('is not connected at all when it was loaded offline', async () => {
    vi.stubGlobal('navigator', { onLine: false });
    open();
    await turn(60_000);
    expect([bus.attempts.length, stream.status.state]).toEqual([0, 'disconnected']);
    window.dispatchEvent(new Event('online'));
    await turn();
    expect(stream.status.state).toBe('connected');
  });

  test('does not wait for its back-off when it comes back', async () => {
    open();
    bus.refuse(503);
    await turn(20_000);
    bus.accept();
    window.dispatchEvent(new Event('offline'));
    window.dispatchEvent(new Event('online'));
    await turn();
    expect(stream.status.state).toBe('connected');
  });

  test('is listened to no more after the end', async () => {
    open();
    await turn();
    stream.close();
    window.dispatchEvent(new Event('offline'));
    window.dispatchEvent(new Event('online'));
    await turn(60_000);
    expect([bus.opened, bus.connections]).toEqual([1, 0]);
  });
});
