#include "base/jwt.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"
#include "base/base64url.h"
#include "base/strict_json.h"
#include "base/text.h"

namespace weir {
namespace {

using nlohmann::json;

constexpr char kExpiredPayload[] = "weir/jwt-expired";

absl::Status Refuse(std::string_view why) {
  return absl::UnauthenticatedError(fmt::format("the token is not valid: {}", why));
}

constexpr StrictJsonLimits kLimits = {
    .bytes_max = kJwtBytesMax, .depth_max = kJwtDepthMax, .values_max = kJwtValuesMax};

// Reads a part of a token: base64url of a JSON object. Null when it is anything else.
std::optional<json> ReadPart(std::string_view part) {
  const std::optional<std::string> text = Base64UrlDecode(part);
  return text ? ParseStrictJson(*text, kLimits) : std::nullopt;
}

// Reads a NumericDate, if it is there. False when it is no number, or not within the years 1970 to 9999.
bool ReadTime(const json& claims, const char* name, std::optional<absl::Time>& time) {
  const auto it = claims.find(name);
  if (it == claims.end()) {
    return true;
  }
  constexpr double kSecondsMax = 253'402'300'799;
  const double seconds = it->is_number() ? it->get<double>() : -1;
  if (!(seconds >= 0 && seconds <= kSecondsMax)) {
    return false;
  }
  time = absl::UnixEpoch() + absl::Seconds(seconds);
  return true;
}

// Of one issuer's key.
uint32_t NameOf(const JwtKey& key, const JwtProvider* provider) {
  const size_t issuer = provider != nullptr ? std::hash<std::string>()(provider->issuer) : 0;
  const uint32_t name = key.fingerprint() ^ static_cast<uint32_t>(issuer);
  return name == 0 ? 1 : name;
}

bool Holds(const std::vector<std::string>& allowed, const json& value) {
  return value.is_string() &&
         std::find(allowed.begin(), allowed.end(), value.get_ref<const std::string&>()) != allowed.end();
}

}  // namespace

struct JwtVerifier::Parts {
  std::string_view token;  // the whole
  std::string_view header;
  std::string_view claims;
  std::string_view input;  // both, which are signed
  std::string_view signature;

  static std::optional<Parts> Of(std::string_view token) {
    const size_t first = token.find('.');
    const size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
    if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
      return std::nullopt;
    }
    return Parts{token, token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(0, second),
                 token.substr(second + 1)};
  }
};

absl::StatusOr<JwtVerifier> JwtVerifier::Make(JwtVerifierOptions options) {
  if ((options.keys.empty() && options.providers.empty()) || options.providers.size() > options.kProvidersMax) {
    return absl::InvalidArgumentError(
        fmt::format("there are no keys for tokens and no providers, or {} providers; allowed are at most {}",
                    options.providers.size(), options.kProvidersMax));
  }
  std::set<std::string_view> issuers(options.issuers.begin(), options.issuers.end());
  std::vector<const std::vector<JwtKey>*> sets = {&options.keys};
  for (const JwtProvider& provider : options.providers) {
    if (provider.issuer.empty() || !issuers.insert(provider.issuer).second) {
      return absl::InvalidArgumentError("a provider of tokens has no issuer, or one that is named twice");
    }
    sets.push_back(&provider.keys);
  }
  for (const std::vector<JwtKey>* keys : sets) {
    if (keys->size() > options.kKeysMax) {
      return absl::InvalidArgumentError(
          fmt::format("there are {} keys for tokens; allowed are at most {}", keys->size(), options.kKeysMax));
    }
  }
  if (options.leeway < absl::ZeroDuration() || options.leeway > JwtVerifierOptions::LeewayMax()) {
    return absl::InvalidArgumentError("the leeway for tokens is out of range; allowed is 0s to 5m");
  }
  return JwtVerifier(std::move(options));
}

absl::StatusOr<JwtClaims> JwtVerifier::Verify(std::string_view token, absl::Time now) const {
  if (token.size() > kJwtBytesMax) {
    return Refuse(fmt::format("it has more than {} bytes", kJwtBytesMax));
  }
  const std::optional<Parts> parts = Parts::Of(token);
  if (!parts.has_value()) {
    return Refuse("it does not have three parts");
  }
  const std::optional<json> header = ReadPart(parts->header);
  if (!header.has_value()) {
    return Refuse("its header is no base64url of a JSON object");
  }
  if (header->contains("crit")) {
    return Refuse("it has critical extensions, and none are known");
  }
  std::optional<json> claims = ReadPart(parts->claims);
  if (!claims.has_value()) {
    return Refuse("its claims are no base64url of a JSON object");
  }
  const JwtProvider* const provider = ProviderOf(*claims);
  JwtClaims out;
  if (absl::Status status = CheckSignature(*header, *parts, provider, out.key); !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckParties(*claims, provider); !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckTimes(*claims, now, out.expires); !status.ok()) {
    return status;
  }
  out.subject = claims->value("sub", "");
  out.claims = std::move(*claims);
  return out;
}

bool JwtVerifier::HasKey(uint32_t name) const {
  const auto holds = [name](const std::vector<JwtKey>& keys, const JwtProvider* provider) {
    return std::any_of(keys.begin(), keys.end(),
                       [name, provider](const JwtKey& key) { return NameOf(key, provider) == name; });
  };
  return holds(options_.keys, nullptr) ||
         std::any_of(options_.providers.begin(), options_.providers.end(),
                     [&](const JwtProvider& provider) { return holds(provider.keys, &provider); });
}

bool JwtVerifier::SameRules(const JwtVerifier& other) const {
  return options_.issuers == other.options_.issuers && options_.audiences == other.options_.audiences &&
         options_.providers == other.options_.providers && options_.leeway == other.options_.leeway &&
         options_.lifetime_max == other.options_.lifetime_max;
}

bool JwtVerifier::SameKeys(const JwtVerifier& other) const {
  const auto same = [](const std::vector<JwtKey>& a, const std::vector<JwtKey>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const JwtKey& one, const JwtKey& another) {
      return one.fingerprint() == another.fingerprint();
    });
  };
  const std::vector<JwtProvider>& mine = options_.providers;
  const std::vector<JwtProvider>& theirs = other.options_.providers;
  return same(options_.keys, other.options_.keys) &&
         std::equal(mine.begin(), mine.end(), theirs.begin(), theirs.end(),
                    [&](const JwtProvider& a, const JwtProvider& b) { return same(a.keys, b.keys); });
}

absl::StatusOr<JwtVerifier> JwtVerifier::WithKeys(std::string_view issuer, std::vector<JwtKey> keys) const {
  JwtVerifierOptions options = options_;
  const auto it = std::find_if(options.providers.begin(), options.providers.end(),
                               [issuer](const JwtProvider& provider) { return provider.issuer == issuer; });
  if (it == options.providers.end()) {
    return absl::InvalidArgumentError("there is no provider of tokens of that issuer");
  }
  it->keys = std::move(keys);
  return Make(std::move(options));
}

JwtVerifier JwtVerifier::Remembering(std::shared_ptr<VerifiedTokens> verified) const {
  JwtVerifierOptions options = options_;
  options.verified = std::move(verified);
  return JwtVerifier(std::move(options));
}

const JwtProvider* JwtVerifier::ProviderOf(const json& claims) const {
  const auto iss = claims.find("iss");
  if (iss == claims.end() || !iss->is_string()) {
    return nullptr;
  }
  for (const JwtProvider& provider : options_.providers) {
    if (iss->get_ref<const std::string&>() == provider.issuer) {
      return &provider;
    }
  }
  return nullptr;
}

absl::Status JwtVerifier::CheckSignature(const json& header, const Parts& parts, const JwtProvider* provider,
                                         uint32_t& matched) const {
  const auto algorithm = header.find("alg");
  const auto kid = header.find("kid");
  if (algorithm == header.end() || !algorithm->is_string() || (kid != header.end() && !kid->is_string())) {
    return Refuse("its header has no \"alg\", or an \"alg\" or \"kid\" that is no text");
  }
  const std::optional<std::string> bytes = Base64UrlDecode(parts.signature);
  if (!bytes.has_value()) {
    return Refuse("its signature is no base64url");
  }
  bool fits = false;
  for (const JwtKey& key : provider != nullptr ? provider->keys : options_.keys) {
    if (algorithm->get_ref<const std::string&>() != JwtAlgorithmName(key.algorithm()) ||
        (kid != header.end() && !key.id().empty() && kid->get_ref<const std::string&>() != key.id())) {
      continue;
    }
    fits = true;
    if (IsSignedBy(key, parts, *bytes)) {
      matched = NameOf(key, provider);
      return absl::OkStatus();
    }
  }
  if (fits) {
    return Refuse("its signature is wrong");
  }
  const bool sought = provider != nullptr && options_.key_missing && options_.key_missing(provider->issuer);
  if (sought || (provider != nullptr && provider->keys.empty())) {
    return absl::UnavailableError("the keys of the token's issuer are being fetched");
  }
  return Refuse("no key has its algorithm and id");
}

// A secret's signature costs no more than the look.
bool JwtVerifier::IsSignedBy(const JwtKey& key, const Parts& parts, std::string_view signature) const {
  if (options_.verified == nullptr || key.algorithm() == JwtAlgorithm::kHs256) {
    return key.Verify(parts.input, signature);
  }
  const VerifiedTokens::Digest pair = VerifiedTokens::DigestOf(key, parts.token);
  if (options_.verified->Holds(pair)) {
    return true;
  }
  const bool good = key.Verify(parts.input, signature);
  if (good) {
    options_.verified->Add(pair);
  }
  return good;
}

absl::Status JwtVerifier::CheckTimes(const json& claims, absl::Time now, absl::Time& expires) const {
  std::optional<absl::Time> exp;
  std::optional<absl::Time> nbf;
  std::optional<absl::Time> iat;
  if (!ReadTime(claims, "exp", exp) || !ReadTime(claims, "nbf", nbf) || !ReadTime(claims, "iat", iat)) {
    return Refuse("its \"exp\", \"nbf\" or \"iat\" is no time");
  }
  if (!exp.has_value()) {
    return Refuse("it has no \"exp\"");
  }
  if (nbf.has_value() && now < *nbf - options_.leeway) {
    return Refuse("it is not valid yet");
  }
  if (iat.has_value() && now < *iat - options_.leeway) {
    return Refuse("it was issued in the future");
  }
  if (now >= *exp + options_.leeway) {
    absl::Status status = absl::UnauthenticatedError("the token has expired");
    status.SetPayload(kExpiredPayload, absl::Cord());
    return status;
  }
  if (*exp - iat.value_or(now + options_.leeway) > options_.lifetime_max) {
    return Refuse(
        fmt::format("it lasts longer than the {} that are allowed", absl::FormatDuration(options_.lifetime_max)));
  }
  expires = *exp;
  return absl::OkStatus();
}

absl::Status JwtVerifier::CheckParties(const json& claims, const JwtProvider* provider) const {
  for (const char* name : {"sub", "jti", "iss"}) {
    if (const auto it = claims.find(name); it != claims.end() && !it->is_string()) {
      return Refuse(fmt::format("its \"{}\" is no text", name));
    }
  }
  const auto member = [&](const char* name) {
    const auto it = claims.find(name);
    return it == claims.end() ? json() : *it;
  };
  if (provider == nullptr && !options_.issuers.empty() && !Holds(options_.issuers, member("iss"))) {
    return Refuse("its \"iss\" is not an accepted issuer");
  }
  const std::vector<std::string>& audiences = provider != nullptr ? provider->audiences : options_.audiences;
  if (!audiences.empty()) {
    const json aud = member("aud");
    const bool any = aud.is_array()
                         ? std::any_of(aud.begin(), aud.end(), [&](const json& one) { return Holds(audiences, one); })
                         : Holds(audiences, aud);
    if (!any) {
      return Refuse("its \"aud\" holds no accepted audience");
    }
  }
  return absl::OkStatus();
}

bool IsJwtExpired(const absl::Status& status) { return status.GetPayload(kExpiredPayload).has_value(); }

absl::StatusOr<std::string> SignJwt(const JwtKey& key, const json& claims) {
  if (!claims.is_object()) {
    return absl::InvalidArgumentError("the claims of a token are no JSON object");
  }
  json header = {{"alg", std::string(JwtAlgorithmName(key.algorithm()))}, {"typ", "JWT"}};
  if (!key.id().empty()) {
    header["kid"] = key.id();
  }
  std::string token;
  try {
    token = fmt::format("{}.{}", Base64UrlEncode(header.dump()), Base64UrlEncode(claims.dump()));
  } catch (const json::type_error&) {
    return absl::InvalidArgumentError("the claims of a token, or its key's id, are not UTF-8");
  }
  const absl::StatusOr<std::string> signature = key.Sign(token);
  if (!signature.ok()) {
    return signature.status();
  }
  token += '.';
  token += Base64UrlEncode(*signature);
  if (token.size() > kJwtBytesMax) {
    return absl::InvalidArgumentError(
        fmt::format("the token would have {} bytes; allowed are {}", token.size(), kJwtBytesMax));
  }
  return token;
}

}  // namespace weir
