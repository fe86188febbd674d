// Who opens a stream, and what its listeners are given.
import { describe, expect, test } from 'vitest';
import type { Gap } from '../src/index.js';
import { bus, make, move, open, quiet, stream, turn } from './streams.js';

describe('who listens', () => {
  test('on a server nobody: a stream with a relative URL may be made there', () => {
    make({}, '/api/cars');
    expect(stream.status.state).toBe('disconnected');
  });

  test('nobody: nothing is opened', async () => {
    make();
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
    make();
    const leave = stream.on('note', () => {});
    await turn();
    leave();
    stream.on('note', () => {});
    await turn();
    expect([bus.opened, bus.connections]).toEqual([1, 1]);
  });

  test('the last one leaves: closed, and nothing is tried again', async () => {
    make();
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
    make();
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
