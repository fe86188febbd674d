#include "edge/http/access.h"

#include <utility>

#include "absl/status/status.h"

namespace weir::edge {

std::string PrincipalOf(const JwtClaims& claims) {
  const std::string issuer = claims.claims.value("iss", "");
  // No text of JSON holds this byte.
  return claims.subject.empty() || issuer.empty() ? claims.subject : claims.subject + '\xFF' + issuer;
}

std::string PrincipalOrIssuerOf(const JwtClaims& claims) {
  return claims.subject.empty() ? '\xFF' + claims.claims.value("iss", "") : PrincipalOf(claims);
}

std::optional<std::string_view> BearerToken(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() < kScheme.size()) {
    return std::nullopt;
  }
  for (size_t i = 0; i < kScheme.size(); ++i) {
    const char c = authorization[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != kScheme[i]) {
      return std::nullopt;
    }
  }
  const size_t begin = authorization.find_first_not_of(' ', kScheme.size());
  return begin == std::string_view::npos ? std::string_view() : authorization.substr(begin);
}

absl::StatusOr<std::shared_ptr<const JwtClaims>> Access::Check(std::string_view authorization,
                                                               std::optional<std::string_view> query_token,
                                                               absl::Time now) {
  auto claims = Verify(authorization, query_token, now);
  if (claims.ok() && revocations_ != nullptr) {
    if (absl::Status status = revocations_->Judge(MarksOf(**claims), now); !status.ok()) {
      return status;
    }
  }
  return claims;
}

absl::StatusOr<std::shared_ptr<const JwtClaims>> Access::Verify(std::string_view authorization,
                                                                std::optional<std::string_view> query_token,
                                                                absl::Time now) {
  std::optional<std::string_view> token = BearerToken(authorization);
  if (!token) {
    token = query_token;
  }
  if (!token || token->empty()) {
    return absl::UnauthenticatedError(
        "no token; send it as `Authorization: Bearer TOKEN`, as the parameter `token`, or in a WebSocket's first "
        "message");
  }
  if (verifier_ == nullptr) {
    return absl::UnauthenticatedError("no key is configured");
  }
  if (token->size() > kJwtBytesMax) {
    return absl::UnauthenticatedError("the token is too long");
  }
  absl::StatusOr<JwtClaims> verified = verifier_->Verify(*token, now);
  if (!verified.ok()) {
    return verified.status();
  }
  return std::make_shared<const JwtClaims>(*std::move(verified));
}

}  // namespace weir::edge
