#include "log/rocksdb_format.h"

#include <cstring>

#include "base/wire.h"

namespace weir::log::format {
namespace {

// Little-endian, as this machine's.
std::string WordBytes(std::span<const uint64_t> words) {
  return std::string(reinterpret_cast<const char*>(words.data()), words.size_bytes());
}

}  // namespace

std::string NumberKey(uint64_t number) {
  std::string key(8, '\0');
  for (int i = 7; i >= 0; --i) {
    key[static_cast<size_t>(i)] = static_cast<char>(number & 0xFF);
    number >>= 8;
  }
  return key;
}

std::optional<uint64_t> NumberOf(std::string_view key) {
  if (key.size() < 8) {
    return std::nullopt;
  }
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i) {
    number = (number << 8) | static_cast<uint8_t>(key[i]);
  }
  return number;
}

std::string PostingsKey(uint64_t segment_first, std::string_view topic) {
  return NumberKey(segment_first).append(topic);
}

std::string Encode(const Trimmed& trimmed) {
  std::string out;
  wire::AppendVarint(out, trimmed.earliest);
  wire::AppendVarint(out, static_cast<uint64_t>(trimmed.millis));
  return out;
}

std::optional<Trimmed> DecodeTrimmed(std::string_view bytes) {
  wire::Reader numbers(bytes);
  Trimmed trimmed;
  uint64_t millis = 0;
  if (!numbers.Varint(trimmed.earliest) || !numbers.Varint(millis) || trimmed.earliest == 0) {
    return std::nullopt;
  }
  trimmed.millis = static_cast<int64_t>(millis);
  return trimmed;
}

std::string Encode(const SegmentRecord& record) {
  std::string out;
  wire::AppendVarint(out, record.info.last);
  wire::AppendVarint(out, record.info.bytes);
  wire::AppendVarint(out, static_cast<uint64_t>(record.info.first_millis));
  wire::AppendVarint(out, static_cast<uint64_t>(record.info.last_millis));
  wire::AppendVarint(out, record.indexed ? 1 : 0);
  return out;
}

std::optional<SegmentRecord> DecodeSegment(std::string_view key, std::string_view bytes) {
  const std::optional<uint64_t> first = NumberOf(key);
  wire::Reader numbers(bytes);
  SegmentRecord record;
  uint64_t first_millis = 0;
  uint64_t last_millis = 0;
  uint64_t indexed = 0;
  if (!first.has_value() || !numbers.Varint(record.info.last) || !numbers.Varint(record.info.bytes) ||
      !numbers.Varint(first_millis) || !numbers.Varint(last_millis) || !numbers.Varint(indexed) || *first == 0 ||
      record.info.last < *first) {
    return std::nullopt;
  }
  record.info.first = *first;
  record.info.first_millis = static_cast<int64_t>(first_millis);
  record.info.last_millis = static_cast<int64_t>(last_millis);
  record.indexed = indexed != 0;
  return record;
}

std::string Encode(const FingerprintKey& key) { return WordBytes(key.words); }

std::optional<FingerprintKey> DecodeFingerprintKey(std::string_view bytes) {
  FingerprintKey key;
  if (bytes.size() != sizeof(key.words)) {
    return std::nullopt;
  }
  std::memcpy(key.words.data(), bytes.data(), bytes.size());
  return key;
}

std::string EncodeFingerprints(std::span<const uint64_t> fingerprints) { return WordBytes(fingerprints); }

std::vector<uint64_t> DecodeFingerprints(std::string_view bytes) {
  std::vector<uint64_t> fingerprints(bytes.size() / 8);
  std::memcpy(fingerprints.data(), bytes.data(), fingerprints.size() * 8);
  return fingerprints;
}

}  // namespace weir::log::format
