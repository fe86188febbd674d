#include "base/visible.h"

#include <fmt/format.h>

#include <iterator>

namespace weir {

std::string Visible(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : '\0');
    if (c == '\n') {
      out += "\\n";
    } else if (c < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", c);
    } else if (c == 0x7F) {
      out += "\\u007f";
    } else if (c == 0xC2 && next >= 0x80 && next <= 0x9F) {
      fmt::format_to(std::back_inserter(out), "\\u00{:02x}", next);
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace weir
