// The one writer of the log: group commit.
//
// Publishers submit judged batches; one thread takes everything that waits, up to a cap, appends it in one go (one
// fsync), and only then tells each batch. While one append is under way the next group gathers: load makes groups
// larger, not slower.
//
// Any thread may submit. The queue is bounded by events and by bytes: then a submission that may be refused is refused
// with QUEUE_FULL, and one that may not (of a stream, which stops reading instead) is taken all the same: the bound is
// exceeded by at most one message a stream. The log must outlive the committer.
//
// Faults are transient and fail whole batches: STORAGE_FULL, LOG_POISONED, LOG_UNAVAILABLE, DRAINING. After a batch of
// a source failed, the later ones of that source fail too, unstored: a retry never reorders.
#ifndef WEIR_SERVER_PUBLISH_COMMITTER_H_
#define WEIR_SERVER_PUBLISH_COMMITTER_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "log/log_engine.h"
#include "server/publish/batch.h"

namespace weir::server {

struct CommitterOptions {
  // Waiting for the committer.
  size_t queue_events_max = 65'536;
  size_t queue_bytes_max = 64 << 20;
  // In one append. More gains nothing and makes the first wait for the last.
  size_t commit_events_max = 4'096;
  size_t commit_bytes_max = 16 << 20;
  // Called after each append, on the committer's thread; for metrics. May be empty.
  std::function<void(size_t events, absl::Duration took)> on_commit = nullptr;
  // Called once, on the committer's thread, when an append leaves the log poisoned. May be empty.
  std::function<void(const absl::Status&)> on_poisoned = nullptr;
};

class Committer {
 public:
  Committer(log::LogEngine& log, CommitterOptions options);
  // Drains.
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  enum class WhenFull { kRefuse, kTake };

  // Takes the batch, or says why not; the batch is then told nothing.
  std::optional<Fault> Submit(std::unique_ptr<PublishBatch> batch, WhenFull when_full);

  // True while the queue is at its bound: a stream should not read more until its batches are done.
  bool full() const;

  // Events waiting.
  size_t queued_events() const;

  // Submissions that were refused with QUEUE_FULL so far, by the bound that was reached.
  struct Refusals {
    uint64_t events = 0;
    uint64_t bytes = 0;
  };
  Refusals refused() const;

  // Takes no more, finishes what is queued, and ends the thread. Not from a batch's callback.
  void Drain();

 private:
  using Group = std::vector<std::unique_ptr<PublishBatch>>;

  void Run();
  Group Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Commit(Group group);
  absl::StatusOr<std::vector<log::AppendResult>> Append(const Group& group);
  void Fail(Group& group, const absl::Status& status);
  bool FullLocked() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  log::LogEngine& log_;
  const CommitterOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable due_;
  std::deque<std::unique_ptr<PublishBatch>> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queued_events_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t queued_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  Refusals refused_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool poisoned_ ABSL_GUARDED_BY(mutex_) = false;

  std::once_flag joined_;
  std::thread thread_;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_PUBLISH_COMMITTER_H_
