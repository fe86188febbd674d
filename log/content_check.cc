#include "log/content_check.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "base/cursor.h"
#include "base/event_view.h"
#include "base/text.h"
#include "log/chunk.h"
#include "log/segment.h"
#include "log/segment_index.h"

namespace weir::log {
namespace {

constexpr char kIndexAdvice[] =
    "readers of single topics may miss events: restore the newest backup (docs/operations.md)";
constexpr char kFingerprintAdvice[] =
    "a publisher's retry may be stored twice; restore the newest backup if that matters (docs/operations.md)";

std::string EventPlace(uint64_t sequence) { return fmt::format("event {}", sequence); }

// The events' fingerprints, commit by commit, in step with the events.
class FingerprintWalk {
 public:
  FingerprintWalk(const RocksDbStore& store, Faults& faults) : faults_(faults), it_(store.Iterate(store.dedupe())) {
    it_->SeekToFirst();
    Load();
  }

  // In log order.
  void Check(uint64_t sequence, uint64_t fingerprint) {
    while (it_->Valid() && end() <= sequence) {
      Advance();
    }
    if (!it_->Valid() || first_ > sequence) {
      return;  // forgotten, or a hole that was told
    }
    if (fingerprints_[sequence - first_] != fingerprint) {
      faults_.Add(EventPlace(sequence), "its stored fingerprint is of another id", kFingerprintAdvice);
    }
  }

  // After the last event.
  void Finish(uint64_t head) {
    uint64_t reached = it_->Valid() ? end() : end_;
    while (it_->Valid()) {
      Advance();
      reached = end_;
    }
    if (!it_->status().ok()) {
      faults_.Add("dedupe", it_->status().ToString());
    } else if (reached != head + 1) {
      faults_.Add("dedupe", fmt::format("the fingerprints end with event {}, the log with {}", reached - 1, head),
                  kFingerprintAdvice);
    }
  }

 private:
  uint64_t end() const { return first_ + fingerprints_.size(); }

  void Advance() {
    end_ = end();
    it_->Next();
    Load();
    if (it_->Valid() && first_ != end_) {
      faults_.Add("dedupe", fmt::format("the fingerprints after event {} go on with event {}", end_ - 1, first_),
                  kFingerprintAdvice);
    }
  }

  void Load() {
    if (!it_->Valid()) {
      return;
    }
    first_ = format::NumberOf(TextOf(it_->key())).value_or(0);
    fingerprints_ = format::DecodeFingerprints(TextOf(it_->value()));
    if (it_->key().size() != 8 || it_->value().size() % 8 != 0 || fingerprints_.empty()) {
      faults_.Add("dedupe", fmt::format("the entry of event {} is not a list of fingerprints", first_),
                  kFingerprintAdvice);
    }
  }

  Faults& faults_;
  const std::unique_ptr<rocksdb::Iterator> it_;
  uint64_t first_ = 0;
  std::vector<uint64_t> fingerprints_;
  uint64_t end_ = 1;  // of the entry before
};

class ContentCheck {
 public:
  ContentCheck(const RocksDbStore& store, const FingerprintKey& key, const format::Trimmed& trimmed, Faults& faults)
      : store_(store),
        key_(key),
        faults_(faults),
        fingerprints_(store, faults),
        expected_(trimmed.earliest),
        last_millis_(trimmed.millis) {
    content_.earliest = trimmed.earliest;
  }

  LogContent Run() {
    ReadSegments();
    ReadEvents();
    while (segment_ < segments_.size()) {
      FinishSegment();
    }
    content_.head = expected_ - 1;
    content_.segments = segments_.size() + (scanned_.empty() ? 0 : 1);
    fingerprints_.Finish(content_.head);
    FindStrayPostings();
    return content_;
  }

 private:
  // Those before earliest wait to be removed.
  void ReadSegments() {
    uint64_t expected = content_.earliest;
    const std::unique_ptr<rocksdb::Iterator> it = store_.Iterate(store_.segments());
    for (it->Seek(format::NumberKey(expected)); it->Valid(); it->Next()) {
      const std::optional<format::SegmentRecord> record = format::DecodeSegment(TextOf(it->key()), TextOf(it->value()));
      if (!record.has_value() || it->key().size() != 8) {
        faults_.Add("segments", fmt::format("the entry after event {} is not a segment", expected - 1));
        continue;
      }
      if (record->info.first != expected) {
        faults_.Add("segments",
                    fmt::format("a segment begins with event {}; expected is {}", record->info.first, expected));
      }
      expected = record->info.last + 1;
      segments_.push_back(*record);
    }
    if (!it->status().ok()) {
      faults_.Add("segments", it->status().ToString());
    }
  }

  void ReadEvents() {
    const std::unique_ptr<rocksdb::Iterator> it = store_.Iterate(store_.events());
    it->Seek(format::NumberKey(expected_));
    while (true) {
      for (; it->Valid(); it->Next()) {
        ReadChunk(TextOf(it->key()), TextOf(it->value()));
      }
      if (it->status().ok()) {
        return;
      }
      faults_.Add(EventPlace(expected_),
                  fmt::format("it and what follows cannot be read: {}", it->status().ToString()));
      whole_ = false;
      // What lies behind a damaged table is found by the next segment that begins in another one.
      const auto next = std::find_if(segments_.begin(), segments_.end(), [&](const format::SegmentRecord& segment) {
        return segment.info.first > std::max(expected_, sought_);
      });
      if (next == segments_.end()) {
        return;
      }
      sought_ = next->info.first;
      resuming_ = true;
      it->Seek(format::NumberKey(sought_));
    }
  }

  void ReadChunk(std::string_view key, std::string_view value) {
    const uint64_t first = format::NumberOf(key).value_or(0);
    const absl::StatusOr<ChunkPtr> chunk = Chunk::Parse(std::string(value));
    if (!chunk.ok() || key.size() != 8 || (*chunk)->first_sequence() != first) {
      faults_.Add(EventPlace(first), chunk.ok() ? "it lies in another's place" : std::string(Message(chunk.status())));
      whole_ = false;
      resuming_ = true;
      return;
    }
    if (first != expected_) {
      if (!resuming_) {
        faults_.Add(EventPlace(expected_), first > expected_
                                               ? fmt::format("it is missing, and all before event {}", first)
                                               : fmt::format("event {} is there twice", first));
      }
      whole_ = false;
    }
    resuming_ = false;
    while (segment_ < segments_.size() && segments_[segment_].info.last < first) {
      FinishSegment();
    }
    if (segment_ < segments_.size() && segments_[segment_].info.last < (*chunk)->last_sequence()) {
      faults_.Add(EventPlace(first), "its chunk lies in two segments");
    }
    CheckChunk(**chunk);
    expected_ = (*chunk)->last_sequence() + 1;
    content_.events += (*chunk)->events().size();
    content_.bytes += value.size();
    scanned_.Add(**chunk);
    index_.Add(**chunk, scanned_.first);
  }

  void CheckChunk(const Chunk& chunk) {
    const size_t count = chunk.events().size();
    if (count > Chunk::kEventsMax || (count > 1 && chunk.bytes().size() > Chunk::kBytesMax)) {
      faults_.Add(EventPlace(chunk.first_sequence()), "its chunk is too large");
    }
    for (const StoredEvent& event : chunk.events()) {
      std::optional<Cursor> cursor;
      ForEachEvent(event.element, [&](std::string_view, std::string_view bytes) {
        EventView view;
        ReadEvent(bytes, view);
        cursor = Cursor::Parse(view.cursor);
        return false;
      });
      if (!cursor.has_value() || cursor->sequence != event.sequence) {
        faults_.Add(EventPlace(event.sequence), "its cursor is of another event");
      }
      if (event.publish_millis < last_millis_) {
        faults_.Add(EventPlace(event.sequence), "its publish time is before that of an earlier event");
      }
      last_millis_ = std::max(last_millis_, event.publish_millis);
      fingerprints_.Check(event.sequence, Fingerprint(key_, event.topic, event.id));
    }
  }

  // All chunks of the segment have been read.
  void FinishSegment() {
    const format::SegmentRecord& segment = segments_[segment_++];
    if (whole_ && expected_ != segment.info.last + 1) {
      faults_.Add(EventPlace(expected_), fmt::format("it is missing, and all up to event {}", segment.info.last));
      whole_ = false;
    }
    expected_ = std::max(expected_, segment.info.last + 1);
    if (whole_ && scanned_ != segment.info) {
      faults_.Add("segments", fmt::format("what is said of the segment from event {} on is not what its events say",
                                          segment.info.first));
    }
    if (whole_ && segment.indexed) {
      CheckPostings(segment.info.first);
    }
    scanned_ = SegmentInfo();
    index_ = SegmentIndex();
    whole_ = true;
  }

  void CheckPostings(uint64_t segment_first) {
    size_t topics = 0;
    const std::string prefix = format::NumberKey(segment_first);
    const std::unique_ptr<rocksdb::Iterator> it = store_.Iterate(store_.postings());
    for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
      const std::string_view topic = TextOf(it->key()).substr(prefix.size());
      const TopicPostings* const expected = index_.Find(topic);
      const absl::StatusOr<TopicPostings> found = DecodePostings(TextOf(it->value()));
      if (expected == nullptr || !found.ok() || *found != *expected) {
        faults_.Add("postings",
                    fmt::format("those of topic \"{}\" from event {} on are not what the events say", Quotable(topic),
                                segment_first),
                    kIndexAdvice);
      }
      ++topics;
    }
    if (!it->status().ok()) {
      faults_.Add("postings",
                  fmt::format("those from event {} on cannot be read: {}", segment_first, it->status().ToString()));
    } else if (topics < index_.topics().size()) {
      faults_.Add("postings",
                  fmt::format("{} topics of the segment from event {} on have none", index_.topics().size() - topics,
                              segment_first),
                  kIndexAdvice);
    }
  }

  // Postings of segments that there are not; those before earliest wait to be removed.
  void FindStrayPostings() {
    const std::unique_ptr<rocksdb::Iterator> it = store_.Iterate(store_.postings());
    for (it->Seek(format::NumberKey(content_.earliest)); it->Valid();) {
      const uint64_t first = format::NumberOf(TextOf(it->key())).value_or(0);
      if (std::none_of(segments_.begin(), segments_.end(),
                       [&](const format::SegmentRecord& segment) { return segment.info.first == first; })) {
        faults_.Add("postings", fmt::format("there are some of a segment from event {} on, which there is not", first),
                    kIndexAdvice);
      }
      it->Seek(format::NumberKey(first + 1));
    }
    if (!it->status().ok()) {
      faults_.Add("postings", it->status().ToString());
    }
  }

  const RocksDbStore& store_;
  const FingerprintKey key_;
  Faults& faults_;
  FingerprintWalk fingerprints_;
  LogContent content_;
  std::vector<format::SegmentRecord> segments_;
  size_t segment_ = 0;     // the one that is being read; beyond the last: the active one
  uint64_t expected_;      // the next sequence
  uint64_t sought_ = 0;    // where reading was last taken up again
  bool resuming_ = false;  // the hole before the next chunk was told
  bool whole_ = true;      // the segment, up to here
  int64_t last_millis_;
  SegmentInfo scanned_;
  SegmentIndex index_;
};

}  // namespace

LogContent CheckContent(const RocksDbStore& store, const FingerprintKey& key, const format::Trimmed& trimmed,
                        Faults& faults) {
  return ContentCheck(store, key, trimmed, faults).Run();
}

}  // namespace weir::log
