import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reference } from './reference.mjs';

const image = {
  file: [
    {
      name: 'p.proto',
      messageType: [
        {
          name: 'Server',
          field: [
            { name: 'engine', type: 'TYPE_ENUM', typeName: '.p.LogEngine' },
            { name: 'files', type: 'TYPE_STRING', label: 'LABEL_REPEATED' },
            { name: 'limits', type: 'TYPE_MESSAGE', typeName: '.p.Limits' },
          ],
        },
      ],
      enumType: [
        {
          name: 'LogEngine',
          value: [
            { name: 'LOG_ENGINE_UNSPECIFIED' },
            { name: 'LOG_ENGINE_ROCKSDB', number: 1 },
            { name: 'LOG_ENGINE_MEMORY', number: 2 },
          ],
        },
      ],
      sourceCodeInfo: {
        location: [
          { path: [4, 0], leadingComments: ' The server.\n' },
          { path: [4, 0, 2, 0], leadingComments: ' Where events\n are kept. Default LOG_ENGINE_ROCKSDB.\n' },
          { path: [4, 0, 2, 1], leadingComments: ' `a|b`.\n' },
        ],
      },
    },
  ],
};

test('a table names every key, its type and what its comment says', () => {
  const text = reference(image, 'p.proto');
  assert.match(text, /^### Server\n\nThe server\.\n/);
  assert.match(text, /\| `engine` \| `rocksdb`, `memory` \| Where events are kept\. Default `rocksdb`\. \|/);
  assert.match(text, /\| `files` \| list of text \| `a\\\|b`\. \|/);
  assert.match(text, /\| `limits` \| \[Limits\]\(#limits\) \|/);
});

test('a file that is not in the image is an error', () => {
  assert.throws(() => reference(image, 'q.proto'), /no q\.proto/);
});
