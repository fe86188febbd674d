#include "edge/http/forwarded.h"

#include <algorithm>

namespace weir::edge {
namespace {

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  return begin == std::string_view::npos ? std::string_view()
                                         : text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool IsPort(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<IpAddress> ParseElement(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos || text.find(':') > end) {
      return std::nullopt;
    }
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && (rest[0] != ':' || !IsPort(rest.substr(1)))) {
      return std::nullopt;
    }
    return IpAddress::Parse(text.substr(1, end - 1));
  }
  const size_t colon = text.find(':');
  if (colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos) {
    if (!IsPort(text.substr(colon + 1))) {
      return std::nullopt;
    }
    text = text.substr(0, colon);
  }
  return IpAddress::Parse(text);
}

}  // namespace

std::optional<IpAddress> ForwardedClient(IpAddress hop, std::string_view forwarded_for, const Networks& trusted) {
  if (Trim(forwarded_for).empty()) {
    return hop;
  }
  while (Contain(trusted, hop)) {
    const size_t comma = forwarded_for.rfind(',');
    const std::string_view element = comma == std::string_view::npos ? forwarded_for : forwarded_for.substr(comma + 1);
    const std::optional<IpAddress> before = ParseElement(Trim(element));
    if (!before) {
      return std::nullopt;
    }
    hop = *before;
    if (comma == std::string_view::npos) {
      break;
    }
    forwarded_for = forwarded_for.substr(0, comma);
  }
  return hop;
}

}  // namespace weir::edge
