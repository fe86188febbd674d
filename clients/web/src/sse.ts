import { createParser } from 'eventsource-parser';
import { ask, failure, refusal, target, type FetchOptions, type Transport } from './transport.js';

export type SseOptions = FetchOptions;

// An event is 1 MiB at most by the server's default, and JSON may take a few times as much.
const blockCharactersMax = 16 * 1024 * 1024;

/** Server-Sent Events over `fetch`: reads statuses, and sends the token and the cursor as headers. */
export function sse(options: SseOptions = {}): Transport {
  return {
    name: 'sse',
    async run(attempt, sink) {
      try {
        const headers: Record<string, string> = { Accept: 'text/event-stream; weir=1' };
        if (attempt.cursor) headers['Last-Event-ID'] = attempt.cursor;
        const response = await ask(target(attempt), attempt, headers, options);
        if (response.status !== 200 || !response.body) return refusal(response);
        const type = response.headers.get('Content-Type') ?? 'none';
        if (!type.startsWith('text/event-stream')) return { message: `an answer of type ${type} is no event stream` };
        const parser = createParser({
          maxBufferSize: blockCharactersMax,
          onRetry: (ms) => sink.retry(ms),
          onEvent({ event, data, id }) {
            sink.opened(); // not before: a proxy that keeps blocks back lets the head through
            sink.block(event || 'message', data, id ?? '');
          },
        });
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        for (;;) {
          const { done, value } = await reader.read();
          if (done) return { message: 'the edge ended the stream' };
          sink.alive();
          parser.feed(value);
        }
      } catch (error) {
        return failure(error);
      }
    },
  };
}
