/**
 * - `connecting`: the first attempt, or the first after `disconnected`
 * - `connected`: the stream is open
 * - `reconnecting`: it was cut; another attempt is under way or waited for
 * - `polling`: the stream failed again and again; the fallback asks every few seconds, and the stream is tried again
 * - `disconnected`: nobody listens, the page is offline or frozen, or it was ended for good (then `error` says why)
 */
export type State = 'connecting' | 'connected' | 'reconnecting' | 'polling' | 'disconnected';

/** What is known of a stream; immutable: each change makes a new one. */
export interface Status {
  readonly state: State;
  /** Since when, in milliseconds since 1970. */
  readonly since: number;
  /** The cursor: reading goes on after it. Empty before the first block. */
  readonly lastEventId: string;
  /** When the last event came that somebody listens to, in milliseconds since 1970. */
  readonly lastEventTime: number | undefined;
  /** Failures in a row. */
  readonly attempts: number;
  /** Why the last attempt ended; undefined while connected. */
  readonly error: StreamError | undefined;
}

export class StreamError extends Error {
  override readonly name = 'StreamError';
  constructor(
    message: string,
    /** The HTTP status, if there was one. */
    readonly status?: number,
    /** True: there will be no further attempt. */
    readonly fatal = false,
  ) {
    super(message);
  }
}
