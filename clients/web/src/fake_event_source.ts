import type { Attempt, Ending, Sink } from './transport.js';

type Serve = (attempt: Pick<Attempt, 'url' | 'cursor' | 'start' | 'token' | 'signal'>, sink: Sink) => Promise<Ending>;

type Handler = ((event: Event) => void) | null;

/** A class that behaves as `EventSource`, but is served by a function. */
export function fakeEventSource(serve: Serve): typeof EventSource {
  // No EventTarget: a test's environment may bring one of its own, with other ways.
  class FakeEventSource {
    static readonly CONNECTING = 0;
    static readonly OPEN = 1;
    static readonly CLOSED = 2;
    readonly CONNECTING = 0;
    readonly OPEN = 1;
    readonly CLOSED = 2;
    readonly url: string;
    readonly withCredentials: boolean;
    readyState = 0;
    onopen: Handler = null;
    onmessage: Handler = null;
    onerror: Handler = null;
    #listeners = new Map<string, Map<EventListenerOrEventListenerObject, boolean>>(); // true: once
    #closing = new AbortController();
    #lastEventId = '';
    #retry = 0;

    constructor(url: string | URL, { withCredentials = false }: EventSourceInit = {}) {
      this.url = new URL(url, globalThis.location?.href).href;
      this.withCredentials = withCredentials;
      void this.#connect();
    }

    addEventListener(name: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void {
      const of = this.#listeners.get(name) ?? new Map<EventListenerOrEventListenerObject, boolean>();
      this.#listeners.set(name, of.set(listener, typeof options === 'object' && options.once === true));
    }

    removeEventListener(name: string, listener: EventListenerOrEventListenerObject): void {
      this.#listeners.get(name)?.delete(listener);
    }

    dispatchEvent(event: Event): boolean {
      const handlers: Record<string, Handler> = { open: this.onopen, message: this.onmessage, error: this.onerror };
      handlers[event.type]?.call(this, event);
      for (const [listener, once] of [...(this.#listeners.get(event.type) ?? [])]) {
        if (once) this.removeEventListener(event.type, listener);
        if (typeof listener === 'function') listener.call(this, event);
        else listener.handleEvent(event);
      }
      return true;
    }

    close(): void {
      this.readyState = this.CLOSED;
      this.#closing.abort();
    }

    async #connect(): Promise<void> {
      const { signal } = this.#closing;
      await Promise.resolve(); // listeners are added after the constructor
      if (signal.aborted) return;
      const url = new URL(this.url);
      const query = (name: string) => url.searchParams.get(name) ?? undefined;
      const cursor = this.#lastEventId || (query('last_event_id') ?? '');
      const ending = await serve(
        { url, cursor, start: query('start'), token: query('token'), signal },
        {
          opened: () => {
            this.readyState = this.OPEN;
            this.dispatchEvent(new Event('open'));
          },
          alive: () => {},
          retry: (ms) => (this.#retry = ms),
          block: (name, data, id) => {
            if (id) this.#lastEventId = id;
            if (!signal.aborted) this.dispatchEvent(new MessageEvent(name, { data, lastEventId: this.#lastEventId, origin: url.origin }));
          },
        },
      );
      if (signal.aborted) return;
      // A browser ends it for good on any status.
      this.readyState = ending.status ? this.CLOSED : this.CONNECTING;
      this.dispatchEvent(new Event('error'));
      if (!ending.status) setTimeout(() => void this.#connect(), this.#retry);
    }
  }
  return FakeEventSource as unknown as typeof EventSource;
}
