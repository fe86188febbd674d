// What must not compile. Checked by tsc: an expectation that finds no error is one.
import { expect, test } from 'vitest';
import { createStream } from '../src/index.js';
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
