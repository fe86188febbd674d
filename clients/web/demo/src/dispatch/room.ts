import type { StreamEvent } from '@weir/client';
import type { BilstatusUpdate, EventCreated, FlashMessage } from '../gen/apps/dispatch/v1/dispatch_weir';
import type { Events } from './stream';

/** What the dispatchers have before them. */
export interface Room {
  readonly flash: (FlashMessage & { at: string }) | undefined;
  readonly units: ReadonlyMap<string, BilstatusUpdate>;
  readonly incidents: readonly EventCreated[]; // the newest first
}

export const empty: Room = { flash: undefined, units: new Map(), incidents: [] };

const incidentsMax = 4;

export function update(room: Room, { data: { type, data, timestamp } }: StreamEvent<Events>): Room {
  switch (type) {
    case 'flash_message':
      return { ...room, flash: { ...data, at: timestamp } };
    case 'bilstatus_update':
      return { ...room, units: new Map(room.units).set(data.callSign ?? '', data) };
    case 'event_created':
      return { ...room, incidents: [data, ...room.incidents].slice(0, incidentsMax) };
  }
}
