import { failure, target, type Transport } from './transport.js';

export interface NativeOptions<M extends object> {
  /** The names of the events that are wanted: `EventSource` delivers none that nobody named. */
  events: readonly (keyof M & string)[];
  /** The route's name for gaps. Default `weir.gap`. */
  gapEvent?: string;
  /** Whether cookies go along to another origin. Default false. */
  withCredentials?: boolean;
}

const controls = ['weir.connected', 'weir.draining', 'weir.overloaded', 'weir.auth_expired'];

/**
 * The browser's own `EventSource`, for where `fetch` cannot stream. It sees no statuses: a token that is refused looks
 * like any other failure. The token travels in the query, and so ends up in logs: keep it short-lived.
 */
export function native<M extends object>({ events, gapEvent = 'weir.gap', withCredentials = false }: NativeOptions<M>): Transport {
  return {
    name: 'native',
    blind: true,
    run: (attempt, sink) =>
      new Promise((resolve) => {
        const url = target(attempt, 'last_event_id');
        if (attempt.token) url.searchParams.set('token', attempt.token);
        let source: EventSource;
        try {
          source = new EventSource(url, { withCredentials });
        } catch (error) {
          return resolve(failure(error));
        }
        const end = (message: string) => {
          source.close();
          attempt.signal.removeEventListener('abort', aborted);
          resolve({ message });
        };
        const aborted = () => end('aborted');
        attempt.signal.addEventListener('abort', aborted);
        let last = attempt.cursor;
        const take = ({ type, data, lastEventId }: MessageEvent<string>) => {
          // EventSource repeats the last id for a block that has none.
          const id = lastEventId === last ? '' : lastEventId;
          last = lastEventId;
          sink.block(type, data, id);
        };
        for (const name of new Set(['message', gapEvent, ...controls, ...events])) source.addEventListener(name, take);
        source.onopen = () => sink.opened();
        // It would reconnect by itself, without jitter and with the old token: the stream does it instead.
        source.onerror = () => end('the stream was cut or refused');
        if (attempt.signal.aborted) aborted();
      }),
  };
}
