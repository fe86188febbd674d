import { createStream, sse } from '@weir/client';
import { share } from '@weir/client/share';
import { tokenOf } from '../backend';
import { Line } from '../controls/line';
import type { VehiclesEvents } from '../gen/apps/vehicles/v1/vehicles_weir';

export const line = new Line();

export const vehicles = createStream<VehiclesEvents>('/api/vehicles/updates', {
  auth: tokenOf('demo'),
  start: 'earliest',
  transport: line.through(share(sse())),
});
