// One reading of a route over each transport. Each resolves to the ids of the events that were shown, in their order, and
// to the last cursor; what is no stream is an answer with its status.
import { request } from 'node:http';
import WebSocket from 'ws';

const PATIENCE = 180_000;

// `over` ends a reading: a time in milliseconds, or when `done(ids)` is true; with `done` it must come to that.
function reading(over, done) {
  const shown = { ids: [], cursor: undefined };
  let finish;
  const ended = new Promise((resolve, reject) => {
    const timer = setTimeout(() => (done ? reject(new Error(`after ${PATIENCE} ms there are only ${shown.ids.length} events`)) : resolve(shown)), done ? PATIENCE : over);
    finish = (error) => {
      clearTimeout(timer);
      if (error && done) reject(error);
      else resolve(shown);
    };
  });
  const take = (event, id, data) => {
    if (id) shown.cursor = id;
    if (event === 'flash_message') shown.ids.push(data.id);
    if (done?.(shown.ids)) finish();
  };
  return { shown, ended, finish, take };
}

const target = (route, query) => `${route}?${new URLSearchParams(query)}`;

export function get(address, path, headers = {}) {
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const asking = request({ host, port, path, headers, agent: false, timeout: PATIENCE }, (answer) => resolve({ status: answer.statusCode, answer, asking }));
    asking.on('error', reject);
    asking.end();
  });
}

async function textOf(answer) {
  let text = '';
  for await (const part of answer.setEncoding('utf8')) text += part;
  return text;
}

export async function readSse(address, { route, token, query = {}, cursor, over, done }) {
  const headers = { Accept: 'text/event-stream', ...(cursor && { 'Last-Event-ID': cursor }) };
  const { status, answer, asking } = await get(address, target(route, { ...query, token }), headers);
  const { shown, ended, finish, take } = reading(over, done);
  if (status !== 200) finish(new Error(`status ${status}`));
  let rest = '';
  answer.setEncoding('utf8').on('data', (text) => {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      const field = (name) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
      take(field('event'), field('id'), field('data') && JSON.parse(field('data')));
    }
  });
  for (const end of ['end', 'error', 'close']) answer.on(end, () => finish(new Error('the stream ended')));
  asking.on('error', finish);
  await ended.finally(() => asking.destroy());
  return { status, ...shown };
}

// Polls until there is nothing more, or the time is over.
export async function readPolls(address, { route, token, query = {}, cursor, over, done }) {
  const shown = { ids: [], cursor };
  const until = Date.now() + (done ? PATIENCE : over);
  let { start } = query;
  for (;;) {
    const more = { ...query, ...(shown.cursor ? { last_event_id: shown.cursor, start: undefined } : { start }) };
    const asked = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined));
    const { status, answer } = await get(address, target(route, asked), { Accept: 'application/json', Authorization: `Bearer ${token}` });
    const text = await textOf(answer);
    if (status !== 200) return { status, ...shown };
    const page = JSON.parse(text);
    shown.ids.push(...page.events.map(({ data }) => data.id));
    shown.cursor = page.cursor;
    start = undefined;
    if (done ? done(shown.ids) || Date.now() > until : Date.now() > until || (!page.more && !query.wait)) return { status, ...shown };
  }
}

// `talk(say, answers)` is called when the stream has begun: what else the client says, and the answers as they come.
export async function readWebSocket(address, { route, token, query = {}, cursor, start, filters, over, done, talk }) {
  const { shown, ended, finish, take } = reading(over, done);
  const socket = new WebSocket(`ws://${address}${target(route, query)}`, { perMessageDeflate: false });
  const first = { type: 'auth', token, cursor, start, filters };
  const answers = [];
  socket.on('open', () => socket.send(JSON.stringify(first)));
  socket.on('message', (bytes) => {
    const { event, id, data, ...answer } = JSON.parse(bytes.toString('utf8'));
    if (!event) answers.push(answer);
    else take(event, id, data);
    if (answer.type === 'auth.success' && answers.length === 1) talk?.((message) => socket.send(JSON.stringify(message)));
  });
  socket.on('error', finish);
  socket.on('close', (code) => finish(new Error(`closed with ${code}`)));
  socket.on('unexpected-response', (_, answer) => finish(new Error(`status ${answer.statusCode}`)));
  await ended.finally(() => socket.terminate());
  return { status: 101, answers, ...shown };
}
