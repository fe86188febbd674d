// The values that a configuration file may hold: plain YAML scalars, durations and byte counts. Pure; any thread.
#ifndef WEIR_BASE_CONFIG_VALUE_H_
#define WEIR_BASE_CONFIG_VALUE_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "absl/time/time.h"

namespace weir {

// What an unquoted scalar means by the YAML 1.2 core schema.
struct PlainText {};
struct PlainNull {};
using PlainScalar = std::variant<PlainText, PlainNull, bool, int64_t, uint64_t, double>;

// `uint64_t` is only used for whole numbers that `int64_t` does not hold; larger ones become `double`.
PlainScalar ResolvePlain(std::string_view text);

// `30s`, `5m`, `24h`, `500ms`, `1h30m`, `0s`: numbers with a unit of ms, s, m or h. Not negative, not infinite.
std::optional<absl::Duration> ParseDurationText(std::string_view text);

// `65536`, `64KiB`, `16MiB`, `2GiB`, `1TiB`: a whole number with or without a unit. Null also when it exceeds 64 bits.
std::optional<uint64_t> ParseBytesText(std::string_view text);

// A name of `candidates` that `text` is probably meant to be: at most two edits, or a third of its length, away.
// Empty when none is that near.
template <typename Names>
std::string_view DidYouMean(std::string_view text, const Names& candidates);

// The edit distance of Levenshtein.
size_t EditDistance(std::string_view a, std::string_view b);

template <typename Names>
std::string_view DidYouMean(std::string_view text, const Names& candidates) {
  size_t best = text.size() / 3 > 2 ? text.size() / 3 : 2;
  std::string_view found;
  for (const auto& name : candidates) {
    const size_t distance = EditDistance(text, name);
    if (distance <= best && distance < text.size()) {
      best = distance - (distance > 0 ? 1 : 0);
      found = name;
    }
  }
  return found;
}

}  // namespace weir

#endif  // WEIR_BASE_CONFIG_VALUE_H_
