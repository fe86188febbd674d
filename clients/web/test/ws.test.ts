// The WebSocket transport against an edge that is played: a fake WebSocket, and fake timers.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createStream, type Gap, type Stream, type StreamOptions } from '../src/index.js';
import { share } from '../src/share.js';
import { ws, type Ws, type WsOptions } from '../src/ws.js';

interface Events {
  note: number;
}

class FakeWebSocket {
  static made: FakeWebSocket[] = [];
  readyState = 0;
  sent: Record<string, unknown>[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: ((close: { code: number }) => void) | null = null;

  constructor(readonly url: URL) {
    FakeWebSocket.made.push(this);
  }
  send(text: string) {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }
  close() {
    this.readyState = 3;
  }

  // What the edge does.
  open() {
    this.readyState = 1;
    this.onopen?.();
  }
  say(message: unknown) {
    this.onmessage?.({ data: typeof message === 'string' ? message : JSON.stringify(message) });
  }
  accept(id = 'e-0') {
    this.open();
    this.say({ type: 'auth.success' });
    this.say({ event: 'weir.connected', id, data: {} });
  }
  end(code: number) {
    this.readyState = 3;
    this.onclose?.({ code });
  }
}

const logger = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
const fetched: { url: URL; init: RequestInit }[] = [];
let answer: Response | Error;
let stream: Stream<Events>;
let transport: Ws;
let seen: number[];

function open(options: StreamOptions = {}, wsOptions: WsOptions = {}) {
  const ask = (url: unknown, init?: RequestInit) => {
    fetched.push({ url: url as URL, init: init ?? {} });
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  transport = ws({ fetch: ask as typeof fetch, ...wsOptions });
  stream = createStream<Events>('http://edge/realtime?q=1', { transport, logger, random: () => 0.5, ...options });
  seen = [];
  stream.on('note', ({ data }) => seen.push(data));
}
const turn = (ms = 0) => vi.advanceTimersByTimeAsync(ms);
const socket = () => FakeWebSocket.made.at(-1)!;
const note = (n: number) => socket().say({ event: 'note', id: `e-${n}`, data: n });
const jwt = (ms: number, n: number) => `x.${btoa(JSON.stringify({ exp: (Date.now() + ms) / 1000, n })).replace(/=/g, '')}.y`;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('WebSocket', FakeWebSocket);
  FakeWebSocket.made = [];
  fetched.length = 0;
  answer = new TypeError('fetch failed');
});
afterEach(() => {
  stream.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.clearAllMocks();
});

describe('opening', () => {
  test('says token and start first, and nothing of them in the URL', async () => {
    open({ auth: () => 'T', start: 'earliest' });
    await turn();
    expect(socket().url.href).toBe('ws://edge/realtime?q=1');
    socket().open();
    expect(socket().sent).toEqual([{ type: 'auth', token: 'T', start: 'earliest' }]);
    expect(stream.status.state).toBe('connecting');
    socket().say({ type: 'auth.success', expiresAt: '2030-01-01T00:00:00Z' });
    expect(stream.status.state).toBe('connected');
  });

  test('goes from https to wss', async () => {
    open();
    stream.close();
    stream = createStream('https://edge/realtime', { transport, logger });
    stream.on('note', () => {});
    await turn();
    expect(socket().url.protocol).toBe('wss:');
  });

  test('brings events, and comes back with the cursor', async () => {
    open();
    await turn();
    socket().accept();
    note(1);
    note(2);
    expect(seen).toEqual([1, 2]);
    expect(stream.status.lastEventId).toBe('e-2');
    socket().end(1006);
    await turn();
    expect(stream.status).toMatchObject({ state: 'reconnecting', error: { message: 'the edge closed the connection (1006)' } });
    await turn(500);
    socket().open();
    expect(socket().sent).toEqual([{ type: 'auth', cursor: 'e-2' }]);
    expect(fetched).toEqual([]);
  });

  test('tells gaps as values', async () => {
    const gaps: Gap[] = [];
    open({ gapEvent: 'lost' });
    stream.onGap((gap) => gaps.push(gap));
    await turn();
    socket().accept();
    socket().say({ event: 'lost', id: 'e-7', data: { reason: 'expired', requested: 'e-1', resumedAt: 'e-7' } });
    expect(gaps).toEqual([{ reason: 'expired', requested: 'e-1', resumedAt: 'e-7' }]);
    expect(stream.status.lastEventId).toBe('e-7');
  });

  test('what is not JSON is dropped, and the stream goes on', async () => {
    open();
    await turn();
    socket().accept();
    socket().say('{');
    note(1);
    expect(seen).toEqual([1]);
    expect(stream.status.state).toBe('connected');
  });

  test('unmounting closes the socket', async () => {
    open();
    await turn();
    socket().accept();
    stream.close();
    expect(socket().readyState).toBe(3);
    await turn(10 * 60_000);
    expect(FakeWebSocket.made).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('tokens', () => {
  const reasons: string[] = [];
  const auth = ({ reason }: { reason: string }) => {
    reasons.push(reason);
    return jwt(300_000, reasons.length);
  };
  beforeEach(() => void (reasons.length = 0));

  test('are renewed in place: no other connection, no change of state', async () => {
    open({ auth, silenceMax: 0 });
    await turn();
    socket().accept();
    note(1);
    const states: string[] = [];
    stream.onStatus(({ state }) => states.push(state));
    await turn(271_000);
    expect(reasons).toEqual(['missing', 'expiring']);
    expect(socket().sent.slice(1)).toEqual([{ type: 'auth', token: expect.stringMatching(/^x\./) as string }]);
    socket().say({ type: 'auth.success', expiresAt: '2030-01-01T00:00:00Z' });
    note(2);
    await turn(271_000);
    expect(reasons).toEqual(['missing', 'expiring', 'expiring']);
    expect(socket().sent.filter(({ type }) => type === 'auth')).toHaveLength(3);
    expect(FakeWebSocket.made).toHaveLength(1);
    expect(new Set(states)).toEqual(new Set(['connected']));
    expect(seen).toEqual([1, 2]);
  });

  test('refused: one refresh, then it is over', async () => {
    open({ auth });
    await turn();
    const refuse = () => {
      socket().open();
      socket().say({ type: 'auth.error', reason: 'TOKEN_INVALID', detail: 'the signature is wrong' });
      socket().end(4401);
    };
    refuse();
    await turn();
    expect(reasons).toEqual(['missing', 'rejected']);
    expect(FakeWebSocket.made).toHaveLength(2);
    refuse();
    await turn(60_000);
    expect(FakeWebSocket.made).toHaveLength(2);
    expect(stream.status).toMatchObject({ state: 'disconnected', error: { status: 401, fatal: true } });
  });

  test('ended: a new one, and the stream goes on behind the cursor', async () => {
    open({ auth });
    await turn();
    socket().accept();
    note(1);
    socket().say({ event: 'weir.auth_expired', data: {} });
    socket().end(4401);
    await turn();
    expect(reasons).toEqual(['missing', 'rejected']);
    socket().open();
    expect(socket().sent[0]).toMatchObject({ type: 'auth', cursor: 'e-1' });
  });

  test('of another principal: 403, and it is over', async () => {
    open({ auth, silenceMax: 0 });
    await turn();
    socket().accept();
    await turn(271_000);
    socket().say({ type: 'auth.error', reason: 'PRINCIPAL_CHANGED', detail: 'the token is of another subject' });
    socket().end(4403);
    await turn(60_000);
    expect(FakeWebSocket.made).toHaveLength(1);
    expect(stream.status.error).toMatchObject({ status: 403, fatal: true, message: 'PRINCIPAL_CHANGED: the token is of another subject' });
  });
});

describe('the end', () => {
  test.each([4400, 4403, 4410])('%i is final', async (code) => {
    open();
    await turn();
    socket().accept();
    socket().end(code);
    await turn(60_000);
    expect(FakeWebSocket.made).toHaveLength(1);
    expect(stream.status.error).toMatchObject({ status: code - 4000, fatal: true });
  });

  test.each([1001, 1006, 1011, 1013, 4408])('%i is not', async (code) => {
    open();
    await turn();
    socket().accept();
    socket().end(code);
    await turn(500);
    expect(FakeWebSocket.made).toHaveLength(2);
  });

  test('of a drain comes back when the edge says', async () => {
    open();
    await turn();
    socket().accept();
    socket().say({ event: 'weir.draining', data: {}, retry: 1234 });
    socket().end(1001);
    await turn(1233);
    expect(FakeWebSocket.made).toHaveLength(1);
    await turn(1);
    expect(FakeWebSocket.made).toHaveLength(2);
  });

  test.each([
    [404, {}, true],
    [204, {}, true],
    [503, { 'Retry-After': '7' }, false],
    [200, {}, false],
  ])('a refused handshake has the status %i of the route', async (status, headers, fatal) => {
    answer = new Response(null, { status, headers });
    open({ auth: () => 'T' });
    await turn();
    socket().end(1006);
    await turn();
    expect(fetched).toHaveLength(1);
    expect(fetched[0]?.url.href).toBe('http://edge/realtime?q=1');
    expect(fetched[0]?.init).toMatchObject({ method: 'HEAD', headers: { Authorization: 'Bearer T', Accept: 'text/event-stream; weir=1' } });
    expect(stream.status.error?.fatal).toBe(fatal);
    await turn(6900);
    expect(FakeWebSocket.made.length > 1).toBe(status === 200);
    await turn(100);
    expect(FakeWebSocket.made.length > 1).toBe(!fatal);
  });

  test('no network at all: tried again', async () => {
    open();
    await turn();
    socket().end(1006);
    await turn();
    expect(stream.status.error?.message).toBe('fetch failed');
    await turn(500);
    expect(FakeWebSocket.made).toHaveLength(2);
  });

  test('a browser that refuses to make one is no exception', async () => {
    vi.stubGlobal('WebSocket', function () {
      throw new Error('insecure');
    });
    open();
    await turn();
    expect(stream.status).toMatchObject({ state: 'reconnecting', error: { message: 'insecure' } });
  });
});

describe('pings', () => {
  const pings = () => socket().sent.filter(({ type }) => type === 'ping').length;

  test('leave every eight minutes, also while events come', async () => {
    open({ silenceMax: 60_000 });
    await turn();
    socket().accept();
    for (let n = 1; n <= 96; n++) {
      expect(pings()).toBe(0);
      await turn(5000);
      note(n);
    }
    expect(pings()).toBe(1);
    expect(FakeWebSocket.made).toHaveLength(1);
  });

  test('leave when nothing came; an edge that answers is alive', async () => {
    open();
    await turn();
    socket().accept();
    for (let minute = 0; minute < 5; minute++) {
      await turn(40_000);
      expect(pings()).toBe(minute + 1);
      socket().say({ type: 'pong' });
    }
    expect(FakeWebSocket.made).toHaveLength(1);
  });

  test('without an answer the connection is dead within silenceMax', async () => {
    open();
    await turn();
    socket().accept();
    await turn(60_000);
    expect(stream.status).toMatchObject({ state: 'reconnecting', error: { message: 'nothing came for too long' } });
    await turn(500);
    expect(FakeWebSocket.made).toHaveLength(2);
  });

  test('a handshake or an answer that does not come is a failure', async () => {
    open();
    await turn(20_000);
    expect(stream.status).toMatchObject({ state: 'reconnecting', attempts: 1 });
    await turn(500);
    socket().open();
    await turn(20_000);
    expect(stream.status).toMatchObject({ state: 'reconnecting', attempts: 2 });
  });

  test('can be turned off', async () => {
    open({ silenceMax: 0 }, { pingInterval: 0 });
    await turn();
    socket().accept();
    await turn(60 * 60_000);
    expect([pings(), FakeWebSocket.made.length]).toEqual([0, 1]);
  });
});

describe('filters', () => {
  test('are said at first, change on the way, and are kept over a reconnect', async () => {
    open({}, { filters: ['a.*', 'b.*'] });
    await turn();
    socket().accept();
    expect(socket().sent).toEqual([{ type: 'auth', filters: ['a.*', 'b.*'] }]);
    const added = transport.subscribe('c.*');
    const removed = transport.unsubscribe('a.*');
    expect(socket().sent.slice(1)).toEqual([
      { type: 'subscribe', filters: ['c.*'] },
      { type: 'unsubscribe', filters: ['a.*'] },
    ]);
    socket().say({ type: 'subscribed', filters: ['a.*', 'b.*', 'c.*'], cursor: 'e-5' });
    await added;
    socket().end(1006); // before the other answer
    await turn(500);
    socket().accept();
    expect(socket().sent).toEqual([{ type: 'auth', cursor: 'e-0', filters: ['b.*', 'c.*'] }]);
    await removed;
  });

  test('one that the route does not allow is refused, and forgotten', async () => {
    open({}, { filters: ['a.*'] });
    await turn();
    socket().accept();
    const refused = transport.subscribe('others.>');
    const allowed = transport.subscribe('a.b');
    socket().say({ type: 'error', reason: 'FILTER_NOT_ALLOWED', detail: 'others.> is outside of the route' });
    socket().say({ type: 'subscribed', filters: ['a.*', 'a.b'], cursor: 'e-5' });
    await expect(refused).rejects.toThrow('FILTER_NOT_ALLOWED: others.> is outside of the route');
    await allowed;
    expect(stream.status.state).toBe('connected');
    socket().end(1006);
    await turn(500);
    socket().open();
    expect(socket().sent[0]?.['filters']).toEqual(['a.*', 'a.b']);
  });

  test('whatever the edge refuses of a change is taken back', async () => {
    open({}, { filters: ['a.*'] });
    await turn();
    socket().accept();
    const refused = transport.subscribe('a.*', 'b.*');
    socket().say({ type: 'error', reason: 'TOO_MANY_FILTERS', detail: 'at most 64' });
    await expect(refused).rejects.toThrow('TOO_MANY_FILTERS: at most 64');
    socket().end(1006);
    await turn(500);
    socket().open();
    expect(socket().sent[0]?.['filters']).toEqual(['a.*']);
  });

  test.each(['TOO_MANY_MESSAGES', 'DEADLINE_EXCEEDED'])('%s is no answer to a change: it is made by the reconnect', async (reason) => {
    open({}, { filters: ['a.*'] });
    await turn();
    socket().accept();
    const added = transport.subscribe('b.*');
    const removed = transport.unsubscribe('a.*');
    socket().say({ type: 'error', reason, detail: 'd' });
    socket().end(reason === 'TOO_MANY_MESSAGES' ? 4429 : 4408);
    await turn();
    expect(stream.status).toMatchObject({ state: 'reconnecting', error: { message: `${reason}: d` } });
    await turn(500);
    socket().accept();
    expect(socket().sent).toEqual([{ type: 'auth', cursor: 'e-0', filters: ['b.*'] }]);
    await Promise.all([added, removed]);
  });

  test('may all go: then nothing is read, after a reconnect either', async () => {
    open({}, { filters: ['a.*'] });
    await turn();
    socket().accept();
    const gone = transport.unsubscribe('a.*');
    socket().say({ type: 'subscribed', filters: [], cursor: 'e-5' });
    await gone;
    socket().end(1006);
    await turn(500);
    socket().open();
    expect(socket().sent[0]?.['filters']).toEqual([]);
  });

  test('that are asked for before it is open are there from the start', async () => {
    open({}, { filters: ['a.*'] });
    const early = transport.subscribe('c.*');
    await turn();
    socket().accept();
    expect(socket().sent).toEqual([{ type: 'auth', filters: ['a.*', 'c.*'] }]);
    await early;
  });

  test('cannot be changed where none were given', () => {
    open();
    expect(() => transport.subscribe('a.*')).toThrow(TypeError);
  });
});

test('a shared one is renewed in place, too', async () => {
  vi.stubGlobal('navigator', { onLine: true, locks: { request: (_: string, __: unknown, work: () => Promise<void>) => work() } });
  let n = 0;
  const inner = ws();
  open({ transport: share(inner), auth: () => jwt(300_000, ++n), silenceMax: 0 });
  await vi.waitFor(() => expect(FakeWebSocket.made).toHaveLength(1), { timeout: 60_000 }); // a digest is made on the way
  socket().accept();
  await turn(271_000);
  expect(socket().sent).toHaveLength(2);
  expect(FakeWebSocket.made).toHaveLength(1);
});
