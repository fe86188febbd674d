// Events, clocks and readers for the tests of the log.
#ifndef WEIR_LOG_LOG_TESTING_H_
#define WEIR_LOG_LOG_TESTING_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "log/log_engine.h"
#include "log/log_options.h"

namespace weir::log {

// Event.attributes and Event.payload as canonical records.
std::string TailOf(std::string_view type_name, std::string_view payload);

struct TestEvent {
  std::string topic = "a.b";
  std::string id;
  std::string payload = "hello";
  std::string type_name = "test.v1.Note";
  std::optional<int64_t> time_millis = std::nullopt;
};

// Owns what the views of NewEvent point at.
class TestBatch {
 public:
  TestBatch() = default;
  TestBatch(std::initializer_list<TestEvent> events) {
    for (const TestEvent& event : events) {
      Add(event);
    }
  }
  void Add(const TestEvent& event);
  std::span<const NewEvent> events() const { return events_; }
  void clear();

 private:
  std::deque<std::string> texts_;
  std::vector<NewEvent> events_;
};

// Events `prefix0`, `prefix1`, … on one topic.
TestBatch Numbered(std::string_view topic, std::string_view prefix, size_t count);

// The engine's clock, set by hand. Copies share the time.
class TestClock {
 public:
  explicit TestClock(int64_t millis = 1'700'000'000'000) : millis_(std::make_shared<std::atomic<int64_t>>(millis)) {}
  absl::Time operator()() const { return absl::FromUnixMillis(millis()); }
  int64_t millis() const { return millis_->load(); }
  void Advance(absl::Duration by) { millis_->fetch_add(absl::ToInt64Milliseconds(by)); }

 private:
  std::shared_ptr<std::atomic<int64_t>> millis_;
};

// Small segments, so that a test has many.
LogOptions TestLogOptions(const TestClock& clock);

std::vector<uint64_t> SequencesOf(const Page& page);

// All pages from `after` to `until` in one vector of copies: what a patient reader gets. Checks that every page makes
// progress, and that read_to covers its events.
struct EventCopy {
  uint64_t sequence;
  int64_t publish_millis;
  std::string topic;
  std::string id;
  std::string type_name;
  std::string element;
};
absl::StatusOr<std::vector<EventCopy>> ReadAll(const LogEngine& engine, ReadRequest request);

Selection Select(const std::vector<std::string>& filters, const std::vector<std::string>& types = {});

}  // namespace weir::log

#endif  // WEIR_LOG_LOG_TESTING_H_
