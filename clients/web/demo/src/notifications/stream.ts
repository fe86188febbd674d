import { createStream, sse } from '@weir/client';
import { poll } from '@weir/client/poll';
import { share } from '@weir/client/share';
import { tokenOf } from '../backend';
import { Line } from '../controls/line';
import type { NotificationsEvents } from '../gen/apps/notifications/v1/notifications_weir';

/** The route's own events beside the notifications. */
export interface Events extends NotificationsEvents {
  connected: { user_id: string; timestamp: string };
  heartbeat: { timestamp: string; connections: number };
}

/** What one user is told; the token says who that is. After ten failures it only polls. */
function notificationsOf(user: string) {
  const line = new Line();
  const stream = createStream<Events>('/api/notifications/stream', {
    auth: tokenOf(user),
    start: 'earliest',
    transport: line.through(share(sse())),
    fallback: poll(),
    maxAttempts: 10,
  });
  return { name: user, stream, line };
}

export const users = [notificationsOf('alice'), notificationsOf('bob')];
