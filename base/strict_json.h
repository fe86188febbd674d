// JSON that every reader understands alike, for what decides who may have what. Pure; any thread.
#ifndef WEIR_BASE_STRICT_JSON_H_
#define WEIR_BASE_STRICT_JSON_H_

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace weir {

struct StrictJsonLimits {
  size_t bytes_max;
  int depth_max;      // levels of objects and arrays
  size_t values_max;  // values of any kind, the object itself among them
};

// Whether the parser reads all of the text: it ends at a NUL, whatever follows, and passes over a byte order mark.
// Others do neither.
inline bool IsReadWhole(std::string_view text) {
  return text.find('\0') == std::string_view::npos && !text.starts_with("\xEF\xBB\xBF");
}

// An object (RFC 8259, UTF-8), and nothing around it: no byte order mark, no NUL. Null when it is anything else, has a
// member twice (of which readers differ whether the first or the last one counts), or is beyond a limit.
std::optional<nlohmann::json> ParseStrictJson(std::string_view text, const StrictJsonLimits& limits);

}  // namespace weir

#endif  // WEIR_BASE_STRICT_JSON_H_
