import type { State, Stream } from '@weir/client';
import { useConnection } from '@weir/client/react';

const labels: Record<State, string> = {
  connecting: 'Connecting',
  connected: 'Connected',
  reconnecting: 'Reconnecting',
  polling: 'Polling',
  disconnected: 'Disconnected',
};

/** How a stream is; `of` names it for those who do not see where it stands. */
export function Indicator<M extends object>({ stream, of }: { stream: Stream<M>; of: string }) {
  const state = useConnection(stream, (status) => status.state);
  return (
    <p className="indicator" data-state={state} role="status">
      <span className="unseen">{of}: </span>
      {labels[state]}
    </p>
  );
}
