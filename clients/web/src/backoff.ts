export interface Backoff {
  /** Milliseconds of the first ceiling; it doubles with each failure. Default: what the route's `retry:` says, else 1000. */
  base?: number | undefined;
  /** The highest ceiling in milliseconds. Default 30000. */
  max?: number;
}

/**
 * How long to wait after the n-th failure in a row (from 1): anything up to the ceiling ("full jitter"), so that clients
 * that were cut together do not come back together.
 */
export function delayAfter(failures: number, { base = 1000, max = 30_000 }: Backoff, random: () => number): number {
  return random() * Math.min(max, base * 2 ** Math.min(failures - 1, 30));
}
