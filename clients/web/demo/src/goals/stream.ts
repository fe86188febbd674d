import { createStream, type Enveloped } from '@weir/client';
import { share } from '@weir/client/share';
import { ws } from '@weir/client/ws';
import { tokenOf } from '../backend';
import { Line } from '../controls/line';
import type { GoalsEvents } from '../gen/apps/goals/v1/goals_weir';

export type Events = Enveloped<GoalsEvents, { timestamp: string; eventId: string; tenantId: string }>;

/** The goals of one tenant, over WebSocket: which one, its token says, in the first message. */
function goalsOf(tenant: string) {
  const line = new Line();
  const stream = createStream<Events>('/realtime', {
    auth: tokenOf('coach', tenant),
    start: 'earliest',
    transport: line.through(share(ws())),
  });
  return { name: tenant, stream, line };
}

export const tenants = [goalsOf('tenant-1'), goalsOf('tenant-2')];
