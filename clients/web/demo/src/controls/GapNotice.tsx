import type { Gap } from '@weir/client';
import { useEffect, useState } from 'react';
import { wordsOfGap, type Reader } from './transitions';

/** Says that events are missing, until somebody has read it. */
export function GapNotice({ readers }: { readers: readonly Reader[] }) {
  const [gap, setGap] = useState<Gap>();
  useEffect(() => {
    const ends = readers.map(({ stream }) => stream.onGap(setGap));
    return () => ends.forEach((end) => end());
  }, [readers]);

  return (
    <div className="gap" role="status">
      {gap && (
        <>
          <p>{wordsOfGap(gap)}</p>
          <button type="button" onClick={() => setGap(undefined)}>
            Understood
          </button>
        </>
      )}
    </div>
  );
}
