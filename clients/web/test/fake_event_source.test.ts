// The same in an environment whose EventTarget is Node's: handlers are called once there, too.
import { expect, test } from 'vitest';
import { FakeBus } from '../src/testing.js';

test('handlers and listeners are called once each', async () => {
  const bus = new FakeBus();
  const remove = bus.install();
  const source = new EventSource('http://test/items');
  const seen: string[] = [];
  source.onopen = () => seen.push('open');
  source.onmessage = ({ data }: MessageEvent<string>) => seen.push(`handler ${data}`);
  source.addEventListener('message', ({ data }: MessageEvent<string>) => seen.push(`listener ${data}`));
  await Promise.resolve();
  bus.emit('message', 1);
  expect(seen).toEqual(['open', 'handler 1', 'listener 1']);
  source.close();
  remove();
});
