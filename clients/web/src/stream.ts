// A stream of typed events. It opens when the first listener comes and closes when the last one leaves.
import { Connection, type ConnectionOptions } from './connection.js';
import type { Status } from './status.js';
import type { Gap } from './transport.js';

/** An event: `M` maps names to the types of their data. */
export type StreamEvent<M extends object = Record<string, unknown>, N extends keyof M = keyof M> = {
  [K in N]: {
    readonly name: K;
    readonly data: M[K];
    /** The cursor after this event. */
    readonly id: string;
  };
}[N];

export interface StreamOptions extends Partial<ConnectionOptions> {
  /** The name under which the route announces gaps. Default `weir.gap`. */
  gapEvent?: string;
}

export interface Stream<M extends object> {
  /** Calls `listener` for each event of that name, until the returned function is called. Opens the stream. */
  on<N extends keyof M & string>(name: N, listener: (event: StreamEvent<M, N>) => void): () => void;
  /** Calls `listener` when events are missing: fetch the state anew. Opens the stream. */
  onGap(listener: (gap: Gap) => void): () => void;
  /** The status now; the same object until something changes. */
  readonly status: Status;
  /** Calls `listener` after each change of `status`. Opens nothing. */
  onStatus(listener: (status: Status) => void): () => void;
  /** Tries again now: instead of waiting, and also after a fatal error. */
  reconnect(): void;
  /** Ends it for good: listeners are dropped. */
  close(): void;
}

type Listener = (value: never) => void;

/**
 * Makes a stream of a route. No connection is made before somebody listens. A listener that throws is logged, and the
 * stream goes on. All calls come one after another, in the order of the log.
 */
export function createStream<M extends object>(url: string | URL, options: StreamOptions = {}): Stream<M> {
  const { gapEvent = 'weir.gap', logger = console } = options;
  const listeners = new Map<string, Set<Listener>>();
  const gapListeners = new Set<Listener>();
  const statusListeners = new Set<Listener>();
  let count = 0;
  let closed = false;
  let settling: ReturnType<typeof setTimeout> | undefined;

  const tell = (to: Iterable<Listener> | undefined, value: unknown) => {
    for (const listener of [...(to ?? [])]) {
      try {
        listener(value as never);
      } catch (error) {
        logger.error('[weir] a listener threw', error);
      }
    }
  };

  const connection = new Connection(url, options, {
    block(name, text, id) {
      const to = name === gapEvent ? gapListeners : listeners.get(name);
      if (!to?.size) return false;
      let data: unknown;
      try {
        data = JSON.parse(text);
      } catch (error) {
        logger.error(`[weir] event ${name} ${id} is not JSON and was left out`, error);
        return false;
      }
      tell(to, name === gapEvent ? data : { name, data, id });
      return true;
    },
    status: (status) => tell(statusListeners, status),
  });

  // A turn later: whoever leaves and comes back at once (React's StrictMode) keeps the connection.
  const settle = () => {
    settling ??= setTimeout(() => {
      settling = undefined;
      if (count > 0) connection.start();
      else connection.stop();
    });
  };

  const add = (set: Set<Listener>, listener: Listener, opens: boolean) => {
    if (closed) return () => {};
    const own: Listener = (value) => listener(value); // the same function may be added twice
    set.add(own);
    if (opens && ++count === 1) settle();
    return () => {
      if (set.delete(own) && opens && --count === 0) settle();
    };
  };

  return {
    on(name, listener) {
      let set = listeners.get(name);
      if (!set) listeners.set(name, (set = new Set()));
      return add(set, listener, true);
    },
    onGap: (listener) => add(gapListeners, listener, true),
    get status() {
      return connection.status;
    },
    onStatus: (listener) => add(statusListeners, listener, false),
    reconnect: () => connection.reconnect(),
    close() {
      closed = true;
      clearTimeout(settling);
      connection.stop();
      count = 0;
      listeners.clear();
      gapListeners.clear();
      statusListeners.clear();
    },
  };
}
