// WebSocket on a route that has `websocket: true`: the token travels in a message instead of a URL, is renewed while the
// stream goes on, and what is subscribed to may change on the way.
import { StreamError } from './status.js';
import { ask, failure, refusal, type Attempt, type Ending, type FetchOptions, type Sink, type Transport } from './transport.js';

export interface WsOptions extends FetchOptions {
  /** Which of the route's filters are wanted, each one of them or narrower. Default: all, and then they cannot be changed. */
  filters?: readonly string[];
  /** Milliseconds between two pings, whatever else is sent; 0: none. Default 480000, eight minutes. */
  pingInterval?: number;
}

export interface Ws extends Transport {
  /** Adds filters. Resolves when they are in force; rejects when the edge does not allow it, and the stream goes on as it was. */
  subscribe(...filters: string[]): Promise<void>;
  unsubscribe(...filters: string[]): Promise<void>;
}

interface Message {
  type?: string;
  event?: string;
  id?: string;
  data?: unknown;
  retry?: number;
  reason?: string;
  detail?: string;
}

interface Change {
  undo(): void;
  done(): void;
  fail(error: StreamError): void;
}

// Errors that answer no message: the connection ends, and the next one begins with what is wanted.
const ofNoMessage = ['TOO_MANY_MESSAGES', 'DEADLINE_EXCEEDED'];

export function ws(options: WsOptions = {}): Ws {
  const wanted = new Set(options.filters);
  const changes: Change[] = []; // those that the edge has not answered
  let say: ((message: object) => void) | undefined; // while the edge listens

  const change = (type: 'subscribe' | 'unsubscribe', filters: string[]) => {
    if (!options.filters) throw new TypeError(`${type}: ws() was given no filters, and has all`);
    const adds = type === 'subscribe';
    const concerned = filters.filter((filter) => wanted.has(filter) !== adds);
    const set = (add: boolean) => concerned.forEach((filter) => wanted[add ? 'add' : 'delete'](filter));
    set(adds);
    say?.({ type, filters });
    return new Promise<void>((done, fail) => changes.push({ undo: () => set(!adds), done, fail }));
  };

  const run = (attempt: Attempt, sink: Sink) =>
    new Promise<Ending>((resolve) => {
      const { signal, token, cursor, start, silenceMax } = attempt;
      const url = new URL(attempt.url);
      url.protocol = url.protocol.replace('http', 'ws');
      let socket: WebSocket;
      try {
        socket = new WebSocket(url);
      } catch (error) {
        return resolve(failure(error));
      }
      let reached = false;
      let authorized = false;
      let detail: string | undefined;
      let quiet = 0; // thirds of silenceMax
      const send = (message: object) => socket.readyState === 1 && socket.send(JSON.stringify(message));
      const ping = () => send({ type: 'ping' });
      const listen = () => {
        if (++quiet > 2 || !authorized) end({ message: 'nothing came for too long' });
        else if (quiet > 1) ping();
      };
      const { pingInterval = 480_000 } = options;
      const timers = [pingInterval && setInterval(ping, pingInterval), silenceMax && setInterval(listen, silenceMax / 3)];
      const aborted = () => end({ message: 'aborted' });
      const end = (ending: Ending | Promise<Ending>) => {
        timers.forEach((timer) => timer && clearInterval(timer));
        signal.removeEventListener('abort', aborted);
        socket.onopen = socket.onmessage = socket.onclose = null;
        say = undefined;
        socket.close();
        resolve(ending);
      };

      socket.onopen = () => {
        reached = true;
        send({ type: 'auth', token, ...(cursor ? { cursor } : { start }), ...(options.filters && { filters: [...wanted] }) });
      };
      socket.onmessage = ({ data: text }: MessageEvent<string>) => {
        quiet = 0;
        sink.alive();
        let message: Message;
        try {
          message = JSON.parse(text) as Message;
        } catch {
          return sink.block('message', text, ''); // is reported there
        }
        const { type, event, id = '', data, retry, reason = '' } = message;
        if (event) {
          if (retry !== undefined) sink.retry(retry);
          sink.block(event, JSON.stringify(data), id);
        } else if (type === 'auth.success' && !authorized) {
          authorized = true;
          say = send;
          for (const { done } of changes.splice(0)) done(); // they were among the filters
          sink.opened((renewed) => send({ type: 'auth', token: renewed }));
        } else if (type === 'subscribed') {
          changes.shift()?.done();
        } else if (type === 'error' || type === 'auth.error') {
          detail = `${reason}: ${message.detail}`;
          if (type === 'auth.error' || ofNoMessage.includes(reason)) return;
          const refused = changes.shift(); // messages are answered in order
          refused?.undo();
          refused?.fail(new StreamError(detail));
        }
      };
      // 44xx stands for the status 4xx. Of a refused handshake a browser tells nothing: the route is asked once more.
      socket.onclose = ({ code }) => {
        const status = code >= 4400 && code < 4500 ? code - 4000 : undefined;
        const message = detail ?? `the edge closed the connection (${code})`;
        end(reached ? { message, ...(status && { status }) } : why(attempt));
      };
      signal.addEventListener('abort', aborted);
      if (signal.aborted) aborted();
    });

  const why = async (attempt: Attempt): Promise<Ending> => {
    try {
      const response = await ask(attempt.url, attempt, { Accept: 'text/event-stream; weir=1' }, options, 'HEAD');
      return response.status === 200 ? { message: 'no WebSocket came through, but the route is there' } : refusal(response);
    } catch (error) {
      return failure(error);
    }
  };

  return {
    name: `ws ${[...wanted]}`.trim(),
    blind: true,
    run,
    subscribe: (...filters) => change('subscribe', filters),
    unsubscribe: (...filters) => change('unsubscribe', filters),
  };
}
