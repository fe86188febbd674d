// How a stream reaches the edge. A transport makes one attempt at a time and knows nothing of reconnecting: that, the
// cursor and the token belong to the stream (stream.ts).

/** Events that the log no longer has, or that were never there: fetch the state anew. */
export interface Gap {
  /** `expired`, `other_epoch`, `beyond_head`, `malformed`, `unrenderable`; further ones may come. */
  readonly reason: string;
  /** The cursor that could not be continued; null when it was none. */
  readonly requested: string | null;
  /** Where reading goes on. */
  readonly resumedAt: string;
}

/** What a transport is asked to do. */
export interface Attempt {
  /** The route, with the application's own query. */
  readonly url: URL;
  /** Reading goes on after it; empty: where `start` says. */
  readonly cursor: string;
  /** Where reading begins without a cursor, as the edge's parameter `start`. */
  readonly start: string | undefined;
  readonly token: string | undefined;
  /** Milliseconds of silence after which the connection counts as dead; 0: never. For transports that are `blind`. */
  readonly silenceMax: number;
  /** Ends the attempt; what comes afterwards is dropped. */
  readonly signal: AbortSignal;
}

/** Takes over a new token, without a new attempt. */
export type Renew = (token: string) => void;

/** What a transport tells while its attempt lasts. */
export interface Sink {
  /**
   * The edge's first words came through, so that events will, too. Without `renew`, a new token needs a new attempt. May
   * be called again; the last `renew` counts.
   */
  opened(renew?: Renew): void;
  /** Bytes came, whatever they mean. */
  alive(): void;
  /** A block: its name, its data as it came, and the cursor after it (empty: the block has none). */
  block(name: string, data: string, cursor: string): void;
  /** The edge says how many milliseconds to wait before the next attempt. */
  retry(ms: number): void;
}

/** How an attempt ended. */
export interface Ending {
  /** The HTTP status, when it was not a good one. */
  readonly status?: number;
  /** What the edge asks to wait, in milliseconds. */
  readonly retryAfter?: number;
  /** What happened, for people. */
  readonly message: string;
}

export interface Transport {
  readonly name: string;
  /** True: asks again and again, so that a stream is better. */
  readonly polls?: boolean;
  /** True: the stream cannot tell its silence from idleness, and does not end it for that. */
  readonly blind?: boolean;
  /** Resolves when the attempt has ended; never rejects. */
  run(attempt: Attempt, sink: Sink): Promise<Ending>;
}

/** The route's URL with what every transport puts into its query. */
export function target(attempt: Attempt, cursorParameter?: string): URL {
  const url = new URL(attempt.url);
  if (attempt.cursor) {
    if (cursorParameter) url.searchParams.set(cursorParameter, attempt.cursor);
  } else if (attempt.start) {
    url.searchParams.set('start', attempt.start);
  }
  return url;
}

export interface FetchOptions {
  /** Default: the global `fetch`. */
  fetch?: typeof fetch;
  /** Whether cookies go along. Default `same-origin`. */
  credentials?: RequestCredentials;
}

/** Asks the edge, with the attempt's token. */
export function ask(
  url: URL,
  { token, signal }: Attempt,
  headers: Record<string, string>,
  options: FetchOptions,
  method = 'GET',
): Promise<Response> {
  if (token) headers['Authorization'] = `Bearer ${token}`;
  const credentials = options.credentials ?? 'same-origin';
  return (options.fetch ?? fetch)(url, { method, headers, signal, cache: 'no-store', credentials });
}

/** An answer that is not the wanted one. */
export function refusal(response: Response): Ending {
  const after = response.headers.get('Retry-After') ?? '';
  const ms = /^\d+$/.test(after) ? Number(after) * 1000 : Date.parse(after) - Date.now();
  return {
    status: response.status,
    message: `the edge answered ${response.status}`,
    ...(ms >= 0 && { retryAfter: ms }),
  };
}

export const failure = (error: unknown): Ending => ({ message: error instanceof Error ? error.message : String(error) });
