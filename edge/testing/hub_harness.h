// A hub with a log, a tail and browsers, all on the test's thread, under a clock that the test moves.
#ifndef WEIR_EDGE_TESTING_HUB_HARNESS_H_
#define WEIR_EDGE_TESTING_HUB_HARNESS_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "edge/fanout_hub.h"
#include "edge/testing/fake_log.h"
#include "edge/testing/test_reader.h"

namespace weir::edge {

class HubHarness {
 public:
  explicit HubHarness(TailOptions tail_options = {}, HubOptions hub_options = {});

  // A request for that route's stream, as http/ makes it.
  StreamRequest Request(std::vector<std::string> filters, ReadStart start = {}) const;
  ReadStart After(const Cursor& cursor) const { return {ReadStart::Kind::kAfter, cursor, {}}; }
  ReadStart From(ReadStart::Kind kind) const { return {kind, {}, {}}; }

  std::unique_ptr<TestReader> Open(StreamRequest request, int receive_buffer = 0);
  // Opens a stream and waits for its first block.
  std::unique_ptr<TestReader> OpenAndStart(StreamRequest request);

  // Runs what is ready on the hub's thread.
  void Spin();
  // Runs the hub and lets the reader read until the condition holds; false when that takes too long.
  bool Until(TestReader& reader, const std::function<bool()>& condition);
  bool Until(const std::function<bool()>& condition);
  // Until the reader has that many events named `t.Event`.
  bool Until(TestReader& reader, size_t events);
  // Feeds the tail and runs the hub.
  void Feed();
  void Advance(absl::Duration time);

  std::string PollOnce(PollRequest request);  // empty: not yet answered

  absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  absl::Duration look_lasts;  // the clock goes on by it with each look
  FakeLog log;
  Tail tail;
  HistoryQueue history;
  ConnectionCounts connections;
  std::shared_ptr<Route> route = std::make_shared<Route>();
  FanoutHub hub;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_TESTING_HUB_HARNESS_H_
