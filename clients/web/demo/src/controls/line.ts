// A line to the edge that a person can break, to see what the client does then. It stands between a stream and its
// transport; an application has no such thing.
import type { Attempt, Ending, Sink, Transport } from '@weir/client';

/** `open`; `blocked`: every attempt fails at once; `held`: nothing is read, and the next attempt waits. */
export type LineState = 'open' | 'blocked' | 'held';

const why: Record<LineState, string> = {
  open: 'the connection was cut',
  blocked: 'no stream comes through',
  held: 'the page stopped reading',
};

/** For one stream: one attempt at a time. */
export class Line {
  /** Blocks that came so far. */
  blocks = 0;
  #token: string | undefined;
  #tokenListeners = new Set<(renewed: boolean) => void>();
  #state: LineState = 'open';
  #cut = new AbortController();
  #release = () => {};
  #instead: string | undefined; // a cursor

  through(transport: Transport): Transport {
    return { ...transport, run: (attempt, sink) => this.#run(transport, attempt, sink) };
  }

  /** Calls `listener` for each other token, until the returned function is called. */
  onToken(listener: (renewed: boolean) => void): () => void {
    this.#tokenListeners.add(listener);
    return () => this.#tokenListeners.delete(listener);
  }

  /** Ends the attempt under way. */
  cut(): void {
    this.#cut.abort();
  }

  set(state: LineState): void {
    this.#state = state;
    if (state !== 'open') this.cut();
    this.#release();
  }

  /** The next attempt asks for what follows this cursor, instead of the stream's own. */
  askFor(cursor: string): void {
    this.#instead = cursor;
  }

  async #run(transport: Transport, attempt: Attempt, sink: Sink): Promise<Ending> {
    this.#use(attempt.token);
    while (this.#state === 'held' && !attempt.signal.aborted) await this.#change(attempt.signal, sink);
    if (this.#state === 'blocked') return { message: why.blocked };
    const { signal } = (this.#cut = new AbortController());
    const cursor = this.#instead ?? attempt.cursor;
    this.#instead = undefined;
    const ending = await transport.run({ ...attempt, cursor, signal: AbortSignal.any([attempt.signal, signal]) }, this.#watching(sink));
    return signal.aborted ? { message: why[this.#state] } : ending;
  }

  #use(token: string | undefined): void {
    if (token === this.#token) return;
    for (const listener of this.#tokenListeners) listener(this.#token !== undefined);
    this.#token = token;
  }

  // Another state. What is held meanwhile is not dead.
  #change(signal: AbortSignal, sink: Sink): Promise<void> {
    const alive = setInterval(sink.alive, 1000);
    return new Promise<void>((resolve) => {
      this.#release = resolve;
      signal.addEventListener('abort', () => resolve());
    }).finally(() => clearInterval(alive));
  }

  #watching(sink: Sink): Sink {
    return {
      ...sink,
      opened: (renew) => {
        const use = (token: string) => {
          this.#use(token);
          renew?.(token);
        };
        sink.opened(renew && use);
      },
      block: (name, data, id) => {
        this.blocks++;
        sink.block(name, data, id);
      },
    };
  }
}
