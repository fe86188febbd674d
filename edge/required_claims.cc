#include "edge/required_claims.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "edge/template.h"

namespace weir::edge {

using nlohmann::json;

RequiredClaims::RequiredClaims() : claims_(std::make_shared<const std::vector<std::pair<std::string, json>>>()) {}

absl::StatusOr<RequiredClaims> RequiredClaims::Compile(const google::protobuf::Struct& claims) {
  if (claims.fields_size() > kClaimsMax) {
    return absl::InvalidArgumentError(
        fmt::format("has {} claims; allowed are at most {}", claims.fields_size(), kClaimsMax));
  }
  auto compiled = std::make_shared<std::vector<std::pair<std::string, json>>>();
  for (const auto& [name, value] : claims.fields()) {
    if (!IsPlaceholderName(name)) {
      return absl::InvalidArgumentError(
          fmt::format("has a claim \"{}\"; allowed are names of 1 to 128 of [A-Za-z0-9_.:/-]", Quotable(name)));
    }
    switch (value.kind_case()) {
      case google::protobuf::Value::kStringValue:
        compiled->emplace_back(name, value.string_value());
        break;
      case google::protobuf::Value::kBoolValue:
        compiled->emplace_back(name, value.bool_value());
        break;
      case google::protobuf::Value::kNumberValue:
        compiled->emplace_back(name, value.number_value());
        break;
      default:
        return absl::InvalidArgumentError(
            fmt::format("claim \"{}\" is no text, number or truth value; a token's list may hold it", name));
    }
  }
  std::sort(compiled->begin(), compiled->end());
  RequiredClaims result;
  result.claims_ = std::move(compiled);
  return result;
}

bool RequiredClaims::empty() const { return claims_->empty(); }

absl::Status RequiredClaims::Check(const json* claims) const {
  for (const auto& [name, required] : *claims_) {
    const auto it = claims != nullptr ? claims->find(name) : json::const_iterator();
    const bool found = claims != nullptr && it != claims->end();
    if (!found || (*it != required && (!it->is_array() || std::find(it->begin(), it->end(), required) == it->end()))) {
      return absl::PermissionDeniedError(fmt::format("the token's claim `{}` is not what this path requires", name));
    }
  }
  return absl::OkStatus();
}

}  // namespace weir::edge
