// Judges what readers of one stream were given, by the ids of events alone: each reader should get what any other gets,
// in order, once. Which events a reader should have is known from those that others had, and from those that were
// published. Pure.
#ifndef WEIR_LOAD_DELIVERY_CHECK_H_
#define WEIR_LOAD_DELIVERY_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::load {

// One thread at a time.
class DeliveryCheck {
 public:
  // Different events that are judged; what comes after so many is not (12 bytes each, rounded up to 16).
  static constexpr size_t kEventsMax = 4'000'000;
  // Deliveries whose time is kept (16 bytes each): every n-th reader's.
  static constexpr size_t kTimesMax = 1'000'000;

  struct Delivery {
    uint64_t sequence;
    int64_t nanos;
  };

  // `deliveries` is about how many will come.
  DeliveryCheck(size_t readers, double deliveries);

  // All readers have begun: what comes now and is newer than anything before, all should get.
  void Start() { from_ = newest_; }
  void Took(size_t reader, uint64_t sequence, int64_t nanos);

  uint64_t newest() const { return newest_; }
  // Events that a reader had twice in a row.
  uint64_t doubled() const { return doubled_; }
  // Deliveries behind a newer event.
  uint64_t disordered() const { return disordered_; }
  // Deliveries up to the event `to` that did not come, or were out of order. `published` are the sequences that should
  // have come besides, in order.
  uint64_t Lost(uint64_t to, const std::vector<uint64_t>& published) const;
  const std::vector<Delivery>& times() const { return times_; }
  // There were more events than can be judged.
  bool overflowed() const { return overflowed_; }

 private:
  struct Event {
    uint64_t sequence;
    uint32_t readers;  // that had it
  };
  struct Reader {
    uint64_t last = 0;
    size_t next = 0;  // where its next event probably is
  };

  void Count(Reader& reader, uint64_t sequence);

  std::vector<Reader> readers_;
  const size_t timed_each_;
  uint64_t from_ = UINT64_MAX;
  uint64_t newest_ = 0;
  uint64_t doubled_ = 0;
  uint64_t disordered_ = 0;
  bool overflowed_ = false;
  std::vector<Event> events_;  // by sequence
  std::vector<Delivery> times_;
};

}  // namespace weir::load

#endif  // WEIR_LOAD_DELIVERY_CHECK_H_
