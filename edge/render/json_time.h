// google.protobuf.Timestamp, Duration and FieldMask from wire bytes to JSON strings. Pure; any thread. Bounds-checked
// against any input.
#ifndef WEIR_EDGE_RENDER_JSON_TIME_H_
#define WEIR_EDGE_RENDER_JSON_TIME_H_

#include <string>
#include <string_view>

namespace weir::edge {

// Each appends a JSON string and returns null, or returns what is wrong; what was appended is then to be thrown away.

// RFC 3339 in UTC with 0, 3, 6 or 9 digits of a second.
const char* AppendTimestamp(std::string_view bytes, std::string& out);
// Seconds with 0, 3, 6 or 9 digits and `s`.
const char* AppendDuration(std::string_view bytes, std::string& out);
// Paths in lowerCamelCase, joined by commas.
const char* AppendFieldMask(std::string_view bytes, std::string& out);

}  // namespace weir::edge

#endif  // WEIR_EDGE_RENDER_JSON_TIME_H_
