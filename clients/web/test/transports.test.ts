// The transports against answers as the edge writes them.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { sse } from '../src/index.js';
import { poll } from '../src/poll.js';
import type { Attempt, Transport } from '../src/transport.js';

const attempt: Attempt = {
  ...{ url: new URL('http://edge/api?q=1'), cursor: '', start: undefined, token: undefined },
  ...{ silenceMax: 60_000, signal: new AbortController().signal },
};

function stream(...chunks: (string | Uint8Array)[]) {
  const body = new ReadableStream({
    start(to) {
      for (const chunk of chunks) to.enqueue(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk);
      to.close();
    },
  });
  return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } });
}

async function run(make: (options: { fetch: typeof fetch }) => Transport, answers: Response[], with_: Partial<Attempt> = {}) {
  const requests: { url: URL; headers: Record<string, string> }[] = [];
  const told: unknown[] = [];
  const transport = make({
    fetch: (url, init) => {
      requests.push({ url: url as URL, headers: init?.headers as Record<string, string> });
      const answer = answers.shift();
      return answer ? Promise.resolve(answer) : Promise.reject(new TypeError('fetch failed'));
    },
  });
  const ending = await transport.run(
    { ...attempt, ...with_ },
    {
      opened: () => told.includes('opened') || told.push('opened'),
      alive: () => {},
      retry: (ms) => told.push(ms),
      block: (...block) => told.push(block),
    },
  );
  return { requests, told, ending };
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }));
afterEach(() => void vi.useRealTimers());

test('sse reads blocks, wherever they are cut', async () => {
  const text = 'event: weir.connected\nid: e-1\nretry: 2000\ndata: {}\n\n:\nevent: note\nid: e-2\ndata: {"text":"ü€😀"}\n\nid: e-3\ndata: 1\n\nevent: cut\nid: e-4\nda';
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += 7) {
    const { told, ending } = await run(sse, [stream(bytes.slice(0, at), bytes.slice(at))]);
    expect(told).toEqual([2000, 'opened', ['weir.connected', '{}', 'e-1'], ['note', '{"text":"ü€😀"}', 'e-2'], ['message', '1', 'e-3']]);
    expect(ending).toEqual({ message: 'the edge ended the stream' });
  }
});

test('sse sends token and cursor as headers, start in the query', async () => {
  const first = await run(sse, [stream()], { token: 'T', start: 'last' });
  expect(first.requests[0]?.url.href).toBe('http://edge/api?q=1&start=last');
  expect(first.requests[0]?.headers).toEqual({ Accept: 'text/event-stream; weir=1', Authorization: 'Bearer T' });
  const next = await run(sse, [stream()], { cursor: 'e-1', start: 'last' });
  expect(next.requests[0]?.url.href).toBe('http://edge/api?q=1');
  expect(next.requests[0]?.headers['Last-Event-ID']).toBe('e-1');
});

test.each([sse, poll])('statuses and network errors end an attempt', async (make) => {
  const busy = await run(make, [new Response('', { status: 503, headers: { 'Retry-After': '5' } })]);
  expect(busy.ending).toEqual({ status: 503, retryAfter: 5000, message: 'the edge answered 503' });
  const inFourSeconds = new Date(Math.ceil(Date.now() / 1000) * 1000 + 4000).toUTCString();
  const dated = await run(make, [new Response('', { status: 503, headers: { 'Retry-After': inFourSeconds } })]);
  expect(dated.ending.retryAfter).toBeGreaterThan(3000);
  expect((await run(make, [new Response('', { status: 500 })])).ending).toEqual({ status: 500, message: 'the edge answered 500' });
  expect((await run(make, [new Response(null, { status: 204 })])).ending).toMatchObject({ status: 204 });
  expect((await run(make, [])).ending).toEqual({ message: 'fetch failed' });
});

test('sse is open when its first block has come: a proxy that keeps blocks back lets the head through', async () => {
  expect((await run(sse, [stream()])).told).toEqual([]);
  expect((await run(sse, [stream(':\n', 'event: a\nda')])).told).toEqual([]);
  expect((await run(sse, [stream('data: 1\n\n')])).told[0]).toBe('opened');
});

test('sse takes nothing but an event stream', async () => {
  const { ending, told } = await run(sse, [new Response('<html>', { headers: { 'Content-Type': 'text/html' } })]);
  expect(ending).toEqual({ message: 'an answer of type text/html is no event stream' });
  expect(told).toEqual([]);
});

const page = (events: number[], cursor: string, more = false, gap: unknown = null) =>
  Response.json({ events: events.map((n) => ({ id: `e-${n}`, event: 'note', data: { n } })), cursor, more, gap });

test('poll follows the cursor, at once while there is more', async () => {
  const pending = run(poll, [page([1, 2], 'e-2', true), page([], 'e-9')], { cursor: 'e-0' });
  await vi.advanceTimersByTimeAsync(5000);
  const { requests, told } = await pending;
  expect(requests.map(({ url }) => url.searchParams.get('last_event_id'))).toEqual(['e-0', 'e-2', 'e-9']);
  expect(told).toEqual(['opened', ['note', '{"n":1}', 'e-1'], ['note', '{"n":2}', 'e-2'], ['', '', 'e-2'], ['', '', 'e-9']]);
});

test('poll tells a gap before what follows it', async () => {
  const gap = { reason: 'expired', requested: 'e-1', resumedAt: 'e-5' };
  const pending = run((options) => poll({ ...options, gapEvent: 'lost' }), [page([6], 'e-6', false, gap)], { cursor: 'e-1' });
  await vi.advanceTimersByTimeAsync(5000);
  expect((await pending).told.slice(1, 3)).toEqual([['lost', JSON.stringify(gap), 'e-5'], ['note', '{"n":6}', 'e-6']]);
});
