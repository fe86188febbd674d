// What a stream does, in words.
import type { Gap, State, Status, Stream } from '@weir/client';
import type { Line } from './line';

/** A stream with its breakable line. */
export interface Reader {
  name: string;
  stream: Stream<object>;
  line: Line;
}

export type Kind = State | 'gap' | 'token' | 'caught up';

const reasons: Record<string, string> = {
  expired: 'they are older than what the log keeps',
  other_epoch: 'the log is another one by now',
  beyond_head: 'the log was restored from an older copy',
  malformed: 'that is no place of a log',
  unrenderable: 'their type is no longer known',
};

export function wordsOfGap({ reason, requested, resumedAt }: Gap): string {
  return `Events after ${requested ?? 'there'} cannot be had: ${reasons[reason] ?? reason}. Reading goes on after ${resumedAt}.`;
}

function wordsOf({ state, attempts, error, lastEventId }: Status): string {
  if (state === 'connected') return lastEventId ? `after ${lastEventId}` : '';
  return [attempts > 0 && `attempt ${attempts}`, error?.message].filter(Boolean).join(', ');
}

/** Tells of every transition, until the returned function is called. Opens the stream. */
export function watch({ stream, line }: Reader, tell: (kind: Kind, text: string) => void): () => void {
  let before = stream.status;
  let counting: ReturnType<typeof setTimeout> | undefined;

  // After a break: how much came at once.
  const countUp = () => {
    const blocks = line.blocks;
    clearTimeout(counting);
    counting = setTimeout(() => tell('caught up', `${line.blocks - blocks} blocks in the first second`), 1000);
  };
  const endStatus = stream.onStatus((status) => {
    if (status.state !== before.state || status.attempts > before.attempts) {
      tell(status.state, wordsOf(status));
      if (status.state === 'connected' && before.state !== 'connecting') countUp();
    }
    before = status;
  });
  const endToken = line.onToken((renewed) => tell('token', renewed ? 'renewed' : 'given'));
  const endGap = stream.onGap((gap) => tell('gap', wordsOfGap(gap)));
  return () => {
    clearTimeout(counting);
    endStatus();
    endToken();
    endGap();
  };
}
