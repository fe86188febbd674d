import { ask, failure, refusal, target, type Ending, type FetchOptions, type Gap, type Transport } from './transport.js';

export interface PollOptions extends FetchOptions {
  /** Milliseconds between two polls. Default 5000. */
  interval?: number;
  /** Events in one answer, 1 to 1000. Default 100. */
  limit?: number;
  /** The name that gaps are given to the stream under; as its own option. Default `weir.gap`. */
  gapEvent?: string;
}

interface Page {
  events: { id: string; event: string; data: unknown }[];
  cursor: string;
  more: boolean;
  gap: Gap | null;
}

/** Asks for what is new every few seconds: for networks that let no stream through. */
export function poll(options: PollOptions = {}): Transport {
  const { interval = 5000, limit = 100, gapEvent = 'weir.gap' } = options;
  return {
    name: 'poll',
    polls: true,
    async run(attempt, sink) {
      const { signal } = attempt;
      let cursor = attempt.cursor;
      try {
        for (;;) {
          const url = target({ ...attempt, cursor }, 'last_event_id');
          url.searchParams.set('limit', String(limit));
          const response = await ask(url, attempt, { Accept: 'application/json' }, options);
          if (response.status !== 200) return refusal(response);
          const page = (await response.json()) as Page;
          sink.opened();
          sink.alive();
          if (page.gap) sink.block(gapEvent, JSON.stringify(page.gap), page.gap.resumedAt);
          for (const { event, data, id } of page.events) {
            if (signal.aborted) break;
            sink.block(event, JSON.stringify(data), id);
          }
          // How far the log was read, also where nothing matched.
          if (!signal.aborted) sink.block('', '', page.cursor);
          cursor = page.cursor;
          if (!page.more) await pause(interval, signal);
          if (signal.aborted) return ended;
        }
      } catch (error) {
        return failure(error);
      }
    },
  };
}

const ended: Ending = { message: 'polling was ended' };

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
