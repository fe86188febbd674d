// The part of Append that needs no storage: gives each new event of a batch its sequence and publish time, recognises
// retries, cuts the events into chunks and the chunks into segments. Both engines only store what it says.
#ifndef WEIR_LOG_SEQUENCER_H_
#define WEIR_LOG_SEQUENCER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "base/cursor.h"
#include "log/chunk.h"
#include "log/dedupe.h"
#include "log/fingerprint.h"
#include "log/log_engine.h"
#include "log/log_options.h"
#include "log/segment.h"

namespace weir::log {

// Where a log was left.
struct LogState {
  Epoch epoch;
  FingerprintKey key;
  uint64_t head = 0;
  int64_t last_millis = 0;  // the largest publish time that was ever given
  SegmentInfo active;
};

// One thread.
class Sequencer {
 public:
  struct Piece {
    ChunkPtr chunk;
    bool begins_segment = false;  // the chunk is the first of a new segment
  };

  struct Batch {
    std::vector<AppendResult> results;   // one per event
    std::vector<Piece> pieces;           // what to store, in order
    std::vector<uint64_t> fingerprints;  // of the events to store, in order
  };

  // Reads the chunk that holds a sequence; null when the log no longer has it.
  using ReadChunk = absl::FunctionRef<absl::StatusOr<ChunkPtr>(uint64_t sequence)>;

  Sequencer(const LogOptions& options, const LogState& state, IdempotenceWindow window);

  // After an error, and when storing the batch failed, the sequencer is of no more use.
  absl::StatusOr<Batch> Prepare(std::span<const NewEvent> events, ReadChunk read);

  // The segment that was being written has ended: the next event begins another.
  void CloseSegment() { active_ = SegmentInfo(); }

  uint64_t head() const { return head_; }
  int64_t last_millis() const { return last_millis_; }
  // Older ids are forgotten.
  uint64_t window_floor() const { return window_.floor(); }

 private:
  // What an earlier event with the same topic and id means for a new one; kStored when there is none.
  absl::StatusOr<AppendResult> Judge(std::span<const NewEvent> events, size_t index, uint64_t fingerprint,
                                     ReadChunk read);
  void CloseIfFull();

  const LogOptions options_;
  const Epoch epoch_;
  const FingerprintKey key_;
  IdempotenceWindow window_;
  uint64_t head_;
  int64_t last_millis_;
  SegmentInfo active_;
  // Of the batch in hand: the first sequence, and which event got which.
  uint64_t batch_first_ = 0;
  std::vector<size_t> batch_indexes_;
  std::vector<uint64_t> batch_fingerprints_;  // of all its events
};

}  // namespace weir::log

#endif  // WEIR_LOG_SEQUENCER_H_
