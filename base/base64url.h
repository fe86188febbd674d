// Base64url without padding (RFC 4648 section 5; RFC 7515 section 2). Pure; any thread.
#ifndef WEIR_BASE_BASE64URL_H_
#define WEIR_BASE_BASE64URL_H_

#include <optional>
#include <string>
#include <string_view>

namespace weir {

std::string Base64UrlEncode(std::string_view bytes);

// Null unless `text` is exactly what Base64UrlEncode writes: no padding, no white space, no stray bits at the end.
std::optional<std::string> Base64UrlDecode(std::string_view text);

}  // namespace weir

#endif  // WEIR_BASE_BASE64URL_H_
