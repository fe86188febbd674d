#include "log/rocksdb_view.h"

#include <string>
#include <utility>

#include "base/event_view.h"
#include "fmt/format.h"
#include "log/encode.h"
#include "log/rocksdb_format.h"

namespace weir::log {

absl::StatusOr<ChunkPtr> DecodeChunk(std::string_view value, Epoch epoch, size_t events) {
  std::string elements(value);
  if (!ReplaceEpoch(elements, epoch)) {
    return absl::DataLossError(fmt::format("a chunk of {} bytes does not hold events of the log", value.size()));
  }
  return Chunk::Parse(std::move(elements), events);
}

RocksDbView::RocksDbView(const RocksDbStore& store, const SegmentTable& table, Epoch epoch)
    : store_(store),
      table_(table),
      epoch_(epoch),
      snapshot_(table.snapshot()),
      events_(store.Iterate(store.events())) {}

std::span<const SegmentInfo> RocksDbView::segments() const {
  if (segments_.empty()) {
    segments_ = snapshot_.sealed->infos;
    if (!snapshot_.active.empty()) {
      segments_.push_back(snapshot_.active);
    }
  }
  return segments_;
}

void RocksDbView::Move(uint64_t sequence) {
  if (chunk_ != nullptr && sequence == chunk_->last_sequence() + 1) {
    events_->Next();
  } else if (chunk_ != nullptr && sequence + 1 == chunk_->first_sequence()) {
    events_->Prev();
  } else {
    events_->SeekForPrev(format::NumberKey(sequence));
  }
  chunk_ = nullptr;
}

absl::StatusOr<ChunkPtr> RocksDbView::ChunkAt(uint64_t sequence) {
  if (chunk_ != nullptr && chunk_->Holds(sequence)) {
    return chunk_;
  }
  Move(sequence);
  if (!events_->Valid()) {
    return NoEvent(sequence);
  }
  absl::StatusOr<ChunkPtr> chunk = DecodeChunk(TextOf(events_->value()), epoch_);
  if (!chunk.ok()) {
    return chunk.status();
  }
  if (!(*chunk)->Holds(sequence)) {
    return NoEvent(sequence);
  }
  chunk_ = *std::move(chunk);
  return chunk_;
}

absl::Status RocksDbView::NoEvent(uint64_t sequence) const {
  return events_->status().ok()
             ? absl::DataLossError(fmt::format("the log in {} has no event {}", store_.path(), sequence))
             : FromRocksDb(events_->status(), fmt::format("reading the log in {}", store_.path()));
}

absl::StatusOr<ChunkPtr> RocksDbView::EventAt(uint64_t sequence) {
  if (chunk_ != nullptr && chunk_->Holds(sequence)) {
    return chunk_;
  }
  chunk_ = nullptr;
  std::string_view element = ElementHere(sequence);
  if (element.empty()) {
    element = Find(sequence);
  }
  if (element.empty()) {
    return NoEvent(sequence);
  }
  absl::StatusOr<ChunkPtr> event = DecodeChunk(element, epoch_, 1);
  if (event.ok() && (*event)->first_sequence() != sequence) {
    return NoEvent(sequence);
  }
  return event;
}

// SeekForPrev would always do, but RocksDB then steps back once more, often into another block, and reads the last
// block of each table that ends before. So the seek goes to the first place where the chunk may begin, and on from
// there: one step at most, once it is known how large the chunks are.
std::string_view RocksDbView::Find(uint64_t sequence) {
  events_->Seek(format::NumberKey(sequence > back_ ? sequence - back_ : 1));
  for (bool first = true; events_->Valid() && KeyHere() <= sequence; first = false, events_->Next()) {
    if (const std::string_view element = ElementHere(sequence); !element.empty()) {
      back_ = first ? back_ : back_ / 2;
      return element;
    }
  }
  back_ = Chunk::kEventsMax - 1;
  if (!events_->status().ok()) {
    return {};
  }
  events_->SeekForPrev(format::NumberKey(sequence));
  return ElementHere(sequence);
}

uint64_t RocksDbView::KeyHere() const { return format::NumberOf(TextOf(events_->key())).value_or(UINT64_MAX); }

std::string_view RocksDbView::ElementHere(uint64_t sequence) const {
  if (!events_->Valid() || KeyHere() > sequence || sequence - KeyHere() >= Chunk::kEventsMax) {
    return {};
  }
  std::string_view found;
  ForEachEvent(TextOf(events_->value()), [&, next = KeyHere()](std::string_view element, std::string_view) mutable {
    found = next == sequence ? element : found;
    return next++ != sequence;
  });
  return found;
}

const SegmentIndex* RocksDbView::IndexOf(size_t segment) const {
  return IsActive(segment) ? snapshot_.active_index.get() : snapshot_.sealed->indexes[segment].get();
}

absl::Status RocksDbView::WithPostings(size_t segment, std::string_view topic,
                                       absl::FunctionRef<void(const TopicPostings&)> use) {
  if (const SegmentIndex* index = IndexOf(segment); index != nullptr) {
    const auto look_up = [&] {
      if (const TopicPostings* postings = index->Find(topic); postings != nullptr) {
        use(*postings);
      }
    };
    // Only the active segment's is still written.
    if (IsActive(segment)) {
      table_.WithActiveIndex(look_up);
    } else {
      look_up();
    }
    return absl::OkStatus();
  }
  const absl::StatusOr<std::optional<std::string>> value =
      store_.Get(store_.postings(), format::PostingsKey(snapshot_.sealed->infos[segment].first, topic));
  if (!value.ok() || !value->has_value()) {
    return value.status();
  }
  const absl::StatusOr<TopicPostings> postings = DecodePostings(**value);
  if (postings.ok()) {
    use(*postings);
  }
  return postings.status();
}

absl::Status RocksDbView::ForEachTopic(size_t segment,
                                       absl::FunctionRef<void(std::string_view, const TopicPostings&)> use) {
  if (const SegmentIndex* index = IndexOf(segment); index != nullptr) {
    const auto visit = [&] {
      for (const auto& [topic, postings] : index->topics()) {
        use(topic, postings);
      }
    };
    if (IsActive(segment)) {
      table_.WithActiveIndex(visit);
    } else {
      visit();
    }
    return absl::OkStatus();
  }
  const std::string prefix = format::NumberKey(snapshot_.sealed->infos[segment].first);
  const std::unique_ptr<rocksdb::Iterator> it = store_.Iterate(store_.postings());
  for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
    const absl::StatusOr<TopicPostings> postings = DecodePostings(TextOf(it->value()));
    if (!postings.ok()) {
      return postings.status();
    }
    use(TextOf(it->key()).substr(prefix.size()), *postings);
  }
  return FromRocksDb(it->status(), fmt::format("reading the log in {}", store_.path()));
}

}  // namespace weir::log
