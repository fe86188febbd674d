// What every log engine promises, as tests. An engine is tested by one line:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, LogEngineConformance, testing::Values(EngineUnderTest{"memory",
//   MakeMemoryHarness}));
//
// and one that persists by a second line, with PersistentLogEngineConformance.
#ifndef WEIR_LOG_LOG_ENGINE_CONFORMANCE_H_
#define WEIR_LOG_LOG_ENGINE_CONFORMANCE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "log/log_engine.h"
#include "log/log_options.h"
#include "log/log_testing.h"

namespace weir::log {

// Opens logs of one engine for one test.
class EngineHarness {
 public:
  virtual ~EngineHarness() = default;
  // The first time a new log; later the same one, which has been closed.
  virtual std::unique_ptr<LogEngine> Open(const LogOptions& options) = 0;
  // Whether what was stored is there when it is opened again.
  virtual bool persists() const = 0;
};

struct EngineUnderTest {
  std::string name;
  std::function<std::unique_ptr<EngineHarness>()> make_harness;

  friend std::ostream& operator<<(std::ostream& out, const EngineUnderTest& engine) { return out << engine.name; }
};

class LogEngineConformance : public testing::TestWithParam<EngineUnderTest> {
 protected:
  LogEngineConformance() : harness_(GetParam().make_harness()), options_(TestLogOptions(clock_)) { Open(); }

  void Open() { engine_ = harness_->Open(options_); }
  void Reopen() {
    engine_.reset();
    Open();
  }

  std::vector<AppendResult> Append(const TestBatch& batch);
  // On one topic, in Appends of 10; all must be stored.
  void AppendNumbered(std::string_view topic, std::string_view prefix, size_t count);

  TestClock clock_;
  std::unique_ptr<EngineHarness> harness_;
  LogOptions options_;
  std::unique_ptr<LogEngine> engine_;
};

// From `first` to `last`, both included.
std::vector<uint64_t> Range(uint64_t first, uint64_t last);
std::vector<uint64_t> SequencesOf(const std::vector<EventCopy>& events);

// What an engine promises besides, whose log outlives the process.
class PersistentLogEngineConformance : public LogEngineConformance {};

}  // namespace weir::log

#endif  // WEIR_LOG_LOG_ENGINE_CONFORMANCE_H_
