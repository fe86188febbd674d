// React's view of a stream. The stream itself is made once, outside of components or in a memo; these hooks listen while
// they are mounted, and the stream is open while anybody listens.
import { useCallback, useEffect, useReducer, useRef, useState, useSyncExternalStore } from 'react';
import type { Stream, StreamEvent } from './stream.js';
import type { Status } from './status.js';
import type { Gap } from './transport.js';

/** Calls `listener` for each event of that name. The newest `listener` is called; it need not be memoised. */
export function useEvent<M extends object, N extends keyof M & string>(
  stream: Stream<M>,
  name: N,
  listener: (event: StreamEvent<M, N>) => void,
): void {
  const newest = useNewest(listener);
  useEffect(() => stream.on(name, (event) => newest.current(event)), [stream, name, newest]);
}

/** Calls `listener` when events are missing. */
export function useGap<M extends object>(stream: Stream<M>, listener: (gap: Gap) => void): void {
  const newest = useNewest(listener);
  useEffect(() => stream.onGap((gap) => newest.current(gap)), [stream, newest]);
}

/** The newest event of that name since mounting; undefined before the first. */
export function useLatest<M extends object, N extends keyof M & string>(stream: Stream<M>, name: N): StreamEvent<M, N> | undefined {
  const [latest, set] = useState<StreamEvent<M, N>>();
  useEffect(() => stream.on(name, set), [stream, name]);
  return latest;
}

export interface EventsOptions<S> {
  /** What a gap makes of the state, as `() => initial`: what is known of it may be wrong by then. Default: nothing. */
  gap?: (state: S, gap: Gap) => S;
}

/** Reduces the events of these names to a state. `names` may be written in place. */
export function useEvents<M extends object, N extends keyof M & string, S>(
  stream: Stream<M>,
  names: readonly N[],
  reducer: (state: S, event: StreamEvent<M, N>) => S,
  initial: S,
  options: EventsOptions<S> = {},
): S {
  const newest = useNewest({ reducer, gap: options.gap });
  const [state, change] = useReducer((before: S, by: (state: S) => S) => by(before), initial);
  const key = JSON.stringify(names);
  useEffect(() => {
    const leave = (JSON.parse(key) as N[]).map((name) =>
      stream.on(name, (event) => change((before) => newest.current.reducer(before, event as StreamEvent<M, N>))),
    );
    leave.push(stream.onGap((gap) => change((before) => (newest.current.gap ? newest.current.gap(before, gap) : before))));
    return () => leave.forEach((end) => end());
  }, [stream, key, newest]);
  return state;
}

/**
 * The stream's status, for an indicator. Opens nothing by itself. It changes with every event; with `select`, as
 * `({ state }) => state`, the component is rendered only when what that returns is another value.
 */
export function useConnection<M extends object>(stream: Stream<M>): Status;
export function useConnection<M extends object, T>(stream: Stream<M>, select: (status: Status) => T): T;
export function useConnection<M extends object, T>(stream: Stream<M>, select?: (status: Status) => T): Status | T {
  const now = () => (select ? select(stream.status) : stream.status);
  return useSyncExternalStore(
    useCallback((changed: () => void) => stream.onStatus(changed), [stream]),
    now,
    now,
  );
}

function useNewest<T>(value: T): { readonly current: T } {
  const ref = useRef(value);
  useEffect(() => {
    ref.current = value;
  });
  return ref;
}
