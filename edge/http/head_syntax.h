// The grammar of a request's head (RFC 9112, sections 2 to 5), read strictly: what two programs in a row might read
// differently is no request, so that nothing can be smuggled past the one into the other. Pure; any thread.
//
// Refused although a lenient reader would take it: lines that end with LF alone, CR elsewhere, control characters, NUL,
// folded lines, space around a header's name or more than one in the request line, empty names.
#ifndef WEIR_EDGE_HTTP_HEAD_SYNTAX_H_
#define WEIR_EDGE_HTTP_HEAD_SYNTAX_H_

#include <cstddef>
#include <optional>
#include <string_view>

#include "edge/http/problem.h"

namespace weir::edge {

// Further bounds of a head, besides its bytes.
inline constexpr size_t kHeaderLinesMax = 100;
inline constexpr size_t kTargetBytesMax = 12 * 1024;  // a token of the largest size fits
inline constexpr size_t kMethodBytesMax = 32;

// Why a head is refused. The detail repeats nothing of it.
struct HeadFault {
  Problem problem;
  std::string_view detail;
};

// What no head may hold, whether it is complete or not. The first `seen` bytes were looked at by an earlier call.
std::optional<HeadFault> FaultInBytes(std::string_view bytes, size_t seen);

// What is wrong with the lines of a complete head, its empty line included, in whose bytes is no fault.
std::optional<HeadFault> FaultInLines(std::string_view head);

// Whether the value of `Content-Length` is one: digits, and no more than a number has.
bool IsContentLength(std::string_view value);

// Whether the value of `Host` is one: a name, an IPv4 address or `[IPv6]`, perhaps with a port; or nothing.
bool IsHost(std::string_view value);

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_HEAD_SYNTAX_H_
