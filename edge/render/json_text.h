// Writing JSON's strings and numbers, on one line. Pure; any thread.
#ifndef WEIR_EDGE_RENDER_JSON_TEXT_H_
#define WEIR_EDGE_RENDER_JSON_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::edge {

// Appends a JSON string with its quotes. Control characters, quotes and backslashes are escaped, and so are U+0085,
// U+2028 and U+2029, which some SSE clients take for the end of a line. False when `text` is not UTF-8; what was
// appended is then to be thrown away.
bool AppendJsonString(std::string_view text, std::string& out);

// Appends `bytes` in base64 (RFC 4648, with padding) as a JSON string.
void AppendJsonBase64(std::string_view bytes, std::string& out);

void AppendInt(int64_t value, std::string& out);
void AppendUint(uint64_t value, std::string& out);

// The shortest decimal that reads back as the same value; "NaN", "Infinity" and "-Infinity" as strings.
void AppendJsonDouble(double value, std::string& out);
void AppendJsonFloat(float value, std::string& out);

}  // namespace weir::edge

#endif  // WEIR_EDGE_RENDER_JSON_TEXT_H_
