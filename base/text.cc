#include "base/text.h"

#include <fmt/format.h>

#include <iterator>

namespace weir {

std::string Quotable(std::string_view text, size_t bytes_max) {
  std::string out;
  for (const char c : text.substr(0, bytes_max)) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c < 0x20 || c == 0x7F) {  // char is signed: also the bytes above 0x7F
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  if (text.size() > bytes_max) {
    out += "…";
  }
  return out;
}

}  // namespace weir
