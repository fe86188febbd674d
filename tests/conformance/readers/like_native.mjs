// Reads with an EventSource: the browser's own, or one of the same interface. Runs in pages and in Node.js.
export function listen(EventSource, url, names, record) {
  const source = new EventSource(url);
  for (const name of names)
    source.addEventListener(name, ({ type, lastEventId, data }) => record('event', { type, id: lastEventId, data }));
  source.addEventListener('open', () => record('open'));
  source.addEventListener('error', (event) => {
    // An event of the stream that is called `error` would come here too.
    if (typeof event.data === 'string') record('event', { type: 'error', id: event.lastEventId, data: event.data });
    // A client may say so only after this event.
    queueMicrotask(() => source.readyState === EventSource.CLOSED && record('closed'));
  });
  return () => source.close();
}
