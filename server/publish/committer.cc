#include "server/publish/committer.h"

#include <fmt/format.h>

#include <chrono>
#include <span>
#include <utility>

#include "base/text.h"

namespace weir::server {
namespace {

constexpr absl::Duration kRetryAfter = absl::Milliseconds(200);

Fault QueueFull(size_t events, size_t bytes, const CommitterOptions& options) {
  return {.reason = v1::ERROR_REASON_QUEUE_FULL,
          .message = fmt::format("{} events of {} bytes wait to be stored; try again", events, bytes),
          .limit = fmt::format("{} events, {} bytes", options.queue_events_max, options.queue_bytes_max),
          .retry_after = kRetryAfter};
}

Fault Draining() { return {.reason = v1::ERROR_REASON_DRAINING, .message = "the server is shutting down"}; }

Fault Poisoned() {
  return {.reason = v1::ERROR_REASON_LOG_POISONED,
          .message = "a write to the log failed with unknown outcome; nothing is taken until the server is restarted"};
}

Fault OfAppend(const absl::Status& status) {
  if (absl::IsUnavailable(status)) {
    return Poisoned();
  }
  if (absl::IsResourceExhausted(status)) {
    return {.reason = v1::ERROR_REASON_STORAGE_FULL,
            .message = std::string(Message(status)),
            .retry_after = absl::Seconds(5)};
  }
  return {.reason = v1::ERROR_REASON_LOG_UNAVAILABLE, .message = std::string(Message(status))};
}

}  // namespace

Committer::Committer(log::LogEngine& log, CommitterOptions options)
    : log_(log), options_(std::move(options)), thread_([this] { Run(); }) {}

Committer::~Committer() { Drain(); }

bool Committer::FullLocked() const {
  return queued_events_ >= options_.queue_events_max || queued_bytes_ >= options_.queue_bytes_max;
}

std::optional<Fault> Committer::Submit(std::unique_ptr<PublishBatch> batch, WhenFull when_full) {
  const std::lock_guard lock(mutex_);
  if (poisoned_) {
    return Poisoned();
  }
  if (draining_) {
    return Draining();
  }
  if (when_full == WhenFull::kRefuse && FullLocked()) {
    ++(queued_events_ >= options_.queue_events_max ? refused_.events : refused_.bytes);
    return QueueFull(queued_events_, queued_bytes_, options_);
  }
  queued_events_ += batch->events().size();
  queued_bytes_ += batch->bytes();
  queue_.push_back(std::move(batch));
  due_.notify_one();
  return std::nullopt;
}

bool Committer::full() const {
  const std::lock_guard lock(mutex_);
  return FullLocked();
}

size_t Committer::queued_events() const {
  const std::lock_guard lock(mutex_);
  return queued_events_;
}

Committer::Refusals Committer::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

void Committer::Drain() {
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
  }
  due_.notify_one();
  std::call_once(joined_, [this] { thread_.join(); });
}

void Committer::Run() {
  while (true) {
    Group group;
    {
      std::unique_lock lock(mutex_);
      due_.wait(lock, [this] { return !queue_.empty() || draining_; });
      group = Take();
    }
    if (group.empty()) {
      return;
    }
    Commit(std::move(group));
  }
}

Committer::Group Committer::Take() {
  Group group;
  size_t events = 0;
  size_t bytes = 0;
  while (!queue_.empty()) {
    const PublishBatch& next = *queue_.front();
    const bool fits = events + next.events().size() <= options_.commit_events_max &&
                      bytes + next.bytes() <= options_.commit_bytes_max;
    if (!group.empty() && !fits) {
      break;
    }
    events += next.events().size();
    bytes += next.bytes();
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queued_events_ -= events;
  queued_bytes_ -= bytes;
  return group;
}

void Committer::Commit(Group group) {
  // What follows a failed batch of the same source must not be stored: it would overtake the retry.
  std::erase_if(group, [](const std::unique_ptr<PublishBatch>& batch) {
    const bool follows_failure = batch->source() != nullptr && batch->source()->failed;
    if (follows_failure) {
      batch->OnFailed({.reason = v1::ERROR_REASON_LOG_UNAVAILABLE, .message = "an earlier event of the stream failed"});
    }
    return follows_failure;
  });
  const absl::StatusOr<std::vector<log::AppendResult>> results = Append(group);
  if (!results.ok()) {
    Fail(group, results.status());
    return;
  }
  std::span<const log::AppendResult> rest(*results);
  for (const std::unique_ptr<PublishBatch>& batch : group) {
    batch->OnCommitted(rest.first(batch->events().size()));
    rest = rest.subspan(batch->events().size());
  }
}

absl::StatusOr<std::vector<log::AppendResult>> Committer::Append(const Group& group) {
  std::vector<log::NewEvent> events;
  for (const std::unique_ptr<PublishBatch>& batch : group) {
    events.insert(events.end(), batch->events().begin(), batch->events().end());
  }
  if (events.empty()) {
    return std::vector<log::AppendResult>();
  }
  const auto start = std::chrono::steady_clock::now();
  absl::StatusOr<std::vector<log::AppendResult>> results = log_.Append(events);
  if (results.ok() && options_.on_commit) {
    options_.on_commit(events.size(), absl::FromChrono(std::chrono::steady_clock::now() - start));
  }
  return results;
}

void Committer::Fail(Group& group, const absl::Status& status) {
  if (absl::IsUnavailable(status)) {
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      first = !std::exchange(poisoned_, true);
    }
    if (first && options_.on_poisoned) {
      options_.on_poisoned(status);
    }
  }
  const Fault fault = OfAppend(status);
  for (const std::unique_ptr<PublishBatch>& batch : group) {
    if (batch->source() != nullptr) {
      batch->source()->failed = true;
    }
    batch->OnFailed(fault);
  }
}

}  // namespace weir::server
