// The idempotence window: which (topic, event id) was stored lately, and under which sequence.
//
// Two fixed tables of {fingerprint, sequence}. New events go into the newer one; when it is full it becomes the older
// one, and what was older is forgotten. So at least half of events_max of the newest events are known, at most all of
// it. A fingerprint may lie, of which only the upper half and the place are kept: who finds one reads the stored event
// and compares.
#ifndef WEIR_LOG_DEDUPE_H_
#define WEIR_LOG_DEDUPE_H_

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace weir::log {

// One thread.
class IdempotenceWindow {
 public:
  using Sequences = absl::InlinedVector<uint64_t, 4>;

  explicit IdempotenceWindow(size_t events_max);

  // Takes the fingerprints of events that follow each other, from `first` on.
  using Take = absl::FunctionRef<void(std::span<const uint64_t> fingerprints, uint64_t first)>;
  // Gives those of the events in [begin, end) that are there, each once, in order. Called by two threads at once.
  using Read = absl::FunctionRef<absl::Status(uint64_t begin, uint64_t end, Take take)>;

  // Before all else: remembers the newest events_max of the events in [earliest, end), a thread for each table.
  absl::Status Restore(uint64_t earliest, uint64_t end, Read read);

  // So many events ahead of the one in hand Prefetch is worth most: longer than memory takes, short enough to be still
  // in the cache.
  static constexpr size_t kPrefetchEvents = 8;

  // Begins to load what Insert and Find of the fingerprint will touch: the tables are larger than any cache, so that
  // each event waits for memory unless this was called for it a few events before.
  void Prefetch(uint64_t fingerprint) const {
    __builtin_prefetch(&newer_.slots[fingerprint & mask_]);
    __builtin_prefetch(&older_.slots[fingerprint & mask_]);
  }

  // Sequences must come in increasing order, those of one table within 2^32.
  void Insert(uint64_t fingerprint, uint64_t sequence);

  // All sequences under the fingerprint, newest first; nearly always none or one.
  Sequences Find(uint64_t fingerprint) const;

  // Sequences below are forgotten.
  uint64_t floor() const { return older_.first_sequence != 0 ? older_.first_sequence : newer_.first_sequence; }

 private:
  struct Slot {
    uint32_t fingerprint;  // its upper half; the lower one says where to look
    uint32_t number;       // of the event, from 1 for the table's first; 0: free
  };
  struct Unmap {
    size_t bytes;
    void operator()(Slot* slots) const { munmap(slots, bytes); }
  };
  // Open addressing with linear probing, at most two thirds full. Mapped: memory that is never used costs none.
  struct Table {
    std::unique_ptr<Slot[], Unmap> slots;
    size_t count = 0;
    uint64_t first_sequence = 0;
  };

  Table MakeTable() const;
  absl::Status Fill(Table& table, uint64_t begin, uint64_t end, Read read);
  void Put(Table& table, uint64_t fingerprint, uint64_t sequence);
  void FindIn(const Table& table, uint64_t fingerprint, Sequences& out) const;

  const size_t table_events_max_;
  const size_t mask_;  // of slots
  Table newer_;
  Table older_;
};

}  // namespace weir::log

#endif  // WEIR_LOG_DEDUPE_H_
