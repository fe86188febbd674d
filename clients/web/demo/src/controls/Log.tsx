import { useEffect, useReducer } from 'react';
import { timeOf } from '../time';
import { watch, type Kind, type Reader } from './transitions';

const entriesMax = 40;

interface Entry {
  key: number;
  at: number;
  who: string;
  kind: Kind;
  text: string;
}

const append = (entries: Entry[], entry: Omit<Entry, 'key'>): Entry[] =>
  [{ ...entry, key: (entries[0]?.key ?? 0) + 1 }, ...entries].slice(0, entriesMax);

/** What the clients did, the newest first. */
export function Log({ readers, label }: { readers: readonly Reader[]; label: string }) {
  const [entries, add] = useReducer(append, []);
  useEffect(() => {
    const ends = readers.map((reader) => watch(reader, (kind, text) => add({ at: Date.now(), who: reader.name, kind, text })));
    return () => ends.forEach((end) => end());
  }, [readers]);

  return (
    <ol className="log" aria-label={label} tabIndex={0}>
      {entries.map(({ key, at, who, kind, text }) => (
        <li key={key} data-kind={kind}>
          <time>{timeOf(at)}</time> {readers.length > 1 && <span className="who">{who}</span>} <b>{kind}</b> {text}
        </li>
      ))}
    </ol>
  );
}
