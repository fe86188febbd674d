#include "log/dedupe.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <new>
#include <utility>

namespace weir::log {
namespace {

constexpr size_t kPageBytes = 4096;

// If the kernel does not, nothing is lost.
void AskForLargePages(void* memory, size_t bytes) {
  const size_t skipped = -reinterpret_cast<uintptr_t>(memory) % kPageBytes;
  if (bytes > skipped) {
    madvise(static_cast<char*>(memory) + skipped, bytes - skipped, MADV_HUGEPAGE);
  }
}

}  // namespace

IdempotenceWindow::IdempotenceWindow(size_t events_max)
    : table_events_max_(std::max<size_t>(events_max / 2, 1)),
      mask_(std::bit_ceil(table_events_max_ + table_events_max_ / 2 + 1) - 1),
      newer_(MakeTable()),
      older_(MakeTable()) {}

IdempotenceWindow::Table IdempotenceWindow::MakeTable() const {
  auto* slots = static_cast<Slot*>(std::calloc(mask_ + 1, sizeof(Slot)));
  if (slots == nullptr) {
    throw std::bad_alloc();
  }
  // Fingerprints are random: two for each page leave few pages untouched.
  const size_t bytes = (mask_ + 1) * sizeof(Slot);
  if (expected_ / 2 >= bytes / kPageBytes) {
    AskForLargePages(slots, bytes);
  }
  Table table;
  table.slots.reset(slots);
  return table;
}

void IdempotenceWindow::Expect(size_t events) {
  expected_ = events;
  newer_ = MakeTable();
}

void IdempotenceWindow::Insert(uint64_t fingerprint, uint64_t sequence) {
  if (newer_.count == table_events_max_) {
    expected_ -= std::min(expected_, table_events_max_);
    older_ = std::exchange(newer_, MakeTable());
  }
  if (newer_.count++ == 0) {
    newer_.first_sequence = sequence;
  }
  size_t i = fingerprint & mask_;
  while (newer_.slots[i].sequence != 0) {
    i = (i + 1) & mask_;
  }
  newer_.slots[i] = {fingerprint, sequence};
}

void IdempotenceWindow::FindIn(const Table& table, uint64_t fingerprint, Sequences& out) const {
  for (size_t i = fingerprint & mask_; table.slots[i].sequence != 0; i = (i + 1) & mask_) {
    if (table.slots[i].fingerprint == fingerprint) {
      out.push_back(table.slots[i].sequence);
    }
  }
}

IdempotenceWindow::Sequences IdempotenceWindow::Find(uint64_t fingerprint) const {
  Sequences found;
  FindIn(newer_, fingerprint, found);
  FindIn(older_, fingerprint, found);
  if (found.size() > 1) {
    std::sort(found.begin(), found.end(), std::greater<>());
  }
  return found;
}

}  // namespace weir::log
