// Keeps one route open: attempts, back-off, fallback, watchdog, token. One cursor runs through all of them, so that
// whatever carries the events, none is lost and none comes twice.
import { delayAfter, type Backoff } from './backoff.js';
import { sse } from './sse.js';
import { StreamError, type State, type Status } from './status.js';
import { expiryOf } from './token.js';
import type { Ending, Renew, Transport } from './transport.js';

export type AuthReason =
  /** There is no token yet. */
  | 'missing'
  /** The token ends soon. */
  | 'expiring'
  /** The edge answered 401, or ended the stream because the token had ended. */
  | 'rejected';

export interface ConnectionOptions {
  /** Gives a token. It is asked again before the token ends, and once when the edge refuses it. */
  auth(request: { reason: AuthReason; signal: AbortSignal }): string | undefined | Promise<string | undefined>;
  /** Where reading begins: after this cursor, which a page kept from `status.lastEventId`. */
  lastEventId: string;
  /** Where reading begins without a cursor: `latest`, `earliest`, `last`, or a time of RFC 3339. Default: the route's. */
  start: string;
  /** What carries the events. Default `sse()`. */
  transport: Transport;
  /** What is used after `fallbackAfter` failures of the transport, as `poll()`. Default: none. */
  fallback: Transport;
  /** Failures in a row before the fallback. Default 5. */
  fallbackAfter: number;
  /** Milliseconds after which the transport is tried again while the fallback is used. Default 60000. */
  retryStreamAfter: number;
  /** Waits between attempts. Default: up to 1 s (or the route's `retry:`), doubling to 30 s, full jitter. */
  backoff: Backoff;
  /** Failures in a row before it gives up. Default: never. */
  maxAttempts: number;
  /**
   * Milliseconds of silence after which the connection counts as dead, and a quarter of that before its first words (a
   * proxy that keeps them back), or a twelfth while the fallback waits; 0: never. Default 60000: two heartbeats and some.
   */
  silenceMax: number;
  /** Is told of every transition. Default `console`'s, without those below a warning. */
  logger: Pick<Console, 'info' | 'warn' | 'error'>;
  /** Numbers from 0 to below 1. Default `Math.random`. */
  random: () => number;
}

export interface ConnectionEvents {
  /** Whether anybody was given it. */
  block(name: string, data: string, id: string): boolean;
  status(status: Status): void;
}

// Nothing that a further attempt could mend.
const isFatal = (status: number | undefined) =>
  status !== undefined && (status === 204 || (status >= 400 && status < 500 && ![401, 408, 425, 429].includes(status)));

// The last block of a stream that the edge ends on purpose; its `retry:` is when to come back.
const farewells = new Set(['weir.draining', 'weir.overloaded']);
const authExpired = 'weir.auth_expired';

// How long before its end a token is renewed, in milliseconds.
const renewBefore = 30_000;
const timeoutMax = 2 ** 31 - 1;

/** Why an attempt was ended from this side. */
type Why = 'stopped' | 'silent' | 'renewed' | 'offline' | 'again';

interface Outcome extends Omit<Ending, 'retryAfter'> {
  retryAfter?: number | undefined;
  /** The edge had answered. */
  opened: boolean;
  why: Why | undefined;
  /** The edge ended it because of the token. */
  expired: boolean;
  renew?: Renew | undefined;
}

export class Connection {
  status: Status;
  #url: URL;
  #options: Partial<ConnectionOptions>;
  #events: ConnectionEvents;
  #running: AbortController | undefined; // from start to stop
  #attempt: AbortController | undefined;
  #wake: (() => void) | undefined; // ends a wait
  #token: string | undefined;
  #retry: number | undefined; // the route's `retry:`
  #away = false; // offline or frozen

  constructor(url: string | URL, options: Partial<ConnectionOptions>, events: ConnectionEvents) {
    // Where there is no page, as on a server, a stream may be made but leads nowhere.
    this.#url = new URL(url, globalThis.location?.href ?? 'http://no-page.invalid');
    this.#options = options;
    this.#events = events;
    const lastEventId = options.lastEventId ?? '';
    this.status = { state: 'disconnected', since: Date.now(), lastEventId, lastEventTime: undefined, attempts: 0, error: undefined };
  }

  start(): void {
    if (this.#running) return;
    const { signal } = (this.#running = new AbortController());
    this.#away = globalThis.navigator?.onLine === false;
    const listen = (target: EventTarget | undefined, name: string, away: boolean) =>
      target?.addEventListener(name, () => this.#move(away), { signal });
    listen(globalThis.window, 'offline', true);
    listen(globalThis.window, 'online', false);
    listen(globalThis.document, 'freeze', true);
    listen(globalThis.document, 'resume', false);
    this.#change('connecting', { attempts: 0, error: undefined });
    void this.#keepOpen(signal);
  }

  stop(): void {
    this.#finish(undefined);
  }

  reconnect(): void {
    if (!this.#running) return this.status.error?.fatal ? this.start() : undefined;
    this.#attempt?.abort('again' satisfies Why);
    this.#wake?.();
  }

  async #keepOpen(signal: AbortSignal): Promise<void> {
    const { transport = sse(), fallback, fallbackAfter = 5, retryStreamAfter = 60_000 } = this.#options;
    const { backoff = {}, maxAttempts = Infinity, random = Math.random } = this.#options;
    let failures = 0;
    let refused = false; // the token was renewed after a refusal and did not work since
    let streamDue = 0; // while the fallback is used: when the transport is tried again
    for (;;) {
      if (this.#away) {
        this.#change('disconnected', { error: new StreamError('offline') });
        while (this.#away && !signal.aborted) await this.#wait(timeoutMax);
        failures = 0;
        streamDue = 0;
        if (!signal.aborted) this.#change('connecting', { attempts: 0 });
      }
      if (signal.aborted) return;

      const due = fallback && failures >= fallbackAfter ? streamDue - Date.now() : undefined;
      const polling = due !== undefined && due > 0;
      // What is tried beside a fallback must be quick about it: meanwhile nothing is polled.
      const outcome = await (polling ? this.#try(fallback!, due, 4) : this.#try(transport, Infinity, due === undefined ? 4 : 12));
      if (signal.aborted) return;
      if (outcome.opened) {
        refused = false;
        if (!polling) failures = 0;
      }
      if (outcome.why === 'again') streamDue = 0;
      if (outcome.why && outcome.why !== 'silent') continue;
      if (outcome.status === 401 || outcome.expired) {
        if (this.#options.auth && !refused) {
          refused = true;
          if (await this.#authorize('rejected')) continue;
          if (signal.aborted) return;
        } else {
          return this.#finish(new StreamError('the token was refused', 401, true));
        }
      }
      const error = new StreamError(outcome.message, outcome.status, isFatal(outcome.status));
      if (error.fatal) return this.#finish(error);

      failures++;
      if (failures >= maxAttempts && !fallback)
        return this.#finish(new StreamError(`gave up after ${failures} failures: ${outcome.message}`, outcome.status, true));
      const falls = fallback !== undefined && failures >= fallbackAfter;
      if (falls && !polling) streamDue = failures >= maxAttempts ? Infinity : Date.now() + retryStreamAfter;
      this.#change(falls && fallback.polls ? 'polling' : 'reconnecting', { attempts: failures, error });
      if (!falls || polling) await this.#wait(outcome.retryAfter ?? delayAfter(failures, { base: this.#retry, ...backoff }, random));
    }
  }

  // One attempt, for `limit` milliseconds at most, of which the first words may take this part of `silenceMax`.
  async #try(transport: Transport, limit: number, patience: number): Promise<Outcome> {
    const outcome: Outcome = { message: '', opened: false, why: undefined, expired: false };
    if (this.#token === undefined && this.#options.auth && !(await this.#authorize('missing')))
      return { ...outcome, message: 'there is no token' };
    const attempt = (this.#attempt = new AbortController());
    const { signal } = attempt;
    if (this.#running?.signal.aborted) return outcome;
    const { start, silenceMax = 60_000 } = this.#options;
    let retry: number | undefined;
    const timers = this.#watch(attempt, limit, transport.blind ? 0 : silenceMax, outcome, patience);
    const ending = await transport.run(
      { url: this.#url, cursor: this.status.lastEventId, start, token: this.#token, silenceMax, signal },
      {
        opened: (renew) => {
          outcome.renew = renew;
          if (signal.aborted || outcome.opened) return;
          outcome.opened = true;
          this.#change(transport.polls ? 'polling' : 'connected', transport.polls ? {} : { attempts: 0, error: undefined });
        },
        alive: timers.alive,
        retry: (ms) => (retry = ms),
        block: (name, data, id) => {
          if (signal.aborted) return;
          let given = false;
          if (name === authExpired) outcome.expired = true;
          else if (farewells.has(name)) outcome.retryAfter = retry;
          else {
            this.#retry = retry ?? this.#retry;
            given = name !== '' && this.#events.block(name, data, id);
          }
          retry = undefined;
          // Only now: whoever keeps the cursor has seen the event.
          if (id) this.#update({ lastEventId: id, ...(given && { lastEventTime: Date.now() }) });
        },
      },
    );
    timers.stop();
    const why = signal.aborted ? (signal.reason as Why) : undefined;
    attempt.abort('stopped' satisfies Why);
    return { ...outcome, ...ending, why, message: why === 'silent' ? 'nothing came for too long' : ending.message };
  }

  // What ends an attempt by time: silence, its limit, and a renewed token that it cannot take over.
  #watch(attempt: AbortController, limit: number, silenceMax: number, outcome: Outcome, patience: number): { alive(): void; stop(): void } {
    const end = (why: Why) => attempt.abort(why);
    let seen = Date.now();
    let silence: ReturnType<typeof setTimeout> | undefined;
    let renewal: ReturnType<typeof setTimeout> | undefined;
    const listen = () => {
      const left = seen + silenceMax / (outcome.opened ? 1 : patience) - Date.now();
      if (left <= 0) end('silent');
      else silence = setTimeout(listen, left);
    };
    const renewLater = () => {
      const before = this.#token;
      const left = (expiryOf(before) ?? NaN) - Date.now();
      if (!this.#options.auth || !(left > 0)) return;
      const wait = Math.min(Math.max(left / 2, left - renewBefore), timeoutMax);
      renewal = setTimeout(async () => {
        if (!(await this.#authorize('expiring')) || !this.#token || this.#token === before || attempt.signal.aborted) return;
        if (!outcome.renew) return end('renewed');
        outcome.renew(this.#token);
        renewLater();
      }, wait);
    };
    if (silenceMax > 0) listen();
    const over = limit < timeoutMax ? setTimeout(end, limit, 'again') : undefined;
    renewLater();
    return {
      alive: () => (seen = Date.now()),
      stop: () => [silence, over, renewal].forEach(clearTimeout),
    };
  }

  // Whether there is a token now.
  async #authorize(reason: AuthReason): Promise<boolean> {
    const signal = this.#running?.signal;
    if (!signal) return false;
    try {
      const token = await this.#options.auth?.({ reason, signal });
      if (signal.aborted) return false;
      this.#token = token ?? (reason === 'expiring' ? this.#token : undefined);
    } catch (error) {
      if (signal.aborted) return false;
      this.#log('warn', `auth (${reason}) failed: ${String(error)}`);
      if (reason === 'rejected') this.#token = undefined;
      return false;
    }
    return this.#token !== undefined;
  }

  #move(away: boolean): void {
    this.#away = away;
    if (away) this.#attempt?.abort('offline' satisfies Why);
    this.#wake?.();
  }

  #finish(error: StreamError | undefined): void {
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    running.abort();
    this.#attempt?.abort('stopped' satisfies Why);
    this.#wake?.();
    if (error) this.#token = undefined;
    this.#change('disconnected', { error });
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), Math.min(ms, timeoutMax));
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #change(state: State, more: Partial<Status>): void {
    const same = state === this.status.state;
    this.#update({ state, since: same ? this.status.since : Date.now(), ...more });
    if (same) return;
    const { error } = this.status;
    this.#log(error ? 'warn' : 'info', error ? `${state}: ${error.message}` : state);
  }

  #update(change: Partial<Status>): void {
    this.status = { ...this.status, ...change };
    this.#events.status(this.status);
  }

  #log(level: 'info' | 'warn', text: string): void {
    const line = `[weir ${new Date().toISOString()} ${this.#url.pathname}] ${text}`;
    (this.#options.logger ?? console)[level](line);
  }
}
