// Judges what readers were shown, and seeds bugs into it. Pure.
//
// A history is {people, published: topic by event id, connections, refusals, finals}. A connection is {who, route, id,
// transport, live, ids}: whose token, which route with which parameter, and the ids of the events that it was shown. A
// final is a connection that read all there is, from the first event to the last. A refusal is {what, expected, got}.
import { mayBeShown } from './world.mjs';

export function violations({ people, published, connections, refusals, finals }) {
  const found = [];
  const byTopic = Map.groupBy(published, ([, topic]) => topic);
  for (const { who, route, id, transport, ids } of [...connections, ...finals]) {
    const allowed = mayBeShown(people[who], route, id);
    for (const event of ids) {
      const topic = published.get(event);
      const where = `${people[who].sub} of ${people[who].tenant} on ${route}${id ? `?id=${id}` : ''} over ${transport}`;
      if (topic === undefined) found.push({ kind: 'unknown', what: `${where} was shown ${event}, which nobody published` });
      else if (!allowed.has(topic)) found.push({ kind: 'foreign', what: `${where} was shown ${event} of ${topic}` });
    }
  }
  for (const { who, route, id, transport, ids } of finals) {
    const allowed = mayBeShown(people[who], route, id);
    const shown = new Set(ids);
    const missing = [...allowed].flatMap((topic) => byTopic.get(topic) ?? []).filter(([event]) => !shown.has(event));
    if (missing.length) found.push({ kind: 'missing', what: `${people[who].sub} on ${route} over ${transport} was not shown ${missing.length} events, ${missing[0]} first` });
  }
  for (const { what, expected, got } of refusals) {
    if (!expected.includes(got)) found.push({ kind: 'answer', what: `${what} was answered with ${got} in place of ${expected.join(' or ')}` });
  }
  return found;
}

// How many events were shown over each transport.
export function shownOver(connections) {
  const shown = {};
  for (const { transport, ids } of connections) shown[transport] = (shown[transport] ?? 0) + ids.length;
  return shown;
}

// Whether each of them was tried enough for a verdict.
export const tried = (connections, transports) => transports.every((transport) => shownOver(connections)[transport] > 100);

// Bugs as defects of the edge would show them: each changes a copy of a history, and names the kind that must be found.
// `change` gives false where the history has no place for it.
const put = (history, fits) => {
  const published = [...history.published];
  for (const [at, connection] of history.connections.entries()) {
    const event = published.find(([, topic]) => fits(connection, topic));
    if (!connection.ids.length || !event) continue;
    history.connections[at] = { ...connection, ids: connection.ids.toSpliced(connection.ids.length >> 1, 0, event[0]) };
    return true;
  }
  return false;
};
export const bugs = [
  {
    name: "another user's event",
    kind: 'foreign',
    change: (history) => put(history, ({ who, route }, topic) => route === '/own' && topic.startsWith('dispatch.users.') && topic.split('.')[2] !== history.people[who].sub),
  },
  {
    name: "an event of a user whose name begins with the reader's",
    kind: 'foreign',
    change: (history) => put(history, ({ who, route }, topic) => route === '/own' && topic.startsWith(`dispatch.users.${history.people[who].sub}`) && topic.split('.')[2] !== history.people[who].sub),
  },
  {
    name: "another tenant's event",
    kind: 'foreign',
    change: (history) => put(history, ({ who, route }, topic) => route === '/tenant' && topic.startsWith('dispatch.tenants.') && topic.split('.')[2] !== history.people[who].tenant),
  },
  {
    name: "another request's event",
    kind: 'foreign',
    change: (history) => put(history, ({ who, id }, topic) => id && topic.startsWith(`dispatch.requests.${history.people[who].sub}.`) && !topic.endsWith(`.${id}`)),
  },
  {
    name: 'an event of another route',
    kind: 'foreign',
    change: (history) => put(history, ({ route }, topic) => route === '/mail' && topic === 'dispatch.broadcast'),
  },
  { name: 'an event that nobody published', kind: 'unknown', change: (history) => history.connections.push({ ...history.connections[0], ids: ['nobody'] }) },
  {
    name: 'an event that is withheld',
    kind: 'missing',
    change: (history) => {
      const at = history.finals.findIndex(({ ids }) => ids.length);
      if (at >= 0) history.finals[at] = { ...history.finals[at], ids: history.finals[at].ids.slice(1) };
      return at >= 0;
    },
  },
  { name: 'a filter that is widened instead of refused', kind: 'answer', change: (history) => history.refusals.length && (history.refusals[0] = { ...history.refusals[0], got: 200 }) },
];

// A copy whose lists may be changed.
export const copyOf = (history) => ({ ...history, connections: [...history.connections], refusals: [...history.refusals], finals: [...history.finals] });
