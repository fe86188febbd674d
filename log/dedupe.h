// The idempotence window: which (topic, event id) was stored lately, and under which sequence.
//
// Two fixed tables of {fingerprint, sequence}. New events go into the newer one; when it is full it becomes the older
// one, and what was older is forgotten. So at least half of events_max of the newest events are known, at most all of
// it. A fingerprint may lie: who finds one reads the stored event and compares.
#ifndef WEIR_LOG_DEDUPE_H_
#define WEIR_LOG_DEDUPE_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "absl/container/inlined_vector.h"

namespace weir::log {

// One thread.
class IdempotenceWindow {
 public:
  using Sequences = absl::InlinedVector<uint64_t, 4>;

  explicit IdempotenceWindow(size_t events_max);

  // So many Inserts follow, one after the other; before the first of them. Of so many that they would touch nearly all
  // of a table's memory, it is asked for in large pages: fewer of them have to be made and found.
  void Expect(size_t events);

  // Begins to load what Insert and Find of the fingerprint will touch: the tables are larger than any cache, so that
  // each event waits for memory unless this was called for it a few events before.
  void Prefetch(uint64_t fingerprint) const {
    __builtin_prefetch(&newer_.slots[fingerprint & mask_]);
    __builtin_prefetch(&older_.slots[fingerprint & mask_]);
  }

  // The same for an Insert without a Find.
  void PrefetchInsert(uint64_t fingerprint) const { __builtin_prefetch(&newer_.slots[fingerprint & mask_], 1); }

  // Sequences must come in increasing order.
  void Insert(uint64_t fingerprint, uint64_t sequence);

  // All sequences under the fingerprint, newest first; nearly always none or one.
  Sequences Find(uint64_t fingerprint) const;

  // Sequences below are forgotten.
  uint64_t floor() const { return older_.first_sequence != 0 ? older_.first_sequence : newer_.first_sequence; }

 private:
  struct Slot {
    uint64_t fingerprint;
    uint64_t sequence;  // 0: free
  };
  struct Free {
    void operator()(Slot* slots) const { std::free(slots); }
  };
  // Open addressing with linear probing, at most two thirds full. From calloc: memory that is never used costs none.
  struct Table {
    std::unique_ptr<Slot[], Free> slots;
    size_t count = 0;
    uint64_t first_sequence = 0;
  };

  Table MakeTable() const;
  void FindIn(const Table& table, uint64_t fingerprint, Sequences& out) const;

  const size_t table_events_max_;
  const size_t mask_;    // of slots
  size_t expected_ = 0;  // Inserts into the newer table and those after it
  Table newer_;
  Table older_;
};

}  // namespace weir::log

#endif  // WEIR_LOG_DEDUPE_H_
