import type { Stream } from '@weir/client';
import { useEvents, useLatest } from '@weir/client/react';
import { useState } from 'react';
import { Indicator } from '../controls/Indicator';
import type { Notification } from '../gen/apps/notifications/v1/notifications_weir';
import { timeOf } from '../time';
import type { Events } from './stream';

const notificationsMax = 30;
const prepend = (all: Notification[], { data }: { data: Notification }) => [data, ...all].slice(0, notificationsMax);

/** A bell, and what it rang for. */
export function Inbox({ user, stream }: { user: string; stream: Stream<Events> }) {
  const all = useEvents(stream, ['notification'], prepend, [], { gap: () => [] });
  const connected = useLatest(stream, 'connected');
  const [read, setRead] = useState(new Set<string | undefined>());
  const unread = all.filter(({ id }) => !read.has(id)).length;

  return (
    <section className="inbox" aria-label={`Notifications of ${user}`}>
      <header>
        <h3>{connected?.data.user_id ?? user}</h3>
        <Indicator stream={stream} of={user} />
        <button type="button" className="bell" onClick={() => setRead(new Set(all.map(({ id }) => id)))}>
          <Bell />
          <span className="unseen">{`Mark the notifications of ${user} read; unread: `}</span>
          <b>{unread}</b>
        </button>
      </header>
      <ul>
        {all.map(({ id, type, title, message, created_at }) => (
          <li key={id} data-id={id} data-type={type} data-read={read.has(id)}>
            <b>{title}</b> <time>{timeOf(created_at)}</time>
            <p>{message}</p>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Bell() {
  return (
    <svg viewBox="0 0 24 24" width={20} height={20} aria-hidden="true">
      <path d="M12 3a6 6 0 0 0-6 6v4l-2 4h16l-2-4V9a6 6 0 0 0-6-6Zm-2.5 15.5a2.5 2.5 0 0 0 5 0Z" fill="currentcolor" />
    </svg>
  );
}
