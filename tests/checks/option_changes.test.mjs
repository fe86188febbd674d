import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changes, promises } from './options.mjs';

// An image with one event type, one field and one enum, whose options the test sets.
function image({ event = { name: 'car' }, field, value } = {}) {
  const options = (key, content) => (content ? { options: { [key]: content } } : {});
  return {
    file: [
      {
        package: 'p.v1',
        messageType: [
          {
            name: 'Car',
            ...options('[weir.v1.event]', event),
            field: [{ name: 'owner', ...options('[weir.v1.field]', field) }],
            enumType: [{ name: 'Kind', value: [{ name: 'KIND_OLD', ...options('[weir.v1.enum_value]', value) }] }],
          },
        ],
      },
    ],
  };
}

test('equal images have no changes', () => {
  assert.deepEqual(changes(image(), image()), []);
  assert.equal(promises(image()).get('event name of p.v1.Car'), 'car');
});

test('a changed or removed event name is found', () => {
  assert.match(changes(image(), image({ event: { name: 'auto' } }))[0], /event name of p\.v1\.Car was "car" and is "auto"/);
  assert.match(changes(image(), image({ event: null }))[0], /is gone/);
});

test('print_defaults, null_when_unset and JSON names of enum values are kept', () => {
  assert.equal(changes(image(), image({ event: { name: 'car', printDefaults: true } })).length, 1);
  assert.equal(changes(image({ field: { nullWhenUnset: true } }), image()).length, 1);
  assert.equal(changes(image(), image({ value: { jsonName: 'OLD' } })).length, 1);
});

test('topics may be added and not taken away', () => {
  const on = (...topics) => image({ event: { name: 'car', topics } });
  assert.deepEqual(changes(on('a'), on('a', 'b')), []);
  assert.deepEqual(changes(on('a'), on()), []);
  assert.equal(changes(on('a', 'b'), on('a')).length, 1);
  assert.equal(changes(on(), on('a')).length, 1);
});

test('a new event type is no change', () => {
  assert.deepEqual(changes({ file: [] }, image()), []);
});
