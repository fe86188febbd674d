// A request's target, taken apart: the path and the query's parameters, strictly decoded.
//
// Strict means that what two programs might read differently is refused: raw control bytes, spaces and non-ASCII bytes,
// `%` without two hex digits, `%00` and other encoded control bytes, an encoded slash or backslash in the path, a query
// that is not UTF-8 after decoding. A target in absolute form, `http://host/…`, is meant for a proxy: it would be a
// second name of the host. In the query `+` is a space, as in HTML forms. Pure; any thread.
#ifndef WEIR_EDGE_HTTP_TARGET_H_
#define WEIR_EDGE_HTTP_TARGET_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace weir::edge {

inline constexpr size_t kQueryParametersMax = 64;

// The parameters in the order they came. Names may repeat; whoever uses one decides whether that is a fault.
class Query {
 public:
  void Add(std::string name, std::string value) { parameters_.emplace_back(std::move(name), std::move(value)); }
  // The first value of that name.
  std::optional<std::string_view> Find(std::string_view name) const;
  size_t Count(std::string_view name) const;
  size_t size() const { return parameters_.size(); }

 private:
  std::vector<std::pair<std::string, std::string>> parameters_;
};

struct Target {
  std::string path;  // decoded; begins with `/`
  Query query;
};

// INVALID_ARGUMENT: not `/…`, badly encoded, or more than kQueryParametersMax parameters. The
// message never repeats the target, which may hold a token.
absl::StatusOr<Target> ParseTarget(std::string_view target);

// Whether the bytes are well-formed UTF-8 (no surrogates, no overlong forms).
bool IsUtf8(std::string_view text);

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_TARGET_H_
