// Text of others for a log or a terminal.
#ifndef WEIR_BASE_VISIBLE_H_
#define WEIR_BASE_VISIBLE_H_

#include <string>
#include <string_view>

namespace weir {

// The text on one line, without control characters: those of ASCII, and those of Unicode's second set (U+0080 to
// U+009F), which terminals obey as well. They become `\n`, `\x1b`, `\u009b`; from U+007F on that is how JSON is
// written, too.
std::string Visible(std::string_view text);

}  // namespace weir

#endif  // WEIR_BASE_VISIBLE_H_
