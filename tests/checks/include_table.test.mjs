import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from './includes.mjs';

const complaintsOf = (files) => judge(new Map(Object.entries(files)));

test('a folder may include itself, what its row names, and foreign headers', () => {
  assert.deepEqual(
    complaintsOf({
      'base/a.h': '#include <string>\n',
      'log/b.h': '#include "base/a.h"\n#include <rocksdb/db.h>\n',
      'log/b.cc': '#include "log/b.h"\n#include "weir/v1/event.pb.h"\n',
    }),
    [],
  );
});

test('the edge never includes the server, nor the server the edge', () => {
  const complaints = complaintsOf({
    'edge/a.h': '#include "server/b.h"\n',
    'server/b.h': '',
    'server/c.cc': '\n#include "edge/a.h"\n',
  });
  assert.equal(complaints.length, 2);
  assert.match(complaints[0], /^edge\/a\.h:1: .*edge\/ may not depend on server\//);
  assert.match(complaints[1], /^server\/c\.cc:2: /);
});

test('the pure core of the edge includes neither gRPC nor Beast, its doors do', () => {
  assert.deepEqual(complaintsOf({ 'edge/upstream.cc': '#include <grpcpp/grpcpp.h>', 'edge/http/server.cc': '#include <boost/beast/http.hpp>' }), []);
  assert.equal(complaintsOf({ 'edge/tail.cc': '#include <grpcpp/grpcpp.h>' }).length, 1);
  assert.equal(complaintsOf({ 'edge/render/frame.cc': '#include <boost/beast/core.hpp>' }).length, 1);
  assert.deepEqual(complaintsOf({ 'base/quiet_grpc.cc': '#include <grpc/support/log.h>' }), []);
  assert.equal(complaintsOf({ 'base/logging.cc': '#include <grpc/support/log.h>' }).length, 1);
});

test('gRPC and Beast in one translation unit are found through headers', () => {
  const complaints = complaintsOf({
    'tests/a.h': '#include <grpcpp/grpcpp.h>',
    'tests/b.h': '#include <boost/beast/http.hpp>',
    'tests/c.h': '#include "tests/a.h"',
    'tests/d.cc': '#include "tests/c.h"\n#include "tests/b.h"',
  });
  assert.deepEqual(complaints, ['tests/d.cc: gRPC (by tests/a.h) and Beast (by tests/b.h) in one translation unit']);
});

test('the client header is found under its installed name', () => {
  const files = { 'clients/cpp/include/weir/client.h': '', 'demo/feed.cc': '#include "weir/client.h"' };
  assert.deepEqual(complaintsOf(files), []);
  assert.notEqual(complaintsOf({ ...files, 'server/a.cc': '#include "weir/client.h"' }).length, 0);
  assert.deepEqual(complaintsOf({ ...files, 'edge/upstream.h': '#include "weir/client.h"' }), []);
  assert.equal(complaintsOf({ ...files, 'edge/tail.h': '#include "weir/client.h"' }).length, 1);
});

test('the product knows no application, and nothing depends on a main', () => {
  assert.equal(complaintsOf({ 'edge/a.cc': '#include "apps/goals/v1/goals.pb.h"' }).length, 1);
  assert.deepEqual(complaintsOf({ 'edge/a_test.cc': '#include "apps/goals/v1/goals.pb.h"' }), []);
  assert.equal(complaintsOf({ 'server/main.h': '', 'server/a.cc': '#include "server/main.h"' }).length, 1);
});

test('a unit test may use what the tests share, and nothing else may', () => {
  const files = { 'tests/support/random.h': '', 'server/a_test.cc': '#include "tests/support/random.h"' };
  assert.deepEqual(complaintsOf(files), []);
  assert.equal(complaintsOf({ ...files, 'server/a.cc': '#include "tests/support/random.h"' }).length, 1);
});

test('a file outside the table is an error', () => {
  assert.equal(complaintsOf({ 'attic/a.h': '' }).length, 1);
});
