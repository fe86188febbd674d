// Asks the server for the state of its log, again and again, on a thread of its own: what gaps are judged by.
#ifndef WEIR_TESTS_CHAOS_STATUS_WATCH_H_
#define WEIR_TESTS_CHAOS_STATUS_WATCH_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "base/cursor.h"
#include "tests/chaos/history.h"
#include "weir/client.h"

namespace weir::chaos {

class StatusWatch {
 public:
  StatusWatch(const std::string& server, std::function<uint64_t()> now)
      : client_({.server = server, .name = "chaos-status", .backoff_max = absl::Milliseconds(200)}),
        now_(std::move(now)),
        thread_([this] { Run(); }) {}
  ~StatusWatch() { End(); }

  void End() {
    ending_ = true;
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  // Once, after End; false when the server does not answer.
  bool Ask() {
    const uint64_t at = now_();
    const absl::StatusOr<v1::GetStatusResponse> status = client_.GetStatus(absl::Now() + absl::Seconds(2));
    if (!status.ok()) {
      return false;
    }
    const std::optional<Cursor> earliest = Cursor::Parse(status->earliest_cursor());
    const std::optional<Cursor> head = Cursor::Parse(status->head_cursor());
    if (!earliest || !head) {
      return false;
    }
    statuses_.push_back({at, *earliest, *head});
    if (epochs_.empty() || epochs_.back() != head->epoch) {
      epochs_.push_back(head->epoch);
      ++lives_;
    }
    return true;
  }
  Client& client() { return client_; }
  // How many lives of the log it has seen. Any thread.
  size_t lives() const { return lives_; }
  // After End.
  std::vector<LogStatus>& statuses() { return statuses_; }
  std::vector<Epoch>& epochs() { return epochs_; }

 private:
  void Run() {
    while (!ending_) {
      Ask();
      absl::SleepFor(absl::Milliseconds(100));
    }
  }

  Client client_;
  const std::function<uint64_t()> now_;
  std::vector<LogStatus> statuses_;
  std::vector<Epoch> epochs_;
  std::atomic<size_t> lives_ = 0;
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

}  // namespace weir::chaos

#endif  // WEIR_TESTS_CHAOS_STATUS_WATCH_H_
