import type { StreamEvent } from '@weir/client';
import type { GenerationUpdate } from '../gen/apps/imagegen/v1/imagegen_weir';
import type { Events } from './stream';

/** The newest update of each request, in the order in which they began. */
export type Requests = ReadonlyMap<string, GenerationUpdate>;

export const empty: Requests = new Map();

const requestsMax = 12;

export function update(requests: Requests, { data }: StreamEvent<Events>): Requests {
  const id = data.request_id ?? '';
  // One whose beginning was not seen has no place in the order.
  if (!requests.has(id) && data.payload?.progress !== 0) return requests;
  return new Map([...new Map(requests).set(id, data)].slice(-requestsMax));
}
