// The browser's own EventSource by tickets: what stands in URLs, and what an edge may answer.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { native } from '../src/native.js';
import { make, stream, turn, type Events } from './streams.js';

let sources: Source[];
let asked: { url: string; method: string; headers: Record<string, string> }[];

class Source extends EventTarget {
  onopen?: () => void;
  onerror?: () => void;
  closed = false;
  readonly url: string;
  constructor(url: URL) {
    super();
    this.url = url.href;
    sources.push(this);
  }
  close() {
    this.closed = true;
  }
  says(name: string, data: unknown, lastEventId = '') {
    this.onopen?.();
    this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data), lastEventId }));
  }
}

beforeEach(() => {
  vi.stubGlobal('EventSource', Source);
  sources = [];
  asked = [];
});
afterEach(() => void vi.unstubAllGlobals());

// Opens a stream by tickets, from an edge that answers so; returns what its listener is given.
function open(answer: (n: number) => Response, tokens = ['token-one', 'token-two']) {
  const fetch = vi.fn(async (url: string | URL | Request, init?: RequestInit) => {
    asked.push({ url: String(url), method: init?.method ?? 'GET', headers: init?.headers as Record<string, string> });
    return answer(asked.length);
  });
  const auth = vi.fn((_: { reason: string }) => tokens.shift());
  const transport = native<Events>({ events: ['car.moved'], tickets: true, fetch });
  make({ transport, auth }, 'http://edge/api/cars?maker=volvo');
  const seen: string[] = [];
  stream.on('car.moved', ({ data }) => seen.push(data.id));
  return { seen, auth };
}
const ticket = (n: number) => Response.json({ ticket: `ticket-${n}`, expiresIn: 60 });

describe('native by tickets', () => {
  test('asks for one at each attempt, and no URL ever holds the token', async () => {
    const { seen, auth } = open(ticket);
    await turn();
    sources[0]!.says('car.moved', { id: 'a' }, 'e-1');
    sources[0]!.onerror!();
    await turn(1000);
    sources[1]!.says('car.moved', { id: 'b' }, 'e-2');
    sources[1]!.says('weir.auth_expired', {});
    sources[1]!.onerror!();
    await turn(1000);
    sources[2]!.says('car.moved', { id: 'c' }, 'e-3');

    expect(seen).toEqual(['a', 'b', 'c']);
    expect(sources.map(({ url }) => url)).toEqual([
      'http://edge/api/cars?maker=volvo&ticket=ticket-1',
      'http://edge/api/cars?maker=volvo&last_event_id=e-1&ticket=ticket-2',
      'http://edge/api/cars?maker=volvo&last_event_id=e-2&ticket=ticket-3',
    ]);
    expect(asked.map(({ url, method }) => `${method} ${url}`)).toEqual(Array(3).fill('POST http://edge/api/cars/ticket'));
    expect(asked.map(({ headers }) => headers['Authorization'])).toEqual(['Bearer token-one', 'Bearer token-one', 'Bearer token-two']);
    expect(auth.mock.calls.map(([{ reason }]) => reason)).toEqual(['missing', 'rejected']);
    for (const { url } of [...sources, ...asked]) expect(url).not.toContain('token-');
  });

  test('a token that is refused is renewed once, without a stream', async () => {
    const { auth } = open(() => new Response('', { status: 401 }));
    await turn(60_000);
    expect(auth.mock.calls.map(([{ reason }]) => reason)).toEqual(['missing', 'rejected']);
    expect(stream.status).toMatchObject({ state: 'disconnected', error: { status: 401, fatal: true } });
    expect(sources).toEqual([]);
  });

  test('an edge that has no room is asked again when it says', async () => {
    open((n) => (n === 1 ? new Response('', { status: 503, headers: { 'Retry-After': '7' } }) : ticket(n)));
    await turn(6900);
    expect(asked).toHaveLength(1);
    await turn(200);
    expect(sources.map(({ url }) => url)).toEqual(['http://edge/api/cars?maker=volvo&ticket=ticket-2']);
  });

  test('an edge that gives no tickets gets no token in a URL either', async () => {
    open(() => new Response('', { status: 405 }));
    await turn(60_000);
    expect(stream.status).toMatchObject({ state: 'disconnected', error: { status: 405, fatal: true } });
    expect(sources).toEqual([]);
  });

  test('a stream that is closed meanwhile opens none', async () => {
    let give = (_: Response) => {};
    open(() => ({ then: (resolve: (response: Response) => void) => (give = resolve) }) as unknown as Response);
    await turn();
    expect(asked).toHaveLength(1);
    stream.close();
    give(ticket(1));
    await turn(1000);
    expect(sources.filter(({ closed }) => !closed)).toEqual([]);
  });
});
