// Tokens: asked for, kept, renewed, refused.
import { describe, expect, test, vi } from 'vitest';
import type { Transport } from '../src/index.js';
import { bus, move, open, stream, turn } from './streams.js';

// A token that ends so many milliseconds from now.
const token = (ms: number, name = 'a') =>
  `x.${btoa(JSON.stringify({ exp: (Date.now() + ms) / 1000, name })).replace(/=/g, '')}.y`;

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
