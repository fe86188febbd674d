// Publishes events for everybody, and writes down what was published.
import { topicsOf } from './world.mjs';

const EVENTS_PER_SECOND = 400;

// Until the run's time is over: `{system, people, random, until, published}`. `flags`: of `weir publish`.
export async function publishAll({ system, people, random, until, published }, ...flags) {
  const topics = people.flatMap((person) => Object.entries(topicsOf(person)).flatMap(([what, list]) => (what === 'broadcast' ? [] : list)));
  const acknowledged = [];
  const publisher = system.publisher((line) => acknowledged.push(line), ...flags);
  let sent = 0;
  const from = Date.now();
  while (Date.now() < until) {
    for (const due = ((Date.now() - from) / 1000) * EVENTS_PER_SECOND; sent < due; sent += 1) {
      const topic = random.oneIn(100) ? 'dispatch.broadcast' : random.pick(topics);
      published.set(`e${sent}`, topic);
      publisher.send({ topic, type: 'apps.dispatch.v1.FlashMessage', data: { id: `e${sent}`, text: topic } });
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await publisher.end();
  const refused = acknowledged.find((line) => !JSON.parse(line).cursor);
  if (refused || acknowledged.length !== sent) throw new Error(`of ${sent} events ${acknowledged.length} were stored: ${refused}`);
}
