// Containers keyed by text, and text for people.
//
// Debian's Abseil is built as C++14: there `absl::string_view` is a type of its own, which does not convert to or from
// `std::string_view`. Weir uses `std::string_view` and `fmt::format`, and these aliases in place of Abseil's hash
// tables of strings with their default functors.
#ifndef WEIR_BASE_TEXT_H_
#define WEIR_BASE_TEXT_H_

#include <functional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"

namespace weir {

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

// Look-ups take a std::string_view without making a string.
template <typename V>
using TextMap = absl::flat_hash_map<std::string, V, TextHash, std::equal_to<>>;
using TextSet = absl::flat_hash_set<std::string, TextHash, std::equal_to<>>;

// The text for an error message: control bytes, quotes and non-ASCII bytes escaped (`\n`, `\x07`), cut at `bytes_max`
// bytes of input with `…`.
std::string Quotable(std::string_view text, size_t bytes_max = 80);

inline std::string_view Message(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

}  // namespace weir

#endif  // WEIR_BASE_TEXT_H_
