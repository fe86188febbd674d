#include "edge/http/cors.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::edge {

bool IsOrigin(std::string_view text) {
  const std::string_view scheme = text.starts_with("https://") ? "https://" : "http://";
  if (!text.starts_with(scheme)) {
    return false;
  }
  std::string_view host = text.substr(scheme.size());
  const size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && host.back() != ']') {
    const std::string_view port = host.substr(colon + 1);
    if (port.empty() || port.size() > 5 ||
        !std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      return false;
    }
    host = host.substr(0, colon);
  }
  if (host.starts_with('[')) {
    return host.size() > 2 && host.ends_with(']') &&
           host.substr(1, host.size() - 2).find_first_not_of("0123456789abcdef:.") == std::string_view::npos;
  }
  return !host.empty() && host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_") == std::string_view::npos;
}

std::string CorsHeaders(const CorsOptions& options, std::string_view origin, bool vary_accept) {
  if (options.origins.empty()) {
    return vary_accept ? "Vary: Accept\r\n" : "";
  }
  std::string out = vary_accept ? "Vary: Accept, Origin\r\n" : "Vary: Origin\r\n";
  if (options.origins.contains(origin)) {
    out += fmt::format("Access-Control-Allow-Origin: {}\r\n", origin);
    if (options.credentials) {
      out += "Access-Control-Allow-Credentials: true\r\n";
    }
    out += "Access-Control-Expose-Headers: Retry-After\r\n";
  }
  return out;
}

std::string PreflightHeaders(const CorsOptions& options, std::string_view origin, std::string_view methods) {
  if (!options.origins.contains(origin)) {
    return "";
  }
  return fmt::format(
      "Access-Control-Allow-Methods: {}\r\n"
      "Access-Control-Allow-Headers: Authorization, Cache-Control, Last-Event-ID\r\n"
      "Access-Control-Max-Age: 600\r\n",
      methods);
}

}  // namespace weir::edge
