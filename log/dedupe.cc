#include "log/dedupe.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <new>
#include <thread>
#include <utility>

namespace weir::log {
namespace {

constexpr size_t kPageBytes = 4096;

uint32_t UpperHalf(uint64_t fingerprint) { return static_cast<uint32_t>(fingerprint >> 32); }

}  // namespace

IdempotenceWindow::IdempotenceWindow(size_t events_max)
    : table_events_max_(std::max<size_t>(events_max / 2, 1)),
      mask_(std::bit_ceil(table_events_max_ + table_events_max_ / 2 + 1) - 1),
      newer_(MakeTable()),
      older_(MakeTable()) {}

IdempotenceWindow::Table IdempotenceWindow::MakeTable() const {
  const size_t bytes = (mask_ + 1) * sizeof(Slot);
  void* const slots = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (slots == MAP_FAILED) {
    throw std::bad_alloc();
  }
  Table table;
  table.slots = {static_cast<Slot*>(slots), Unmap{bytes}};
  return table;
}

absl::Status IdempotenceWindow::Restore(uint64_t earliest, uint64_t end, Read read) {
  const uint64_t newest = end - std::min<uint64_t>(end, 2 * table_events_max_);
  const uint64_t first = std::min(std::max(earliest, newest), end);
  if (end - first <= table_events_max_) {
    return Fill(newer_, first, end, read);
  }
  const uint64_t middle = first + table_events_max_;
  absl::Status older;
  std::thread thread([&] { older = Fill(older_, first, middle, read); });
  absl::Status status = Fill(newer_, middle, end, read);
  thread.join();
  status.Update(older);
  return status;
}

absl::Status IdempotenceWindow::Fill(Table& table, uint64_t begin, uint64_t end, Read read) {
  // Fingerprints are random: two for each page leave few pages untouched. Fewer large ones have to be made and found.
  const size_t bytes = (mask_ + 1) * sizeof(Slot);
  if ((end - begin) / 2 >= bytes / kPageBytes) {
    madvise(table.slots.get(), bytes, MADV_HUGEPAGE);  // if the kernel does not, nothing is lost
  }
  Table filled = std::move(table);  // the threads' counts lie apart
  absl::Status status = read(begin, end, [&](std::span<const uint64_t> fingerprints, uint64_t first) {
    for (size_t i = 0; i < fingerprints.size(); ++i) {
      const uint64_t ahead = fingerprints[std::min(i + kPrefetchEvents, fingerprints.size() - 1)];
      __builtin_prefetch(&filled.slots[ahead & mask_], 1);
      Put(filled, fingerprints[i], first + i);
    }
  });
  table = std::move(filled);
  return status;
}

void IdempotenceWindow::Insert(uint64_t fingerprint, uint64_t sequence) {
  if (newer_.count == table_events_max_) {
    older_ = std::exchange(newer_, MakeTable());
  }
  Put(newer_, fingerprint, sequence);
}

void IdempotenceWindow::Put(Table& table, uint64_t fingerprint, uint64_t sequence) {
  if (table.count++ == 0) {
    table.first_sequence = sequence;
  }
  size_t i = fingerprint & mask_;
  while (table.slots[i].number != 0) {
    i = (i + 1) & mask_;
  }
  table.slots[i] = {UpperHalf(fingerprint), static_cast<uint32_t>(sequence - table.first_sequence + 1)};
}

void IdempotenceWindow::FindIn(const Table& table, uint64_t fingerprint, Sequences& out) const {
  for (size_t i = fingerprint & mask_; table.slots[i].number != 0; i = (i + 1) & mask_) {
    if (table.slots[i].fingerprint == UpperHalf(fingerprint)) {
      out.push_back(table.first_sequence + table.slots[i].number - 1);
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
