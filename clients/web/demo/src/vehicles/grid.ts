import type { StreamEvent } from '@weir/client';
import type { Vehicle, VehiclesEvents } from '../gen/apps/vehicles/v1/vehicles_weir';

export interface Row {
  readonly car: Vehicle;
  /** How often it came: another one is a change. */
  readonly times: number;
}

/** By id, the one that changed last at the end. */
export type Grid = ReadonlyMap<string, Row>;

export const empty: Grid = new Map();

export function update(grid: Grid, { data }: StreamEvent<VehiclesEvents, 'vehicle_update'>): Grid {
  const next = new Map(grid);
  for (const car of data.vehicles) {
    const id = car.id ?? '';
    next.delete(id);
    next.set(id, { car, times: (grid.get(id)?.times ?? 0) + 1 });
  }
  return next;
}
