import { useState } from 'react';
import type { LineState } from './line';
import { Log } from './Log';
import { Places } from './Places';
import type { Reader } from './transitions';

// A place of a log that is no more.
const lostId = 'aaaaaaaa-1';

/** Breaks the lines of a part, and shows what its streams do about it. */
export function Controls({ part, readers }: { part: string; readers: readonly Reader[] }) {
  const [state, setState] = useState<LineState>('open');
  const toggle = (wanted: LineState) => {
    const next = state === wanted ? 'open' : wanted;
    setState(next);
    for (const { line } of readers) line.set(next);
  };
  const cut = () => readers.forEach(({ line }) => line.cut());
  const restart = () => readers.forEach(({ stream }) => stream.reconnect());
  const askForLost = () => {
    for (const { line, stream } of readers) {
      line.askFor(lostId);
      stream.reconnect();
    }
  };

  return (
    <div className="controls">
      <div className="buttons" role="group" aria-label={`${part}: break the connection`}>
        <button type="button" onClick={cut}>
          Cut
        </button>
        <button type="button" aria-pressed={state === 'blocked'} onClick={() => toggle('blocked')}>
          Block
        </button>
        <button type="button" aria-pressed={state === 'held'} onClick={() => toggle('held')}>
          Stop reading
        </button>
        <button type="button" onClick={restart}>
          Restart
        </button>
        <button type="button" onClick={askForLost}>
          Lost id
        </button>
      </div>
      <Places readers={readers} />
      <Log readers={readers} label={`${part}: what the client did`} />
    </div>
  );
}
