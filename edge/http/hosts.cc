#include "edge/http/hosts.h"

#include <algorithm>

namespace weir::edge {
namespace {

constexpr size_t kNameBytesMax = 255;

std::string_view WithoutPort(std::string_view host) {
  return host.starts_with('[') ? host.substr(0, host.find(']') + 1) : host.substr(0, host.find(':'));
}

bool IsAllowedBy(std::string_view rule, std::string_view name) {
  if (!rule.starts_with('*')) {
    return name == rule;
  }
  rule.remove_prefix(1);  // what is left begins with the dot
  return name.size() > rule.size() && name.ends_with(rule);
}

}  // namespace

bool IsHostRule(std::string_view text) {
  if (text.size() > kNameBytesMax) {
    return false;
  }
  if (text.starts_with('[')) {
    return text.size() > 2 && text.ends_with(']') &&
           text.substr(1, text.size() - 2).find_first_not_of("0123456789abcdef:.") == std::string_view::npos;
  }
  if (text.starts_with("*.")) {
    text.remove_prefix(2);
  }
  return !text.empty() && text.front() != '.' && text.back() != '.' && text.find("..") == std::string_view::npos &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_") == std::string_view::npos;
}

bool IsAllowedHost(const std::vector<std::string>& rules, std::string_view host) {
  if (rules.empty()) {
    return true;
  }
  std::string name(WithoutPort(host));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return std::any_of(rules.begin(), rules.end(), [&](const std::string& rule) { return IsAllowedBy(rule, name); });
}

}  // namespace weir::edge
