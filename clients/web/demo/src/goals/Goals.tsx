import type { Stream } from '@weir/client';
import { useEvents } from '@weir/client/react';
import { Indicator } from '../controls/Indicator';
import { Part } from '../controls/Part';
import { empty, names, update } from './board';
import { tenants, type Events } from './stream';
import { Toasts } from './Toasts';
import './goals.css';

export function Goals() {
  return (
    <Part
      id="goals"
      title="Goals"
      about="Two tenants of a coaching product, over WebSocket: each sees its own, whatever the page asks for."
      readers={tenants}
    >
      <div className="columns">
        {tenants.map(({ name, stream }) => (
          <Tenant key={name} name={name} stream={stream} />
        ))}
      </div>
    </Part>
  );
}

function Tenant({ name, stream }: { name: string; stream: Stream<Events> }) {
  const board = useEvents(stream, names, update, empty, { gap: () => empty });
  return (
    <section className="tenant" aria-label={`Goals of ${name}`}>
      <header>
        <h3>{name}</h3>
        <Indicator stream={stream} of={name} />
      </header>
      <ul className="goals">
        {board.map(({ id, title, state, actions, issues }) => (
          <li key={id} data-id={id} data-state={state}>
            <b>{title}</b>
            <span className="state">{state}</span>
            <small>
              {actions} {actions === 1 ? 'step' : 'steps'}, {issues} in the way
            </small>
          </li>
        ))}
      </ul>
      <Toasts stream={stream} />
    </section>
  );
}
