// The keys and values of a log on disk, as docs/log-format.md defines them. Pure.
#ifndef WEIR_LOG_ROCKSDB_FORMAT_H_
#define WEIR_LOG_ROCKSDB_FORMAT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "log/fingerprint.h"
#include "log/segment.h"

namespace weir::log::format {

// Column families. `default` holds the few facts about the log as a whole.
inline constexpr char kEvents[] = "events";
inline constexpr char kSegments[] = "segments";
inline constexpr char kPostings[] = "postings";
inline constexpr char kDedupe[] = "dedupe";

// Keys of `default`.
inline constexpr std::string_view kEpochKey = "epoch";
inline constexpr std::string_view kFingerprintKey = "fingerprint-key";
inline constexpr std::string_view kTrimmedKey = "trimmed";
inline constexpr std::string_view kStateKey = "state";

// Values of `state`: how the log was closed, or how it is being written.
inline constexpr std::string_view kStateClean = "clean";
inline constexpr std::string_view kStateAlways = "always";
inline constexpr std::string_view kStateNever = "never";

// Eight bytes, big-endian: keys sort as their numbers.
std::string NumberKey(uint64_t number);
std::optional<uint64_t> NumberOf(std::string_view key);  // of the first eight bytes

std::string PostingsKey(uint64_t segment_first, std::string_view topic);

// What was removed: everything before `earliest`, and no publish time may be smaller than `millis`.
struct Trimmed {
  uint64_t earliest = 1;
  int64_t millis = 0;
};
std::string Encode(const Trimmed& trimmed);
std::optional<Trimmed> DecodeTrimmed(std::string_view bytes);

// A segment that has ended. `indexed`: its postings are in the postings column family.
struct SegmentRecord {
  SegmentInfo info;
  bool indexed = false;
};
std::string Encode(const SegmentRecord& record);  // without info.first, which is the key
std::optional<SegmentRecord> DecodeSegment(std::string_view key, std::string_view bytes);

std::string Encode(const FingerprintKey& key);
std::optional<FingerprintKey> DecodeFingerprintKey(std::string_view bytes);

// The fingerprints of events that follow each other.
std::string EncodeFingerprints(std::span<const uint64_t> fingerprints);
std::vector<uint64_t> DecodeFingerprints(std::string_view bytes);

}  // namespace weir::log::format

#endif  // WEIR_LOG_ROCKSDB_FORMAT_H_
