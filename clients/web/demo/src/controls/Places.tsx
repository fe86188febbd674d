import type { Stream } from '@weir/client';
import { useConnection } from '@weir/client/react';
import type { Reader } from './transitions';

/** The last id of each stream: all that a page must know to miss nothing. */
export function Places({ readers }: { readers: readonly Reader[] }) {
  return (
    <p className="places">
      {readers.map(({ name, stream }) => (
        <span key={name}>
          {readers.length > 1 && `${name} `}last id <Place stream={stream} />
        </span>
      ))}
    </p>
  );
}

function Place({ stream }: { stream: Stream<object> }) {
  return <code>{useConnection(stream, (status) => status.lastEventId) || '–'}</code>;
}
