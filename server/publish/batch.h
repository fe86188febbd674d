// The events of one PublishRequest or PublishStreamRequest on their way to the log: read and judged from wire bytes,
// stored by the committer, answered as wire bytes.
#ifndef WEIR_SERVER_PUBLISH_BATCH_H_
#define WEIR_SERVER_PUBLISH_BATCH_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cursor.h"
#include "log/log_engine.h"
#include "server/publish/validator.h"
#include "server/rpc/error.h"

namespace weir::server {

inline constexpr size_t kBatchEventsMax = 1'000;
inline constexpr size_t kBatchBytesMax = 3 << 20;

// What ties the batches of one stream together: after one failed, none that follows may be stored.
struct PublishSource {
  bool failed = false;  // the committer's thread only
};

// How many events had which outcome.
struct PublishCounts {
  size_t stored = 0;
  size_t duplicate = 0;
  size_t refused = 0;  // permanent faults, id reused among them
  size_t denied = 0;   // those refused by the rules of access
};

// One thread at a time: the call's until it is submitted, then the committer's.
class PublishBatch {
 public:
  // `source` is null for a unary call.
  explicit PublishBatch(std::shared_ptr<PublishSource> source = nullptr) : source_(std::move(source)) {}
  // Of events from the log, which nobody judges again; their views must live until the outcome. `bytes` as below.
  PublishBatch(std::vector<log::NewEvent> events, size_t bytes) : events_(std::move(events)), bytes_(bytes) {}
  virtual ~PublishBatch() = default;
  PublishBatch(const PublishBatch&) = delete;
  PublishBatch& operator=(const PublishBatch&) = delete;

  // Reads and judges all events of the message, one by one; `request` must live as long as the batch. A fault is of the
  // message as a whole: malformed, no events, too many, too many bytes.
  std::optional<Fault> Read(std::string_view request, const Validator& validator, const Rights& rights = {});

  // The good events; may be none.
  std::span<const log::NewEvent> events() const { return events_; }
  // All events of the message.
  size_t size() const { return slots_.size(); }
  // What it costs to hold the batch: of the message, and of what judging it made.
  size_t bytes() const { return bytes_; }
  bool validate_only() const { return validate_only_; }
  const std::shared_ptr<PublishSource>& source() const { return source_; }

  // Appends one PublishResult per event, as elements of repeated field `number`, in order. `results` has one entry per
  // good event; empty for validate_only.
  PublishCounts WriteResults(uint32_t number, const Epoch& epoch, std::span<const log::AppendResult> results,
                             std::string& out) const;

  // On the committer's thread, exactly once: the outcome of each good event, or the transient fault because of which
  // nothing is acknowledged.
  virtual void OnCommitted(std::span<const log::AppendResult> results) = 0;
  virtual void OnFailed(const Fault& fault) = 0;

 private:
  std::shared_ptr<PublishSource> source_;
  std::deque<std::string> made_;  // strings that events' views point into
  std::vector<log::NewEvent> events_;
  std::vector<std::string> refusals_;  // wire bytes of google.rpc.Status
  std::vector<int32_t> slots_;         // per event: an index of events_, or -1 - index of refusals_
  size_t bytes_ = 0;
  size_t denied_ = 0;
  bool validate_only_ = false;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_PUBLISH_BATCH_H_
