import type { Stream, StreamEvent } from '@weir/client';
import { useEvents } from '@weir/client/react';
import { names } from './board';
import type { Events } from './stream';

const toastsMax = 2;
const freshFor = 10_000; // milliseconds; what is replayed is no news

const words: Record<keyof Events, string> = {
  'goal.created': 'A new goal',
  'goal.activated': 'Work began',
  'goal.completed': 'A goal was reached',
  'action.created': 'A step was planned',
  'issue.created': 'Something is in the way',
};

function append(toasts: StreamEvent<Events>[], event: StreamEvent<Events>) {
  if (Date.now() - Date.parse(event.data.timestamp) > freshFor) return toasts;
  return [...toasts, event].slice(-toastsMax);
}

/** The newest events; each fades by itself (goals.css). */
export function Toasts({ stream }: { stream: Stream<Events> }) {
  const toasts = useEvents(stream, names, append, []);
  return (
    <div className="toasts" role="status">
      {toasts.map(({ id, name, data: { data } }) => (
        <p key={id}>
          <b>{words[name]}</b> {'title' in data && data.title}
        </p>
      ))}
    </div>
  );
}
