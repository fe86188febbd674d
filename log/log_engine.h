// LogEngine: a durable, totally ordered log of events.
//
// An engine gives each event its sequence, its publish time and its place; recognises retries; reads in order; drops
// the oldest by age and bytes. It knows nothing of subscriptions, gRPC or JSON. Events come in already validated.
//
// Threads: Append is called by one thread at a time (the committer). All other methods may be called from any thread at
// any time, also during Append. What Append has returned, and only that, is visible to Read and Bounds: what is seen is
// durable.
#ifndef WEIR_LOG_LOG_ENGINE_H_
#define WEIR_LOG_LOG_ENGINE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/cursor.h"
#include "base/filter.h"
#include "log/chunk.h"

namespace weir::log {

// A validated event that has no place yet. The views must live until Append returns.
struct NewEvent {
  std::string_view topic;
  std::string_view id;    // never empty
  bool has_time = false;  // false: the engine writes the publish time
  std::string_view time;  // wire bytes of google.protobuf.Timestamp
  std::string_view tail;  // canonical records of Event.attributes and Event.payload, tags included
};

// What became of one event of an Append.
struct AppendResult {
  enum class Outcome {
    kStored,
    kDuplicate,  // the same (topic, id) and content lies in the log: sequence and publish time are of that event
    kIdReused,   // the same (topic, id) with other content: not stored
  };
  Outcome outcome = Outcome::kStored;
  uint64_t sequence = 0;
  int64_t publish_millis = 0;
};

// Which events a reader wants. Immutable; any thread.
struct Selection {
  FilterSet filters;
  TextSet types;  // full names; empty: all

  bool Matches(const StoredEvent& event) const {
    return filters.Matches(event.topic) && (types.empty() || types.contains(event.type_name));
  }
};

// Where the log begins and ends. An event is retained when earliest <= sequence <= head.
struct Bounds {
  Epoch epoch;
  uint64_t earliest = 1;  // the first sequence that is retained; head + 1 when the log is empty
  uint64_t head = 0;      // the newest durable sequence; 0 when there never was one
  uint64_t bytes = 0;     // of stored events
};

struct ReadRequest {
  // Exclusive; with newest_first: read downwards from before this sequence (UINT64_MAX: from the head).
  uint64_t after = 0;
  uint64_t until = UINT64_MAX;           // inclusive, cut to the head; with newest_first: the last (lowest) to read
  const Selection* selection = nullptr;  // null: everything
  size_t events_max = 256;
  size_t bytes_max = 1 << 20;  // of elements; a single event may exceed it
  bool newest_first = false;
};

// Matching events. The chunks keep the views of `events` alive.
struct Page {
  std::vector<StoredEvent> events;
  std::vector<ChunkPtr> chunks;
  // Everything that matches up to (newest_first: down to) here, this sequence included, is in `events`. A scan that
  // found little ends early: an empty page with read_to < head is not the end.
  uint64_t read_to = 0;
};

// What retention removes. Zero of either means: not by this.
struct TrimPolicy {
  absl::Duration age_max = absl::ZeroDuration();
  uint64_t bytes_max = 0;
  // From this sequence on everything stays, whatever the others say.
  uint64_t keep_from = UINT64_MAX;
};

// The files of a log on disk as of one moment, beside those that go on being written. They are removed with it. One
// thread; the engine must outlive it.
class LogSnapshot {
 public:
  struct File {
    std::string name;  // below the log's directory: `WEIR-LOG`, `db/000012.sst`
    std::string path;
    uint64_t bytes = 0;
  };

  virtual ~LogSnapshot() = default;

  // Of the log just before: everything in there is in the files.
  virtual const Bounds& bounds() const = 0;
  virtual const std::vector<File>& files() const = 0;
};

class LogEngine {
 public:
  // Called by Append after the events are durable and visible, on the thread that appends, in log order and without
  // holes. It must not block, and must not call Append or Trim.
  using Observer = std::function<void(std::span<const ChunkPtr>)>;

  virtual ~LogEngine() = default;

  // Stores the events in order and returns when they are durable: one result per event. An error means that nothing of
  // the batch may be acknowledged. UNAVAILABLE: the outcome of a sync is unknown, and the log is poisoned: every later
  // Append fails until the log is opened again. RESOURCE_EXHAUSTED: too little free space; nothing was stored.
  virtual absl::StatusOr<std::vector<AppendResult>> Append(std::span<const NewEvent> events) = 0;

  // One page. OUT_OF_RANGE when `after` < earliest - 1: events were removed there; never with newest_first, which ends
  // at the earliest. An `after` at or beyond the head gives an empty page that was read to `after`. DATA_LOSS: the log
  // is damaged there.
  virtual absl::StatusOr<Page> Read(const ReadRequest& request) const = 0;

  // The newest retained event of each matching topic with after < sequence <= until, in log order, at most events_max
  // and bytes_max of them; go on with after = read_to. `until` should be a head that stays the same over all pages.
  // Never OUT_OF_RANGE.
  virtual absl::StatusOr<Page> ReadLastPerTopic(const ReadRequest& request) const = 0;

  // The largest sequence whose publish time is before `time` (reading after it yields everything from `time` on): at
  // least earliest - 1, at most the head.
  virtual absl::StatusOr<uint64_t> SequenceBefore(absl::Time time) const = 0;

  virtual Bounds bounds() const = 0;

  // OK, or why the log is poisoned.
  virtual absl::Status health() const = 0;

  // Removes the oldest events that the policy no longer keeps, in whole segments; may keep a little more.
  virtual absl::Status Trim(const TrimPolicy& policy) = 0;

  // The first sequence that Trim would leave just now: the earliest, or the first of a segment, or head + 1.
  virtual uint64_t TrimPoint(const TrimPolicy& policy) const = 0;

  // A copy that can be opened as a log, under a new epoch. One at a time. UNIMPLEMENTED: the engine has no files;
  // FAILED_PRECONDITION: there is one already; UNAVAILABLE: the log is poisoned, or the disk fails or is full.
  virtual absl::StatusOr<std::unique_ptr<LogSnapshot>> Snapshot() {
    return absl::UnimplementedError("a log in memory has no files that could be copied");
  }

  // At most one, set before the first Append.
  virtual void SetObserver(Observer observer) = 0;

  virtual std::string_view name() const = 0;
};

}  // namespace weir::log

#endif  // WEIR_LOG_LOG_ENGINE_H_
