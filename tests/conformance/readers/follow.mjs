// Reads with @microsoft/fetch-event-source, which needs this help (docs/sse-clients.md shows it).

// Calls `onEvent({event, id, data})` for every event until `signal` aborts, or the edge answers with a status that does
// not pass. Resolves to that status.
export async function follow(fetchEventSource, url, { signal, lastEventId = '', onOpen, onEvent }) {
  let retry = 2000;
  let status;
  while (!signal.aborted) {
    let wait;
    await fetchEventSource(url, {
      signal,
      openWhenHidden: true,
      headers: { Accept: 'text/event-stream; weir=1' },
      // The library sends the id of an event that was cut off in the middle: send that of the last whole one.
      fetch: (input, { headers, ...init }) => {
        const { 'last-event-id': _, ...rest } = headers;
        return fetch(input, { ...init, headers: lastEventId ? { ...rest, 'Last-Event-ID': lastEventId } : rest });
      },
      onopen: async (response) => {
        status = response.status;
        if (status !== 200) wait = Number(response.headers.get('Retry-After')) * 1000;
        if (status !== 200) throw new Error(`status ${status}`);
        onOpen?.();
      },
      onmessage: (message) => {
        retry = message.retry ?? retry;
        lastEventId = message.id || lastEventId;
        onEvent(message);
      },
      onerror: (error) => {
        throw error; // this loop comes back, also after a clean end
      },
    }).catch(() => {});
    if (![200, 429, 502, 503, 504, undefined].includes(status)) return status;
    status = undefined;
    await new Promise((resolve) => setTimeout(resolve, wait || retry));
  }
  return status;
}
