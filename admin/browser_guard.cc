#include "admin/browser_guard.h"

#include <algorithm>
#include <string>

namespace weir::admin {
namespace {

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

// Without the port.
std::string_view NameOf(std::string_view host) {
  if (host.starts_with('[')) {
    return host.substr(0, host.find(']') + 1);
  }
  return host.substr(0, host.find(':'));
}

bool IsLoopbackName(std::string_view host) {
  const std::string name = Lower(NameOf(host));
  // Also without one, as of HTTP/1.0: browsers always send it.
  return name.empty() || name == "localhost" || name == "[::1]" ||
         (name.starts_with("127.") && name.find_first_not_of("0123456789.") == std::string::npos);
}

}  // namespace

std::string_view RefusalOf(const RequestOrigin& request) {
  if (request.over_loopback && !IsLoopbackName(request.host)) {
    return "the Host is no name of loopback; allowed are localhost, 127.0.0.1 and [::1]";
  }
  if (!request.fetch_site.empty() && request.fetch_site != "same-origin" && request.fetch_site != "none") {
    return "pages of other sites may not ask here";
  }
  if (!request.origin.empty() && Lower(request.origin) != "http://" + Lower(request.host)) {
    return "pages of other origins may not ask here";
  }
  return "";
}

}  // namespace weir::admin
