// What must not compile. Checked by tsc: an expectation that finds no error is one.
import { expect, test } from 'vitest';
import { createStream, type Enveloped, type NamedAlike } from '../src/index.js';
import { FakeBus } from '../src/testing.js';

interface Events {
  'goal.created': { goalId: string };
}

test('wrong names and fields are compile errors', () => {
  const stream = createStream<Events>('http://edge/x', { transport: new FakeBus().transport });
  stream.on('goal.created', ({ data }) => data.goalId.length);
  // @ts-expect-error no such event
  stream.on('goal.creatd', () => {});
  // @ts-expect-error no such field
  stream.on('goal.created', ({ data }) => data.goal_id);
  // @ts-expect-error no such option
  createStream<Events>('http://edge/x', { retries: 3 });
  stream.close();
  expect(stream.status.state).toBe('disconnected');
});

test('envelopes and common names keep the types apart', () => {
  interface Goals {
    'goal.created': { goalId: string };
    'goal.closed': { reason: string };
  }
  const stream = createStream<NamedAlike<Enveloped<Goals, { timestamp: string }>>>('http://edge/x', { transport: new FakeBus().transport });
  stream.on('message', ({ data }) => {
    data.timestamp.slice(0, 4);
    if (data.type === 'goal.created') data.data.goalId.length;
    // @ts-expect-error it may be the other one
    data.data.reason;
    // @ts-expect-error the route does not list it
    data.eventId;
  });
  stream.close();
  expect(stream.status.state).toBe('disconnected');
});
