// What takes over when a stream does not come through.
import { describe, expect, test } from 'vitest';
import type { Status } from '../src/index.js';
import { FakeBus } from '../src/testing.js';
import { bus, move, open, stream, turn } from './streams.js';

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

  test('may be another stream, and then nothing is said of polls', async () => {
    const other = new FakeBus();
    const states: string[] = [];
    open({ fallback: other.transport, fallbackAfter: 2, silenceMax: 0 });
    stream.onStatus((status: Status) => states.at(-1) !== status.state && states.push(status.state));
    bus.refuse(503);
    await turn(60_000);
    expect(other.connections).toBe(1);
    expect(states).toEqual(['connecting', 'reconnecting', 'connected']);
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
