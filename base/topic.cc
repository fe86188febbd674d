#include "base/topic.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/text.h"

namespace weir {
namespace {

bool IsTokenByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

// Cuts the first token off `rest`. False when there is none left.
bool NextToken(std::string_view& rest, std::string_view& token) {
  if (rest.data() == nullptr) {
    return false;
  }
  const size_t dot = rest.find('.');
  token = rest.substr(0, dot);
  rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
  return true;
}

absl::Status Invalid(std::string_view what, std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("{} \"{}\": {}", what, Quotable(text), why));
}

absl::Status Validate(std::string_view what, std::string_view text, bool wildcards) {
  if (text.empty()) {
    return Invalid(what, text, "it is empty; allowed are 1 to 16 tokens joined by \".\"");
  }
  if (text.size() > kTopicBytesMax) {
    return Invalid(what, text, fmt::format("it has {} bytes; at most {} are allowed", text.size(), kTopicBytesMax));
  }
  size_t tokens = 0;
  std::string_view rest = text;
  for (std::string_view token; NextToken(rest, token);) {
    const bool last = rest.data() == nullptr;
    if (++tokens > kTopicTokensMax) {
      return Invalid(what, text, "it has more than 16 tokens");
    }
    if (wildcards && (token == "*" || (token == ">" && last))) {
      continue;
    }
    if (token.empty() || !std::all_of(token.begin(), token.end(), IsTokenByte)) {
      return Invalid(what, text,
                     fmt::format("token {} is \"{}\"; allowed is {}", tokens, Quotable(token, 40),
                                 wildcards ? "[A-Za-z0-9_-]+, \"*\", or \">\" at the end" : "[A-Za-z0-9_-]+"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateTopic(std::string_view topic) { return Validate("topic", topic, false); }

absl::Status ValidateFilter(std::string_view filter) { return Validate("filter", filter, true); }

bool IsToken(std::string_view text) {
  return !text.empty() && text.size() <= kTopicBytesMax && std::all_of(text.begin(), text.end(), IsTokenByte);
}

bool IsReservedTopic(std::string_view topic) { return topic.substr(0, topic.find('.')) == kReservedToken; }

bool HasWildcard(std::string_view filter) { return filter.find_first_of("*>") != std::string_view::npos; }

bool BeginsWithWildcard(std::string_view filter) {
  return !filter.empty() && (filter.front() == '*' || filter.front() == '>');
}

bool FilterMatches(std::string_view filter, std::string_view topic) {
  if (BeginsWithWildcard(filter) && IsReservedTopic(topic)) {
    return false;
  }
  std::string_view want;
  std::string_view have;
  while (NextToken(filter, want)) {
    if (!NextToken(topic, have)) {
      return false;
    }
    if (want == ">") {
      return true;
    }
    if (want != "*" && want != have) {
      return false;
    }
  }
  return topic.data() == nullptr;
}

bool FilterCovers(std::string_view filter, std::string_view narrower) {
  if (BeginsWithWildcard(filter) && IsReservedTopic(narrower)) {
    return false;
  }
  std::string_view wide;
  std::string_view narrow;
  while (NextToken(filter, wide)) {
    if (!NextToken(narrower, narrow)) {
      return false;
    }
    if (wide == ">") {
      return true;
    }
    if (narrow == ">" || (wide != "*" && wide != narrow)) {
      return false;
    }
  }
  return narrower.data() == nullptr;
}

}  // namespace weir
