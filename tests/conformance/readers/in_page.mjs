// The clients of a page. Each begins to read and returns how to end it.
import { fetchEventSource } from '/fetch-event-source/fetch';
import { follow } from './follow.mjs';
import { listen } from './like_native.mjs';

export const native = (url, names, record) => listen(EventSource, url, names, record);

export function followed(url, _, record) {
  const controller = new AbortController();
  const onEvent = ({ event, id, data }) => record('event', { type: event || 'message', id, data });
  follow(fetchEventSource, url, { signal: controller.signal, onOpen: () => record('open'), onEvent }).then(() => record('closed'));
  return () => controller.abort();
}

// As its own documents show it, without our help.
export function alone(url, _, record) {
  const controller = new AbortController();
  fetchEventSource(url, {
    signal: controller.signal,
    openWhenHidden: true,
    onmessage: ({ event, id, data }) => record('event', { type: event || 'message', id, data }),
    onclose: () => record('ended'),
  });
  return () => controller.abort();
}

export async function weir(url, names, record) {
  const { createStream } = await import('/weir-client');
  const logger = { info() {}, warn() {}, error: console.error };
  // So that gaps come like any other event.
  const stream = createStream(url, { gapEvent: 'none', backoff: { base: 200, max: 1000 }, logger });
  for (const name of names) stream.on(name, ({ name, id, data }) => record('event', { type: name, id, data: JSON.stringify(data) }));
  let before;
  stream.onStatus(({ state, error }) => {
    if (state === 'connected' && before !== state) record('open');
    if (error?.fatal) record('closed');
    before = state;
  });
  return () => stream.close();
}
