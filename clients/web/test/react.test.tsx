// @vitest-environment happy-dom
import { act, StrictMode, useState } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { renderToString } from 'react-dom/server';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createStream, type Stream } from '../src/index.js';
import { useConnection, useEvent, useEvents, useGap, useLatest } from '../src/react.js';
import { FakeBus } from '../src/testing.js';

interface Events {
  added: { n: number };
  removed: { n: number };
}

let bus: FakeBus;
let stream: Stream<Events>;
let root: Root;
let page: HTMLElement;
const logger = { info: () => {}, warn: () => {}, error: vi.fn() };

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  bus = new FakeBus();
  stream = createStream<Events>('http://edge/x', { transport: bus.transport, logger, random: () => 0 });
  page = document.createElement('div');
  root = createRoot(page);
});
afterEach(() => {
  act(() => root.unmount());
  stream.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const turn = (ms = 0) => act(() => vi.advanceTimersByTimeAsync(ms));
const show = async (what: React.ReactNode) => {
  act(() => root.render(<StrictMode>{what}</StrictMode>));
  await turn();
};
const emit = (name: keyof Events, n: number) => act(() => void bus.emit(name, { n }));

function Sum() {
  const sum = useEvents(stream, ['added', 'removed'], (total, { name, data }) => total + (name === 'added' ? data.n : -data.n), 0);
  return <b>{sum}</b>;
}

test('StrictMode opens one connection, and unmounting closes it exactly once', async () => {
  await show(<Sum />);
  expect([bus.opened, bus.connections]).toEqual([1, 1]);
  await show(null);
  await turn(60_000);
  expect([bus.opened, bus.connections]).toEqual([1, 0]);
});

test('useEvents reduces each event once', async () => {
  await show(<Sum />);
  emit('added', 5);
  emit('removed', 2);
  expect(page.textContent).toBe('3');
});

test('useEvents begins anew after a gap where that is asked for, in the order of the log', async () => {
  const Both = () => {
    const sum = (total: number, { data }: { data: { n: number } }) => total + data.n;
    const kept = useEvents(stream, ['added'], sum, 0);
    const anew = useEvents(stream, ['added'], sum, 0, { gap: (_, { reason }) => (reason === 'expired' ? 100 : NaN) });
    return `${kept} ${anew}`;
  };
  await show(<Both />);
  emit('added', 5);
  bus.gap();
  await turn(1000);
  emit('added', 2);
  expect(page.textContent).toBe('7 102');
});

test('useEvent calls the newest listener, without listening anew', async () => {
  const seen: string[] = [];
  let rename: (name: string) => void = () => {};
  const Listener = () => {
    const [name, set] = useState('old');
    rename = set;
    useEvent(stream, 'added', ({ data }) => seen.push(`${name} ${data.n}`));
    return null;
  };
  await show(<Listener />);
  emit('added', 1);
  act(() => rename('new'));
  emit('added', 2);
  expect(seen).toEqual(['old 1', 'new 2']);
  expect(bus.opened).toBe(1);
});

test('useLatest and useConnection show what is now', async () => {
  const View = () => {
    const latest = useLatest(stream, 'added');
    const { state, lastEventId } = useConnection(stream);
    return `${latest?.data.n ?? '-'} ${state} ${lastEventId}`;
  };
  await show(<View />);
  expect(page.textContent).toBe('- connected fake-0');
  emit('added', 7);
  expect(page.textContent).toBe('7 connected fake-1');
  act(() => bus.drop());
  await turn();
  expect(page.textContent).toMatch(/^7 (reconnecting|connected) fake-1$/);
});

test('useConnection with a selection renders only when that changes', async () => {
  let rendered = 0;
  const Indicator = () => {
    rendered++;
    return useConnection(stream, ({ state }) => state);
  };
  act(() => root.render([<Indicator key="1" />, <Sum key="2" />]));
  await turn();
  const before = rendered;
  for (let n = 0; n < 10; n++) emit('added', n);
  expect(rendered).toBe(before);
  expect(page.textContent).toBe('connected45');
  act(() => root.render(null));
  await turn();
});

test('unmounting while it waits to reconnect starts nothing', async () => {
  await show(<Sum />);
  act(() => bus.drop());
  await show(null);
  await turn(10 * 60_000);
  expect([bus.attempts.length, bus.connections, vi.getTimerCount()]).toEqual([1, 0, 0]);
});

test('useGap is told', async () => {
  const gaps: string[] = [];
  const View = () => {
    useGap(stream, ({ reason }) => gaps.push(reason));
    return null;
  };
  await show(<View />);
  emit('added', 1);
  bus.gap('other_epoch');
  await turn(1000);
  expect(gaps).toEqual(['other_epoch']);
});

test('two components share the connection', async () => {
  await show([<Sum key="1" />, <Sum key="2" />]);
  emit('added', 2);
  expect(page.textContent).toBe('22');
  expect(bus.opened).toBe(1);
});

test('renders on a server, and opens nothing there', () => {
  const View = () => <i>{useConnection(stream).state}</i>;
  expect(renderToString(<View />)).toBe('<i>disconnected</i>');
  expect(bus.opened).toBe(0);
});
