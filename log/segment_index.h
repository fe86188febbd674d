// Which events of a segment lie on which topic: in memory while the segment is written, as postings on disk afterwards.
#ifndef WEIR_LOG_SEGMENT_INDEX_H_
#define WEIR_LOG_SEGMENT_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/text.h"
#include "log/chunk.h"

namespace weir::log {

// The events of one type on one topic. Offsets count from the segment's first sequence and increase; never empty.
struct TypeOffsets {
  std::string type_name;
  std::vector<uint32_t> offsets;

  friend bool operator==(const TypeOffsets&, const TypeOffsets&) = default;
};

// All events on one topic: nearly always of one type.
using TopicPostings = std::vector<TypeOffsets>;

// As stored: for each type its name, the number of offsets, the first one, and the differences that follow.
std::string EncodePostings(const TopicPostings& postings);
absl::StatusOr<TopicPostings> DecodePostings(std::string_view bytes);

// Appends the sequences of `postings` that lie in [low, high], are of one of `types` (empty: all), and are among the
// `limit` first (newest_first: last) of them, in ascending (descending) order.
struct SequenceRange {
  uint64_t low = 0;
  uint64_t high = UINT64_MAX;
  size_t limit = SIZE_MAX;
  bool newest_first = false;
};
void CollectSequences(const TopicPostings& postings, uint64_t segment_first, const TextSet& types,
                      const SequenceRange& range, std::vector<uint64_t>& out);

// One writer; readers only when it is not written.
class SegmentIndex {
 public:
  // Adds the events of the chunk that follows; `segment_first` is the segment's first sequence.
  void Add(const Chunk& chunk, uint64_t segment_first);

  // Null when nothing lies on the topic.
  const TopicPostings* Find(std::string_view topic) const;

  const TextMap<TopicPostings>& topics() const { return topics_; }

 private:
  TextMap<TopicPostings> topics_;
};

}  // namespace weir::log

#endif  // WEIR_LOG_SEGMENT_INDEX_H_
