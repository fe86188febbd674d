import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  createStream,
  type Attempt,
  type Ending,
  type Gap,
  type Status,
  type Stream,
  type StreamOptions,
  type Transport,
} from '../src/index.js';
import { FakeBus } from '../src/testing.js';

interface Events {
  'car.moved': { id: string };
  note: { text: string };
}

const quiet = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
let bus: FakeBus;
let stream: Stream<Events>;

function open(options: StreamOptions = {}) {
  stream = createStream<Events>('http://edge/api/cars', { transport: bus.transport, logger: quiet, random: () => 0.5, ...options });
  const seen: string[] = [];
  stream.on('car.moved', ({ data }) => seen.push(data.id));
  return seen;
}
const turn = (ms = 0) => vi.advanceTimersByTimeAsync(ms);
const move = (id: string) => bus.emit('car.moved', { id });
// A token that ends so many milliseconds from now.
const token = (ms: number, name = 'a') =>
  `x.${btoa(JSON.stringify({ exp: (Date.now() + ms) / 1000, name })).replace(/=/g, '')}.y`;

beforeEach(() => {
  vi.useFakeTimers();
  bus = new FakeBus();
});
afterEach(() => {
  stream.close();
  vi.useRealTimers();
  vi.clearAllMocks();
});

describe('who listens', () => {
  test('on a server nobody: a stream with a relative URL may be made there', () => {
    stream = createStream<Events>('/api/cars');
    expect(stream.status.state).toBe('disconnected');
  });

  test('nobody: nothing is opened', async () => {
    stream = createStream('http://edge/x', { transport: bus.transport, logger: quiet });
    stream.onStatus(() => {});
    await turn(1000);
    expect(bus.opened).toBe(0);
    expect(stream.status.state).toBe('disconnected');
  });

  test('several: one connection, ended by the last one', async () => {
    open();
    const leave = stream.on('note', () => {});
    await turn();
    expect(bus.connections).toBe(1);
    leave();
    await turn();
    expect(bus.connections).toBe(1);
    leave(); // twice is once
    const other = stream.on('note', () => {});
    other();
    await turn();
    expect([bus.opened, bus.connections]).toEqual([1, 1]);
  });

  test('leaving and coming back in one turn keeps the connection', async () => {
    stream = createStream<Events>('http://edge/x', { transport: bus.transport, logger: quiet });
    const leave = stream.on('note', () => {});
    await turn();
    leave();
    stream.on('note', () => {});
    await turn();
    expect([bus.opened, bus.connections]).toEqual([1, 1]);
  });

  test('the last one leaves: closed, and nothing is tried again', async () => {
    stream = createStream<Events>('http://edge/x', { transport: bus.transport, logger: quiet });
    const leave = stream.on('note', () => {});
    await turn();
    leave();
    await turn(60_000);
    expect([bus.opened, bus.connections, stream.status.state]).toEqual([1, 0, 'disconnected']);
    stream.on('note', () => {});
    await turn();
    expect(bus.connections).toBe(1);
  });
});

describe('events', () => {
  test('carry name, data and cursor', async () => {
    open();
    const all: unknown[] = [];
    stream.on('note', (event) => all.push(event));
    await turn();
    const id = bus.emit('note', { text: 'hello' });
    expect(all).toEqual([{ name: 'note', data: { text: 'hello' }, id }]);
    expect(stream.status.lastEventId).toBe(id);
    expect(stream.status.lastEventTime).toBe(Date.now());
  });

  test('that nobody listens to, as heartbeats, move the cursor and not the time of the last event', async () => {
    open();
    await turn();
    expect(stream.status.lastEventTime).toBeUndefined();
    const id = bus.emit('heartbeat', {});
    expect(stream.status).toMatchObject({ lastEventId: id, lastEventTime: undefined });
    move('a');
    expect(stream.status.lastEventTime).toBe(Date.now());
  });

  test('what is not JSON is reported, and the stream goes on', async () => {
    const seen = open();
    await turn();
    bus.emitText('car.moved', '{');
    move('b');
    expect(seen).toEqual(['b']);
    expect(quiet.error).toHaveBeenCalledOnce();
  });

  test('a listener that throws stops nobody', async () => {
    stream = createStream<Events>('http://edge/x', { transport: bus.transport, logger: quiet });
    const seen: string[] = [];
    stream.on('note', () => {
      throw new Error('mine');
    });
    stream.on('note', ({ data }) => seen.push(data.text));
    await turn();
    bus.emit('note', { text: 'x' });
    expect(seen).toEqual(['x']);
    expect(quiet.error).toHaveBeenCalledOnce();
  });
});

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

describe('gaps', () => {
  test('are values, and reading goes on behind them', async () => {
    const seen = open();
    const gaps: Gap[] = [];
    stream.onGap((gap) => gaps.push(gap));
    await turn();
    const last = move('a');
    bus.gap('expired');
    await turn(500);
    move('b');
    expect(gaps).toEqual([{ reason: 'expired', requested: last, resumedAt: last }]);
    expect(seen).toEqual(['a', 'b']);
  });
});

describe('the fallback', () => {
  test('is used after five failures; the stream is tried again; one cursor runs through both', async () => {
    const states: string[] = [];
    const polls = new FakeBus();
    const fallback = { ...polls.transport, polls: true };
    const seen = open({ fallback, silenceMax: 0 });
    stream.onStatus((status: Status) => states.at(-1) !== status.state && states.push(status.state));
    await turn();
    const id = move('a');
    bus.refuse(503);
    await turn(20_000);
    expect(stream.status).toMatchObject({ state: 'polling', attempts: 5 });
    expect(polls.attempts.at(-1)?.cursor).toBe(id);
    expect(polls.connections).toBe(1);
    bus.accept();
    move('b');
    await turn(60_000);
    expect(stream.status.state).toBe('connected');
    expect([polls.connections, bus.connections]).toEqual([0, 1]);
    expect(seen).toEqual(['a', 'b']);
    expect(states).toEqual(['connecting', 'connected', 'reconnecting', 'polling', 'connected']);
  });

  test('is all that is used after maxAttempts: ten failures, and then polls alone, without a doubled or lost item', async () => {
    const polls = new FakeBus();
    const seen = open({ fallback: { ...polls.transport, polls: true }, fallbackAfter: 10, maxAttempts: 10, silenceMax: 0 });
    await turn();
    const id = move('a');
    bus.refuse(503);
    await turn(60 * 60_000);
    expect(bus.attempts).toHaveLength(10); // the first was cut
    expect(stream.status).toMatchObject({ state: 'polling', attempts: 10 });
    expect(polls.attempts.map(({ cursor }) => cursor)).toEqual([id]);
    polls.emit('other', {});
    polls.emit('car.moved', { id: 'b' });
    expect(seen).toEqual(['a', 'b']);
  });

  test('goes on when the stream fails again', async () => {
    const polls = new FakeBus();
    open({ fallback: { ...polls.transport, polls: true }, fallbackAfter: 2 });
    bus.refuse(503);
    await turn(5 * 60_000);
    expect(stream.status.state).toBe('polling');
    expect(polls.connections).toBe(1);
    expect(bus.attempts.length).toBe(2 + 4);
  });
});

describe('tokens', () => {
  test('come from auth, once, and are kept', async () => {
    const auth = vi.fn(() => Promise.resolve('t1'));
    open({ auth });
    await turn();
    bus.drop();
    await turn(500);
    expect(bus.attempts.map(({ token }) => token)).toEqual(['t1', 't1']);
    expect(auth).toHaveBeenCalledOnce();
  });

  test('401: refreshed once, then final', async () => {
    const auth = vi.fn(({ reason }: { reason: string }) => reason);
    open({ auth });
    bus.refuse(401);
    await turn(60_000);
    expect(auth.mock.calls.map(([{ reason }]) => reason)).toEqual(['missing', 'rejected']);
    expect(bus.attempts.map(({ token }) => token)).toEqual(['missing', 'rejected']);
    expect(stream.status).toMatchObject({ state: 'disconnected', error: { status: 401, fatal: true } });
  });

  test('401 without auth is final', async () => {
    open();
    bus.refuse(401);
    await turn(60_000);
    expect(bus.attempts).toHaveLength(1);
  });

  test('an expired stream goes on with a new token', async () => {
    let n = 0;
    const seen = open({ auth: () => `t${++n}` });
    await turn();
    bus.expire();
    move('a');
    await turn();
    expect(bus.attempts.map(({ token }) => token)).toEqual(['t1', 't2']);
    expect(seen).toEqual(['a']);
    expect(stream.status.state).toBe('connected');
  });

  test('are renewed before they end, and nobody notices', async () => {
    const reasons: string[] = [];
    const states: string[] = [];
    const seen = open({
      silenceMax: 0,
      auth: ({ reason }) => {
        reasons.push(reason);
        return token(300_000, String(reasons.length));
      },
    });
    stream.onStatus(({ state }) => states.push(state));
    await turn();
    await turn(269_000);
    expect(reasons).toEqual(['missing']);
    move('a');
    await turn(2_000);
    move('b');
    expect(reasons).toEqual(['missing', 'expiring']);
    expect(bus.opened).toBe(2);
    expect(bus.attempts[0]?.token).not.toBe(bus.attempts[1]?.token);
    expect(seen).toEqual(['a', 'b']);
    expect(new Set(states)).toEqual(new Set(['connecting', 'connected']));
  });

  test('are taken over in place by a transport that can', async () => {
    const taken: string[] = [];
    const inPlace: Transport = {
      ...bus.transport,
      run: (attempt, sink) => bus.transport.run(attempt, { ...sink, opened: () => sink.opened((renewed) => taken.push(renewed)) }),
    };
    const made: string[] = [];
    const states: string[] = [];
    const seen = open({ transport: inPlace, silenceMax: 0, auth: () => (made.push(token(300_000, String(made.length))), made.at(-1)) });
    await turn();
    stream.onStatus(({ state }) => states.push(state));
    move('a');
    await turn(271_000);
    expect(taken).toEqual([made[1]]);
    await turn(271_000); // and that one before its end
    expect(taken).toEqual(made.slice(1));
    expect(made).toHaveLength(3);
    move('b');
    expect([bus.opened, bus.connections]).toEqual([1, 1]);
    expect(seen).toEqual(['a', 'b']);
    expect(new Set(states)).toEqual(new Set(['connected']));
    bus.drop();
    await turn(500);
    expect(bus.attempts.at(-1)?.token).toBe(made.at(-1));
  });

  test('a refused one is not used again when the next cannot be had yet', async () => {
    const auth = vi
      .fn(({ reason }: { reason: string }) => reason)
      .mockImplementationOnce(() => 'old')
      .mockImplementationOnce(() => {
        throw new Error('no network');
      });
    open({ auth });
    bus.refuse(401);
    await turn();
    bus.accept();
    await turn(500);
    expect(auth.mock.calls.map(([{ reason }]) => reason)).toEqual(['missing', 'rejected', 'missing']);
    expect(bus.attempts.map(({ token }) => token)).toEqual(['old', 'missing']);
    expect(stream.status.state).toBe('connected');
  });

  test('auth is told when nobody wants its token any more', async () => {
    let signal: AbortSignal | undefined;
    open({ auth: (request) => ((signal = request.signal), new Promise(() => {})) });
    await turn();
    expect(signal?.aborted).toBe(false);
    stream.close();
    expect(signal?.aborted).toBe(true);
  });

  test('auth that throws is tried again', async () => {
    const auth = vi.fn(() => 'good').mockImplementationOnce(() => {
      throw new Error('no network');
    });
    open({ auth });
    await turn();
    expect(stream.status.state).toBe('reconnecting');
    await turn(500);
    expect(stream.status.state).toBe('connected');
  });
});
