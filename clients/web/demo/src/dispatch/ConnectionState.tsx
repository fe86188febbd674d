import type { StreamError } from '@weir/client';
import { useConnection } from '@weir/client/react';
import { useEffect, useState } from 'react';
import { Indicator } from '../controls/Indicator';
import { timeOf } from '../time';
import { dispatch } from './stream';

/** The state, the last event's time and the last error: a centre that works day and night wants to know. */
export function ConnectionState() {
  const lastEventTime = useConnection(dispatch, (status) => status.lastEventTime);
  const [lastError, setLastError] = useState<StreamError>();
  useEffect(() => dispatch.onStatus(({ error }) => error && setLastError(error)), []);

  return (
    <div className="summary">
      <Indicator stream={dispatch} of="Dispatch" />
      <dl>
        <dt>Last event</dt>
        <dd>{timeOf(lastEventTime)}</dd>
        <dt>Last error</dt>
        <dd>{lastError?.message ?? 'none'}</dd>
      </dl>
    </div>
  );
}
