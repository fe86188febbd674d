#include "log/segment_index.h"

#include <algorithm>
#include <functional>

#include "absl/status/status.h"
#include "base/wire.h"

namespace weir::log {

std::string EncodePostings(const TopicPostings& postings) {
  std::string out;
  for (const TypeOffsets& type : postings) {
    wire::AppendVarint(out, type.type_name.size());
    out.append(type.type_name);
    wire::AppendVarint(out, type.offsets.size());
    uint32_t last = 0;
    for (const uint32_t offset : type.offsets) {
      wire::AppendVarint(out, offset - last);
      last = offset;
    }
  }
  return out;
}

absl::StatusOr<TopicPostings> DecodePostings(std::string_view bytes) {
  TopicPostings postings;
  while (!bytes.empty()) {
    wire::Reader name(bytes);
    uint64_t size = 0;
    if (!name.Varint(size) || size > name.rest().size()) {
      return absl::DataLossError("postings are cut within a type's name");
    }
    TypeOffsets& type = postings.emplace_back();
    type.type_name = name.rest().substr(0, size);
    wire::Reader numbers(name.rest().substr(size));
    uint64_t count = 0;
    if (!numbers.Varint(count) || count == 0 || count > numbers.rest().size()) {
      return absl::DataLossError("postings have a wrong number of offsets");
    }
    type.offsets.reserve(count);
    uint64_t offset = 0;
    for (uint64_t i = 0; i < count; ++i) {
      uint64_t difference = 0;
      if (!numbers.Varint(difference) || (i > 0 && difference == 0) || difference > UINT32_MAX - offset) {
        return absl::DataLossError("postings have offsets that do not increase");
      }
      offset += difference;
      type.offsets.push_back(static_cast<uint32_t>(offset));
    }
    bytes = numbers.rest();
  }
  return postings;
}

void CollectSequences(const TopicPostings& postings, uint64_t segment_first, const TextSet& types,
                      const SequenceRange& range, std::vector<uint64_t>& out) {
  if (range.high < segment_first || range.high < range.low) {
    return;
  }
  const uint64_t low = range.low > segment_first ? range.low - segment_first : 0;
  const uint64_t high = range.high - segment_first;
  const size_t begin = out.size();
  for (const TypeOffsets& type : postings) {
    if (!types.empty() && !types.contains(type.type_name)) {
      continue;
    }
    auto first = std::lower_bound(type.offsets.begin(), type.offsets.end(), low);
    auto last = std::upper_bound(first, type.offsets.end(), high);
    if (static_cast<size_t>(last - first) > range.limit) {
      const auto limit = static_cast<std::ptrdiff_t>(range.limit);
      if (range.newest_first) {
        first = last - limit;
      } else {
        last = first + limit;
      }
    }
    for (; first != last; ++first) {
      out.push_back(segment_first + *first);
    }
  }
  const auto added = out.begin() + static_cast<std::ptrdiff_t>(begin);
  if (range.newest_first) {
    std::sort(added, out.end(), std::greater<>());
  } else {
    std::sort(added, out.end());
  }
  if (out.size() - begin > range.limit) {
    out.resize(begin + range.limit);
  }
}

void SegmentIndex::Add(const Chunk& chunk, uint64_t segment_first) {
  for (const StoredEvent& event : chunk.events()) {
    auto it = topics_.find(event.topic);
    if (it == topics_.end()) {
      it = topics_.emplace(std::string(event.topic), TopicPostings()).first;
    }
    TopicPostings& postings = it->second;
    auto type = std::find_if(postings.begin(), postings.end(),
                             [&](const TypeOffsets& known) { return known.type_name == event.type_name; });
    if (type == postings.end()) {
      type = postings.insert(postings.end(), TypeOffsets{std::string(event.type_name), {}});
    }
    type->offsets.push_back(static_cast<uint32_t>(event.sequence - segment_first));
  }
}

const TopicPostings* SegmentIndex::Find(std::string_view topic) const {
  const auto it = topics_.find(topic);
  return it == topics_.end() ? nullptr : &it->second;
}

}  // namespace weir::log
