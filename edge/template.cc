#include "edge/template.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/topic.h"

namespace weir::edge {
namespace {

absl::Status Bad(std::string_view text, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("filter \"{}\": {}", Quotable(text), what));
}

// Cuts the next token off the front: up to a dot that is not within braces.
std::string_view CutToken(std::string_view& rest) {
  size_t end = 0;
  for (bool inside = false; end < rest.size() && (inside || rest[end] != '.'); ++end) {
    inside = rest[end] == '{' || (inside && rest[end] != '}');
  }
  const std::string_view token = rest.substr(0, end);
  rest.remove_prefix(end < rest.size() ? end + 1 : end);
  return token;
}

// The claim's text when it may stand in a topic: a string, or an integer in decimal.
std::optional<std::string> ClaimText(const nlohmann::json* claims, const std::string& name) {
  if (claims == nullptr || !claims->is_object()) {
    return std::nullopt;
  }
  const auto it = claims->find(name);
  if (it == claims->end()) {
    return std::nullopt;
  }
  if (it->is_string()) {
    return it->get<std::string>();
  }
  return it->is_number_integer() ? std::optional(it->dump()) : std::nullopt;
}

}  // namespace

bool IsPlaceholderName(std::string_view name) {
  if (name.empty() || name.size() > 128) {
    return false;
  }
  return name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:/-") ==
         std::string_view::npos;
}

absl::StatusOr<FilterTemplate> FilterTemplate::Compile(std::string_view text) {
  constexpr std::string_view kAllowed =
      "allowed are {jwt.CLAIM}, {jwt.CLAIM|token}, {query.NAME} and {query.NAME|ABSENT} with ABSENT `*` or a token";
  FilterTemplate result;
  std::string_view rest = text;
  bool more = true;
  while (more) {
    const size_t before = rest.size();
    const std::string_view token = CutToken(rest);
    more = token.size() < before;  // a dot followed, even if nothing follows it
    if (token.find_first_of("{}") == std::string_view::npos) {
      result.tokens_.push_back({Token::Kind::kLiteral, std::string(token), ""});
      continue;
    }
    if (token.front() != '{' || token.find('}') != token.size() - 1) {
      return Bad(text, "a placeholder must be a whole token between dots");
    }
    const std::string_view inside = token.substr(1, token.size() - 2);
    const size_t bar = inside.find('|');
    const std::string_view subject = inside.substr(0, bar);
    const bool has_option = bar != std::string_view::npos;
    const std::string_view option = has_option ? inside.substr(bar + 1) : std::string_view();
    const bool jwt = subject.substr(0, 4) == "jwt.";
    const bool query = subject.substr(0, 6) == "query.";
    const std::string_view name = subject.substr(jwt ? 4 : query ? 6 : 0);
    const bool option_fits = !has_option || (jwt ? option == "token" : option == "*" || IsToken(option));
    if ((!jwt && !query) || !IsPlaceholderName(name) || !option_fits) {
      return Bad(text, fmt::format("unknown placeholder {}; {}", Quotable(token), kAllowed));
    }
    const Token::Kind kind = jwt ? (has_option ? Token::Kind::kClaimEncoded : Token::Kind::kClaim)
                                 : (has_option ? Token::Kind::kQueryOr : Token::Kind::kQuery);
    result.tokens_.push_back({kind, std::string(name), std::string(option)});
  }
  const std::string widest = result.Widest();
  if (const absl::Status status = ValidateFilter(widest); !status.ok()) {
    return widest == text ? status : Bad(text, Message(status));  // it says which filter
  }
  if (IsReservedTopic(widest)) {
    return Bad(text, "topics that begin with `weir` are the system's, and no route shows them");
  }
  return result;
}

absl::StatusOr<std::string> FilterTemplate::Expand(const RequestValues& values) const {
  std::string out;
  for (const Token& token : tokens_) {
    if (&token != &tokens_.front()) {
      out += '.';
    }
    if (token.kind == Token::Kind::kLiteral) {
      out += token.text;
      continue;
    }
    if (token.kind == Token::Kind::kClaim || token.kind == Token::Kind::kClaimEncoded) {
      const std::optional<std::string> claim = ClaimText(values.claims, token.text);
      if (!claim.has_value()) {
        return absl::PermissionDeniedError(
            fmt::format("the token's claim `{}` is missing, or neither a string nor an integer", token.text));
      }
      const bool encoded = token.kind == Token::Kind::kClaimEncoded;
      if (!encoded && !IsToken(*claim)) {
        return absl::PermissionDeniedError(
            fmt::format("the token's claim `{}` cannot stand in a topic; allowed are [A-Za-z0-9_-]", token.text));
      }
      out += encoded ? EncodeToken(*claim) : *claim;
      continue;
    }
    const std::optional<std::string> value = values.query ? values.query(token.text) : std::nullopt;
    if (!value.has_value() && token.kind == Token::Kind::kQueryOr) {
      out += token.absent;
      continue;
    }
    if (!value.has_value()) {
      return absl::InvalidArgumentError(fmt::format("the query parameter `{}` is missing", token.text));
    }
    if (!IsToken(*value)) {
      return absl::InvalidArgumentError(
          fmt::format("the query parameter `{}` must be one or more of [A-Za-z0-9_-]", token.text));
    }
    out += *value;
  }
  if (!ValidateFilter(out).ok()) {  // every token is fine by itself
    return absl::InvalidArgumentError(
        fmt::format("the topic filter becomes longer than {} bytes with this request's values", kTopicBytesMax));
  }
  if (IsReservedTopic(out)) {
    return absl::PermissionDeniedError(
        "the topic filter becomes one of the system's topics with this request's values");
  }
  return out;
}

std::string FilterTemplate::Widest() const {
  std::string out;
  for (const Token& token : tokens_) {
    if (&token != &tokens_.front()) {
      out += '.';
    }
    out += token.kind == Token::Kind::kLiteral ? token.text : "*";
  }
  return out;
}

bool FilterTemplate::uses_claims() const {
  for (const Token& token : tokens_) {
    if (token.kind == Token::Kind::kClaim || token.kind == Token::Kind::kClaimEncoded) {
      return true;
    }
  }
  return false;
}

std::string EncodeToken(std::string_view text) {
  if (text.empty()) {
    return "_";
  }
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("_{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace weir::edge
