import { createStream, sse, type Enveloped, type NamedAlike } from '@weir/client';
import { poll } from '@weir/client/poll';
import { share } from '@weir/client/share';
import { Line } from '../controls/line';
import type { DispatchEvents } from '../gen/apps/dispatch/v1/dispatch_weir';

export type Events = NamedAlike<Enveloped<DispatchEvents, { timestamp: string }>>;

export const line = new Line();

/** One connection for all tabs; without a stream it asks every 5 s, and tries the stream again every 15 s. */
export const dispatch = createStream<Events>('/api/sse', {
  start: 'earliest',
  transport: line.through(share(sse())),
  fallback: poll(),
  retryStreamAfter: 15_000,
  backoff: { base: 500, max: 5000 },
});
