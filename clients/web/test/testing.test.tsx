// @vitest-environment happy-dom
// The fakes, as tests of components use them.
import { act, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createStream } from '../src/index.js';
import { native } from '../src/native.js';
import { useLatest } from '../src/react.js';
import { FakeBus } from '../src/testing.js';

const quiet = { info() {}, warn() {}, error() {} };
beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});
const turn = (ms = 0) => act(() => vi.advanceTimersByTimeAsync(ms));
const show = async (what: React.ReactNode) => {
  const page = document.createElement('div');
  const root = createRoot(page);
  act(() => root.render(what));
  await turn();
  return { page, root };
};

test('a test of a component is three lines', async () => {
  const bus = new FakeBus();
  const stream = createStream<{ added: { id: string } }>('http://test/items', { transport: bus.transport, logger: quiet });
  const Newest = () => <b>{useLatest(stream, 'added')?.data.id}</b>;

  const { page, root } = await show(<Newest />);
  act(() => void bus.emit('added', { id: 'v1' }));
  expect(page.textContent).toBe('v1');
  act(() => root.unmount());
  stream.close();
});

describe('the fake EventSource', () => {
  let bus: FakeBus;
  let remove: () => void;
  let source: EventSource;
  let seen: string[];
  const listen = (url = 'http://test/items') => {
    seen = [];
    source = new EventSource(url);
    source.onopen = () => seen.push('open');
    source.onerror = () => seen.push(`error ${source.readyState}`);
    source.onmessage = ({ data, lastEventId }: MessageEvent<string>) => seen.push(`${lastEventId} ${data}`);
    source.addEventListener('added', ({ data, lastEventId }: MessageEvent<string>) => seen.push(`${lastEventId} added ${data}`));
  };
  beforeEach(() => {
    bus = new FakeBus();
    remove = bus.install();
  });
  afterEach(() => {
    source.close();
    remove();
  });

  test('serves a component that knows nothing of Weir', async () => {
    const Old = () => {
      const [id, set] = useState('');
      useEffect(() => {
        source = new EventSource('/items');
        source.addEventListener('added', ({ data }: MessageEvent<string>) => set((JSON.parse(data) as { id: string }).id));
        return () => source.close();
      }, []);
      return <b>{id}</b>;
    };
    const { page, root } = await show(<Old />);
    act(() => void bus.emit('added', { id: 'v1' }));
    expect(page.textContent).toBe('v1');
    expect(bus.connections).toBe(1);
    act(() => root.unmount());
    expect(bus.connections).toBe(0);
  });

  test('opens, delivers by name, and resumes after a cut', async () => {
    listen('http://test/items?token=T&start=latest');
    expect(source.readyState).toBe(EventSource.CONNECTING);
    await turn();
    bus.emit('added', 1);
    bus.emit('message', 2);
    bus.drop();
    bus.emit('added', 3);
    await turn();
    expect(seen).toEqual(['open', 'fake-1 added 1', 'fake-2 2', 'error 0', 'open', 'fake-3 added 3']);
    expect(bus.attempts.map(({ cursor, token }) => [cursor, token])).toEqual([['', 'T'], ['fake-2', 'T']]);
  });

  test('waits as long as a drain says', async () => {
    listen();
    await turn();
    bus.drain(3000);
    await turn(2900);
    expect(bus.opened).toBe(1);
    await turn(100);
    expect(bus.opened).toBe(2);
  });

  test('ends for good on a status', async () => {
    listen();
    await turn();
    bus.refuse(503);
    await turn(1000);
    expect(seen).toEqual(['open', 'error 0', 'error 2']);
    expect(source.readyState).toBe(EventSource.CLOSED);
    await turn(60_000);
    expect(bus.attempts).toHaveLength(2);
  });

  test('is silent once it is closed, and leaves no timer', async () => {
    listen();
    await turn();
    bus.drop();
    await turn(0);
    source.close();
    const before = seen.length;
    bus.emit('added', 1);
    await turn(60_000);
    expect(seen).toHaveLength(before);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is what native() reads with', async () => {
    const stream = createStream<{ added: number }>('http://test/items', {
      transport: native({ events: ['added'] }),
      random: () => 0,
      logger: quiet,
    });
    const ids: string[] = [];
    stream.on('added', ({ id }) => ids.push(id));
    await turn();
    bus.emit('added', 1);
    bus.drop();
    bus.emit('added', 2);
    await turn();
    expect(ids).toEqual(['fake-1', 'fake-2']);
    expect(stream.status.state).toBe('connected');
    stream.close();
    expect(bus.connections).toBe(0);
    source = new EventSource('http://test/other');
  });

  test('goes when it is taken away', () => {
    listen();
    const fake = globalThis.EventSource;
    remove();
    expect(globalThis.EventSource).not.toBe(fake);
  });
});

test('native() without an EventSource is a failure, not an exception', async () => {
  vi.stubGlobal('EventSource', undefined);
  const stream = createStream<{ message: unknown }>('http://test/x', { transport: native({ events: [] }), logger: quiet });
  stream.on('message', () => {});
  await turn();
  expect(stream.status).toMatchObject({ state: 'reconnecting', attempts: 1 });
  stream.close();
});
