import { ask, failure, refusal, target, type Attempt, type Ending, type Sink, type Transport } from './transport.js';

export interface NativeOptions<M extends object> {
  /** The names of the events that are wanted: `EventSource` delivers none that nobody named. */
  events: readonly (keyof M & string)[];
  /** The route's name for gaps. Default `weir.gap`. */
  gapEvent?: string;
  /** Whether cookies go along to another origin. Default false. */
  withCredentials?: boolean;
  /**
   * Whether a ticket stands in the URL in place of the token: each attempt asks for one by `POST ROUTE/ticket`, with the
   * token in a header. It needs `auth.ticket_keys` at the edge; an edge without ends the stream for good, and sees no token
   * in a URL. Default false.
   */
  tickets?: boolean;
  /** Asks for tickets. Default: the global `fetch`. */
  fetch?: typeof fetch;
}

const controls = ['weir.connected', 'weir.draining', 'weir.overloaded', 'weir.auth_expired'];

/**
 * The browser's own `EventSource`, for where `fetch` cannot stream. It sees no statuses of the stream: a token that is
 * refused looks like any other failure, unless `tickets` are asked for. Without them the token travels in the query, and so
 * ends up in logs: keep it short-lived.
 */
export function native<M extends object>(options: NativeOptions<M>): Transport {
  const { events, gapEvent = 'weir.gap', withCredentials = false, tickets = false } = options;
  const names = new Set(['message', gapEvent, ...controls, ...events]);
  return {
    name: 'native',
    blind: true,
    async run(attempt, sink) {
      try {
        const url = target(attempt, 'last_event_id');
        if (attempt.token && tickets) {
          const response = await askForTicket(attempt, options);
          if (response.status !== 200) return refusal(response);
          const { ticket } = (await response.json()) as { ticket: string };
          url.searchParams.set('ticket', ticket);
        } else if (attempt.token) {
          url.searchParams.set('token', attempt.token);
        }
        return await read(new EventSource(url, { withCredentials }), names, attempt, sink);
      } catch (error) {
        return failure(error);
      }
    },
  };
}

function askForTicket(attempt: Attempt, { fetch, withCredentials }: { fetch?: typeof globalThis.fetch; withCredentials?: boolean }) {
  const url = new URL(attempt.url);
  url.pathname += '/ticket';
  url.search = '';
  const credentials = withCredentials ? 'include' : 'same-origin';
  return ask(url, attempt, {}, { ...(fetch && { fetch }), credentials }, 'POST');
}

function read(source: EventSource, names: Iterable<string>, { cursor, signal }: Attempt, sink: Sink): Promise<Ending> {
  return new Promise((resolve) => {
    const end = (message: string) => {
      source.close();
      signal.removeEventListener('abort', aborted);
      resolve({ message });
    };
    const aborted = () => end('aborted');
    signal.addEventListener('abort', aborted);
    let last = cursor;
    const take = ({ type, data, lastEventId }: MessageEvent<string>) => {
      // EventSource repeats the last id for a block that has none.
      const id = lastEventId === last ? '' : lastEventId;
      last = lastEventId;
      sink.block(type, data, id);
    };
    for (const name of names) source.addEventListener(name, take as EventListener);
    source.onopen = () => sink.opened();
    // It would reconnect by itself, without jitter and with the old token: the stream does it instead.
    source.onerror = () => end('the stream was cut or refused');
    if (signal.aborted) aborted();
  });
}
