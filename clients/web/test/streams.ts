// A stream over a bus, with fake timers: what the tests of streams have in common.
import { afterEach, beforeEach, vi } from 'vitest';
import { createStream, type Stream, type StreamOptions } from '../src/index.js';
import { FakeBus } from '../src/testing.js';

export interface Events {
  'car.moved': { id: string };
  note: { text: string };
}

export const quiet = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
export let bus: FakeBus;
export let stream: Stream<Events>;

// Makes the stream of this test, which is closed after it.
export function make(options: StreamOptions = {}, url = 'http://edge/api/cars'): Stream<Events> {
  return (stream = createStream<Events>(url, { transport: bus.transport, logger: quiet, random: () => 0.5, ...options }));
}

// The same, with a listener; returns what that is given.
export function open(options: StreamOptions = {}): string[] {
  make(options);
  const seen: string[] = [];
  stream.on('car.moved', ({ data }) => seen.push(data.id));
  return seen;
}
export const turn = (ms = 0) => vi.advanceTimersByTimeAsync(ms);
export const move = (id: string) => bus.emit('car.moved', { id });

beforeEach(() => {
  vi.useFakeTimers();
  bus = new FakeBus();
});
afterEach(() => {
  stream.close();
  vi.useRealTimers();
  vi.clearAllMocks();
});
