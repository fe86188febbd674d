import { createStream, sse, type NamedAlike } from '@weir/client';
import { poll } from '@weir/client/poll';
import { share } from '@weir/client/share';
import { tokenOf } from '../backend';
import { Line } from '../controls/line';
import type { ImagegenEvents } from '../gen/apps/imagegen/v1/imagegen_weir';

export type Events = NamedAlike<ImagegenEvents>;

export const line = new Line();

/** All requests of one user over one connection. */
export const images = createStream<Events>('/api/image-gen/events', {
  auth: tokenOf('alice'),
  start: 'earliest',
  transport: line.through(share(sse())),
  fallback: poll(),
});
