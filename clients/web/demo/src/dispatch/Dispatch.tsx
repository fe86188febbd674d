import { useEvents } from '@weir/client/react';
import { Part } from '../controls/Part';
import { timeOf } from '../time';
import { ConnectionState } from './ConnectionState';
import { empty, update } from './room';
import { dispatch, line } from './stream';
import { TestBroadcast } from './TestBroadcast';
import './dispatch.css';

const readers = [{ name: 'dispatch', stream: dispatch, line }];
const about = 'Broadcasts to an emergency centre, one connection for all tabs. Where no stream comes through, it polls.';

export function Dispatch() {
  const { flash, units, incidents } = useEvents(dispatch, ['message'], update, empty, { gap: () => empty });
  return (
    <Part id="dispatch" title="Dispatch" about={about} readers={readers}>
      <div className="flash" role="status" data-severity={flash?.severity}>
        {flash ? (
          <>
            <b>{flash.text}</b> <small>{`${flash.sender}, ${timeOf(flash.at)}`}</small>
          </>
        ) : (
          'No message yet'
        )}
      </div>
      <ConnectionState />
      <div className="columns">
        <ul className="units" aria-label="Units">
          {[...units.values()].map(({ callSign, status, position }) => (
            <li key={callSign} data-status={status}>
              <b>{callSign}</b> {status?.replace('_', ' ')} <small>{position}</small>
            </li>
          ))}
        </ul>
        <ol className="incidents" aria-label="Incidents">
          {incidents.map(({ eventId, title, priority, startedAt }) => (
            <li key={eventId} data-priority={priority}>
              <b>{title}</b> <small>{timeOf(startedAt)}</small>
            </li>
          ))}
        </ol>
      </div>
      <TestBroadcast />
    </Part>
  );
}
