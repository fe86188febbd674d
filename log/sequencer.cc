#include "log/sequencer.h"

#include <algorithm>
#include <utility>

#include "log/encode.h"

namespace weir::log {

Sequencer::Sequencer(const LogOptions& options, const LogState& state, IdempotenceWindow window)
    : options_(options),
      epoch_(state.epoch),
      key_(state.key),
      window_(std::move(window)),
      head_(state.head),
      last_millis_(state.last_millis),
      active_(state.active) {
  CloseIfFull();
}

void Sequencer::CloseIfFull() {
  if (active_.events() >= options_.segment_events_max || active_.bytes >= options_.segment_bytes_max) {
    CloseSegment();
  }
}

absl::StatusOr<AppendResult> Sequencer::Judge(std::span<const NewEvent> events, size_t index, uint64_t fingerprint,
                                              ReadChunk read) {
  using Outcome = AppendResult::Outcome;
  const NewEvent& event = events[index];
  const auto is_same_id = [&](const auto& other) { return other.topic == event.topic && other.id == event.id; };
  for (const uint64_t sequence : window_.Find(fingerprint)) {
    if (sequence >= batch_first_) {
      const NewEvent& earlier = events[batch_indexes_[sequence - batch_first_]];
      if (is_same_id(earlier)) {
        const bool same = SameContent(event, earlier);
        return AppendResult{same ? Outcome::kDuplicate : Outcome::kIdReused, sequence, last_millis_};
      }
      continue;
    }
    absl::StatusOr<ChunkPtr> chunk = read(sequence);
    if (!chunk.ok()) {
      return chunk.status();
    }
    if (*chunk == nullptr) {
      break;  // removed, and so are the older ones
    }
    const StoredEvent& stored = (*chunk)->at(sequence);
    if (stored.publish_millis < last_millis_ - absl::ToInt64Milliseconds(options_.idempotence_age_max)) {
      break;
    }
    if (is_same_id(stored)) {
      const bool same = SameContent(event, stored);
      return AppendResult{same ? Outcome::kDuplicate : Outcome::kIdReused, sequence, stored.publish_millis};
    }
  }
  return AppendResult();
}

absl::StatusOr<Sequencer::Batch> Sequencer::Prepare(std::span<const NewEvent> events, ReadChunk read) {
  last_millis_ = std::max(last_millis_, absl::ToUnixMillis(options_.clock()));
  batch_first_ = head_ + 1;
  batch_indexes_.clear();
  batch_fingerprints_.clear();
  for (const NewEvent& event : events) {
    batch_fingerprints_.push_back(Fingerprint(key_, event.topic, event.id));
  }
  Batch batch;
  batch.results.reserve(events.size());
  batch.fingerprints.reserve(events.size());
  ChunkBuilder builder(epoch_, last_millis_);
  const auto finish = [&] {
    batch.pieces.push_back({builder.Finish(), active_.empty()});
    active_.Add(*batch.pieces.back().chunk);
    CloseIfFull();
  };
  for (size_t i = 0; i < events.size(); ++i) {
    window_.Prefetch(batch_fingerprints_[std::min(i + IdempotenceWindow::kPrefetchEvents, events.size() - 1)]);
    const uint64_t fingerprint = batch_fingerprints_[i];
    absl::StatusOr<AppendResult> result = Judge(events, i, fingerprint, read);
    if (!result.ok()) {
      return result.status();
    }
    if (result->outcome == AppendResult::Outcome::kStored) {
      if (!builder.Fits(events[i], head_ + 1)) {
        finish();
      }
      builder.Add(events[i], ++head_);
      window_.Insert(fingerprint, head_);
      batch_indexes_.push_back(i);
      batch.fingerprints.push_back(fingerprint);
      *result = {AppendResult::Outcome::kStored, head_, last_millis_};
      if (active_.events() + builder.events() >= options_.segment_events_max) {
        finish();
      }
    }
    batch.results.push_back(*result);
  }
  if (builder.events() > 0) {
    finish();
  }
  return batch;
}

}  // namespace weir::log
