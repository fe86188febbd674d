// The server's log for tests: the naive truth. It feeds a tail as the upstream would, and answers as history.
#ifndef WEIR_EDGE_TESTING_FAKE_LOG_H_
#define WEIR_EDGE_TESTING_FAKE_LOG_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "edge/history.h"
#include "edge/tail.h"
#include "weir/v1/event_bus.pb.h"

namespace weir::edge {

// The wire bytes of an EventBatch.
std::shared_ptr<const std::string> BatchBytes(const std::vector<v1::Event>& events);

class FakeLog final : public History {
 public:
  explicit FakeLog(std::string_view epoch = "aaaaaaaa") : epoch_(*Epoch::Parse(epoch)) {}

  // Stores an event; returns its sequence.
  uint64_t Add(std::string_view topic, std::string_view payload, std::string_view type = "t.Event");
  // Skips numbers, as events that other filters match do.
  void Skip(uint64_t count) { head_ += count; }
  void TrimTo(uint64_t covered_after) { covered_after_ = covered_after; }
  // Another life of the log.
  void Recreate(std::string_view epoch);

  Cursor At(uint64_t sequence) const { return {epoch_, sequence}; }
  uint64_t head() const { return head_; }
  uint64_t covered_after() const { return covered_after_; }
  // Events after `after` that a filter matches, up to `until`.
  std::vector<v1::Event> After(uint64_t after, const std::vector<std::string>& filters,
                               uint64_t until = UINT64_MAX) const;

  // Appends to the tail what it does not have, `batch` events at a time, and says how far it got.
  void Feed(Tail& tail, size_t batch = 64);
  // The first fill: a schema, a beginning, what is there, ready.
  void Fill(Tail& tail, uint64_t after);

  // As the server: cursors are judged against the durable head.
  void Read(const HistoryRequest& request, Done done) override;
  // Answers are held back until Release: made then, or made at once and stale by then.
  void Hold(bool stale = false) {
    held_back_ = true;
    stale_ = stale;
  }
  void Release();
  void FailWith(absl::Status status) { failure_ = std::move(status); }
  const std::vector<HistoryRequest>& requests() const { return requests_; }
  size_t page_events_max = 1000;
  // Sequences that one page looks at: pages may be empty, and not the last.
  uint64_t page_scan_max = UINT64_MAX;

 private:
  absl::StatusOr<std::shared_ptr<const HistoryPage>> Answer(const HistoryRequest& request) const;

  Epoch epoch_;
  std::vector<v1::Event> events_;
  uint64_t head_ = 0;
  uint64_t covered_after_ = 0;
  uint64_t fed_ = 0;
  bool held_back_ = false;
  bool stale_ = false;
  absl::Status failure_;
  std::vector<HistoryRequest> requests_;
  std::vector<std::function<void()>> held_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_TESTING_FAKE_LOG_H_
