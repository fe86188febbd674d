#include "log/segment_table.h"

#include <algorithm>
#include <utility>

namespace weir::log {

SegmentTable::SegmentTable(SealedSegments sealed, const SegmentInfo& active, std::shared_ptr<SegmentIndex> active_index,
                           const Totals& totals)
    : active_(active),
      active_index_(std::move(active_index)),
      head_(totals.head),
      bytes_(totals.bytes),
      earliest_(totals.earliest) {
  unindexed_ =
      sealed.indexes.size() - static_cast<size_t>(std::count(sealed.indexes.begin(), sealed.indexes.end(), nullptr));
  sealed_ = std::make_shared<const SealedSegments>(std::move(sealed));
}

SegmentTable::Snapshot SegmentTable::snapshot() const {
  const std::lock_guard lock(mutex_);
  return {head_, sealed_, active_, active_index_};
}

SegmentTable::Totals SegmentTable::totals() const {
  const std::lock_guard lock(mutex_);
  return {earliest(), head_, bytes_};
}

void SegmentTable::Append(const std::vector<Sequencer::Piece>& pieces) {
  const std::lock_guard lock(mutex_);
  for (const Sequencer::Piece& piece : pieces) {
    if (piece.begins_segment) {
      CloseActiveLocked();
    }
    active_.Add(*piece.chunk);
    active_index_->Add(*piece.chunk, active_.first);
    head_ = piece.chunk->last_sequence();
    bytes_ += piece.chunk->bytes().size();
  }
}

void SegmentTable::CloseActive() {
  const std::lock_guard lock(mutex_);
  CloseActiveLocked();
}

void SegmentTable::CloseActiveLocked() {
  if (active_.empty()) {
    return;
  }
  auto sealed = std::make_shared<SealedSegments>(*sealed_);
  sealed->infos.push_back(std::exchange(active_, SegmentInfo()));
  sealed->indexes.push_back(std::exchange(active_index_, std::make_shared<SegmentIndex>()));
  sealed_ = std::move(sealed);
  ++unindexed_;
  changed_.notify_all();
}

void SegmentTable::DropBefore(uint64_t earliest) {
  const std::lock_guard lock(mutex_);
  auto sealed = std::make_shared<SealedSegments>();
  for (size_t i = 0; i < sealed_->infos.size(); ++i) {
    if (sealed_->infos[i].first >= earliest) {
      sealed->infos.push_back(sealed_->infos[i]);
      sealed->indexes.push_back(sealed_->indexes[i]);
      continue;
    }
    bytes_ -= sealed_->infos[i].bytes;
    unindexed_ -= sealed_->indexes[i] == nullptr ? 0 : 1;
  }
  sealed_ = std::move(sealed);
  earliest_.store(earliest, std::memory_order_release);
  changed_.notify_all();
}

SegmentTable::Unindexed SegmentTable::WaitForUnindexed() const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return unindexed_ > 0 || stopped_; });
  if (stopped_) {
    return {};
  }
  const auto index =
      std::find_if(sealed_->indexes.begin(), sealed_->indexes.end(), [](const auto& each) { return each != nullptr; });
  return {sealed_->infos[static_cast<size_t>(index - sealed_->indexes.begin())], *index};
}

void SegmentTable::MarkIndexed(uint64_t segment_first) {
  const std::lock_guard lock(mutex_);
  auto sealed = std::make_shared<SealedSegments>(*sealed_);
  for (size_t i = 0; i < sealed->infos.size(); ++i) {
    if (sealed->infos[i].first == segment_first && sealed->indexes[i] != nullptr) {
      sealed->indexes[i] = nullptr;
      --unindexed_;
    }
  }
  sealed_ = std::move(sealed);
  changed_.notify_all();
}

void SegmentTable::WaitForRoom(size_t count_max) const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return unindexed_ <= count_max || stopped_; });
}

void SegmentTable::Stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

void SegmentTable::WithActiveIndex(absl::FunctionRef<void()> use) const {
  const std::lock_guard lock(mutex_);
  use();
}

}  // namespace weir::log
