// A bus without a network, for tests of components: what is emitted reaches every stream that uses its transport, and
// every EventSource while it is installed.
import { fakeEventSource } from './fake_event_source.js';
import type { Attempt, Ending, Sink, Transport } from './transport.js';

interface Reader {
  sink: Sink;
  end(ending: Ending): void;
}

interface Stored {
  name: string;
  data: string;
  id: string;
}

type Asked = Pick<Attempt, 'url' | 'cursor' | 'start' | 'token'>;

/** Works with real and with fake timers alike: it has none of its own. */
export class FakeBus {
  /** How often a connection was opened. */
  opened = 0;
  /** What the attempts asked for, the newest last. */
  readonly attempts: Asked[] = [];
  #log: Stored[] = [];
  #readers = new Set<Reader>();
  #refusal: Ending | undefined;
  #gap: string | undefined;

  /** Open connections. */
  get connections(): number {
    return this.#readers.size;
  }

  /** Give it to `createStream` as its `transport`. */
  readonly transport: Transport = { name: 'fake', run: (attempt, sink) => this.#serve(attempt, sink) };

  /**
   * Puts a fake in the place of the global `EventSource`, for code that uses that itself. It comes back a turn after a
   * cut, or after the `retry` of `drain`. What is returned takes it away again.
   */
  install(): () => void {
    const before = globalThis.EventSource;
    globalThis.EventSource = fakeEventSource((attempt, sink) => this.#serve(attempt, sink));
    return () => void (globalThis.EventSource = before);
  }

  /** Publishes an event; streams that are cut get it when they come back. Returns its id. */
  emit(name: string, data: unknown): string {
    return this.emitText(name, JSON.stringify(data));
  }

  /** The same with data that need not be JSON. */
  emitText(name: string, data: string): string {
    const event = { name, data, id: `fake-${this.#log.length + 1}` };
    this.#log.push(event);
    for (const { sink } of this.#readers) sink.block(name, data, event.id);
    return event.id;
  }

  /** A sign of life. */
  heartbeat(): void {
    for (const { sink } of this.#readers) sink.alive();
  }

  /** Cuts all connections. */
  drop(message = 'cut'): void {
    this.#end({ message });
  }

  /** Forgets all events, and cuts: streams that come back with a cursor get a gap first. */
  gap(reason = 'expired'): void {
    this.#gap = reason;
    this.drop();
  }

  /** Answers further attempts with this status, and cuts; `accept` ends that. */
  refuse(status: number, retryAfter?: number): void {
    this.#refusal = { status, message: `the edge answered ${status}`, ...(retryAfter !== undefined && { retryAfter }) };
    this.drop();
  }

  accept(): void {
    this.#refusal = undefined;
  }

  /** Ends the connections as the edge does when a token has ended. */
  expire(): void {
    for (const { sink } of this.#readers) sink.block('weir.auth_expired', '{}', '');
    this.drop();
  }

  /** Ends the connections as the edge does before it stops. */
  drain(retry = 0): void {
    for (const { sink } of this.#readers) {
      sink.retry(retry);
      sink.block('weir.draining', '{}', '');
    }
    this.drop('the edge ended the stream');
  }

  #end(ending: Ending): void {
    for (const reader of [...this.#readers]) reader.end(ending);
  }

  async #serve({ url, cursor, start, token, signal }: Asked & { signal: AbortSignal }, sink: Sink): Promise<Ending> {
    this.attempts.push({ url, cursor, start, token });
    if (this.#refusal) return this.#refusal;
    this.opened++;
    const ended = new Promise<Ending>((resolve) => {
      const end = (ending: Ending) => {
        this.#readers.delete(reader);
        resolve(ending);
      };
      const reader = { sink, end };
      this.#readers.add(reader);
      signal.addEventListener('abort', () => end({ message: 'aborted' }));
      if (signal.aborted) end({ message: 'aborted' });
    });
    if (signal.aborted) return ended;
    const head = this.#log.at(-1)?.id ?? 'fake-0';
    const from = cursor ? Number(cursor.split('-')[1]) : start === 'earliest' ? 0 : this.#log.length;
    sink.opened();
    sink.block('weir.connected', '{}', cursor || `fake-${from}`);
    if (cursor && this.#gap) {
      sink.block('weir.gap', JSON.stringify({ reason: this.#gap, requested: cursor, resumedAt: head }), head);
      this.#gap = undefined;
    } else {
      for (const { name, data, id } of this.#log.slice(from)) sink.block(name, data, id);
    }
    return ended;
  }
}
