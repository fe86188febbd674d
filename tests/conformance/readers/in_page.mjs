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
