#include "base/jwk_set.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/base64url.h"
#include "base/strict_json.h"
#include "base/text.h"

namespace weir {
namespace {

using nlohmann::json;

constexpr StrictJsonLimits kLimits = {.bytes_max = JwkSet::kBytesMax, .depth_max = 8, .values_max = 4096};
constexpr size_t kIdBytesMax = 256;

absl::Status Unusable(std::string_view why) {
  return absl::InvalidArgumentError(absl::string_view(why.data(), why.size()));
}

// The text of a member; null when it is absent or no text.
const std::string* Text(const json& jwk, const char* name) {
  const auto it = jwk.find(name);
  return it != jwk.end() && it->is_string() ? &it->get_ref<const std::string&>() : nullptr;
}

// A member that is there must be of its type.
bool IsTextIfThere(const json& jwk, const char* name) { return !jwk.contains(name) || Text(jwk, name) != nullptr; }

absl::Status CheckPurpose(const json& jwk) {
  const std::string* use = Text(jwk, "use");
  if (jwk.contains("use") && (use == nullptr || *use != "sig")) {
    return Unusable("its \"use\" is not \"sig\"");
  }
  const auto ops = jwk.find("key_ops");
  if (ops == jwk.end()) {
    return absl::OkStatus();
  }
  std::set<std::string> seen;
  bool verifies = false;
  for (const json& op : ops->is_array() ? *ops : json::array({nullptr})) {
    if (!op.is_string() || !seen.insert(op.get<std::string>()).second) {
      return Unusable("its \"key_ops\" is no list of different texts");
    }
    verifies = verifies || op == "verify";
  }
  return verifies ? absl::OkStatus() : Unusable("its \"key_ops\" does not hold \"verify\"");
}

// The algorithm that kind and curve have, or the one of RSA's two that is named.
absl::StatusOr<JwtAlgorithm> AlgorithmOf(const json& jwk, const JwkSetOptions& options) {
  const std::string* kind = Text(jwk, "kty");
  const std::string* curve = Text(jwk, "crv");
  const std::string* name = Text(jwk, "alg");
  if (kind == nullptr || !IsTextIfThere(jwk, "crv") || !IsTextIfThere(jwk, "alg")) {
    return Unusable("it has no \"kty\", or a \"kty\", \"crv\" or \"alg\" that is no text");
  }
  std::optional<JwtAlgorithm> found;
  if (*kind == "oct" && options.secrets) {
    found = JwtAlgorithm::kHs256;
  } else if (*kind == "EC" && curve != nullptr && *curve == "P-256") {
    found = JwtAlgorithm::kEs256;
  } else if (*kind == "OKP" && curve != nullptr && *curve == "Ed25519") {
    found = JwtAlgorithm::kEdDsa;
  } else if (*kind == "RSA") {
    const bool pss = name != nullptr ? *name == "PS256" : options.algorithm == JwtAlgorithm::kPs256;
    found = pss ? JwtAlgorithm::kPs256 : JwtAlgorithm::kRs256;
  }
  if (!found) {
    return Unusable("its \"kty\" and \"crv\" are of no kind that is used here");
  }
  if (name != nullptr && *name != JwtAlgorithmName(*found)) {
    return Unusable("its \"alg\" is not used here, or not with its \"kty\" and \"crv\"");
  }
  if (options.algorithm && *options.algorithm != *found) {
    return Unusable("its algorithm is not the configured one");
  }
  return *found;
}

// Whether it has a member that nobody else may know (RFC 7518, 6.2.2, 6.3.2 and 6.4; RFC 8037, 2).
bool TellsSecret(const json& jwk) {
  constexpr const char* kSecretMembers[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};
  return std::any_of(std::begin(kSecretMembers), std::end(kSecretMembers),
                     [&jwk](const char* name) { return jwk.contains(name); });
}

absl::StatusOr<JwtKey> ReadJwk(const json& jwk, const JwkSetOptions& options) {
  if (!jwk.is_object()) {
    return Unusable("it is no object");
  }
  if (absl::Status status = CheckPurpose(jwk); !status.ok()) {
    return status;
  }
  const absl::StatusOr<JwtAlgorithm> algorithm = AlgorithmOf(jwk, options);
  if (!algorithm.ok()) {
    return algorithm.status();
  }
  const std::string* id = Text(jwk, "kid");
  if (!IsTextIfThere(jwk, "kid") || (id != nullptr && (id->empty() || id->size() > kIdBytesMax))) {
    return Unusable(fmt::format("its \"kid\" is no text of 1 to {} bytes", kIdBytesMax));
  }
  const bool rsa = *algorithm == JwtAlgorithm::kRs256 || *algorithm == JwtAlgorithm::kPs256;
  const char* first_name = rsa ? "n" : *algorithm == JwtAlgorithm::kHs256 ? "k" : "x";
  const char* second_name = rsa ? "e" : *algorithm == JwtAlgorithm::kEs256 ? "y" : nullptr;
  std::string numbers[2];
  for (const auto& [name, out] : {std::pair(first_name, &numbers[0]), std::pair(second_name, &numbers[1])}) {
    if (name == nullptr) {
      continue;
    }
    const std::string* text = Text(jwk, name);
    std::optional<std::string> bytes = text != nullptr ? Base64UrlDecode(*text) : std::nullopt;
    if (!bytes) {
      return Unusable(fmt::format("its \"{}\" is no base64url", name));
    }
    *out = *std::move(bytes);
  }
  return JwtKey::FromNumbers(*algorithm, numbers[0], numbers[1], id != nullptr ? *id : "");
}

}  // namespace

std::string WhyEmpty(const JwkSet& set) {
  return set.ignored.empty() ? "holds no keys" : fmt::format("holds no key that can be used; {}", set.ignored.front());
}

bool IsJwkSet(std::string_view content) {
  const size_t begin = content.find_first_not_of(" \t\r\n");
  return begin != std::string_view::npos && content[begin] == '{' &&
         content.find("\"keys\"", begin) != std::string_view::npos;
}

absl::StatusOr<JwkSet> ParseJwkSet(std::string_view content, std::string_view name, const JwkSetOptions& options) {
  const auto fail = [name](std::string_view why) { return Unusable(fmt::format("{}: {}", name, why)); };
  const std::optional<json> document = ParseStrictJson(content, kLimits);
  if (!document) {
    return fail(fmt::format("is no JWK set: a JSON object of at most {} bytes, without duplicate members, is needed",
                            JwkSet::kBytesMax));
  }
  const auto jwks = document->find("keys");
  if (jwks == document->end() || !jwks->is_array()) {
    return fail("is no JWK set: it has no array \"keys\"");
  }
  if (jwks->size() > JwkSet::kKeysMax) {
    return fail(fmt::format("has {} keys; allowed are at most {}", jwks->size(), JwkSet::kKeysMax));
  }
  JwkSet set;
  for (size_t i = 0; i < jwks->size(); ++i) {
    if (TellsSecret((*jwks)[i])) {
      set.holds = FileHolds::kSecret;
    }
    absl::StatusOr<JwtKey> key = ReadJwk((*jwks)[i], options);
    if (key.ok()) {
      set.keys.push_back(*std::move(key));
    } else {
      set.ignored.push_back(fmt::format("keys[{}]: {}", i, Message(key.status())));
    }
  }
  return set;
}

absl::StatusOr<JwkSet> LoadJwtKeys(std::optional<JwtAlgorithm> algorithm, const std::string& file, std::string id) {
  absl::StatusOr<std::string> content = ReadSecretFile(file, JwkSet::kBytesMax);
  if (!content.ok()) {
    return content.status();
  }
  absl::StatusOr<JwkSet> set = JwkSet{};
  if (IsJwkSet(*content)) {
    set = id.empty() ? ParseJwkSet(*content, file, {.algorithm = algorithm, .secrets = true})
                     : Unusable(fmt::format("{}: is a JWK set, whose keys have ids of their own", file));
    if (set.ok() && set->keys.empty()) {
      set = Unusable(fmt::format("{}: {}", file, WhyEmpty(*set)));
    }
  } else if (!algorithm) {
    set =
        Unusable(fmt::format("{}: is no JWK set, so an algorithm is needed; allowed is {}", file, kJwtAlgorithmNames));
  } else {
    absl::StatusOr<JwtKey> key = JwtKey::Parse(JwtAlgorithmName(*algorithm), *content, file, std::move(id));
    if (key.ok()) {
      set->holds = key->can_sign() ? FileHolds::kSecret : FileHolds::kPublicKey;
      set->keys.push_back(*std::move(key));
    } else {
      set = key.status();
    }
  }
  OPENSSL_cleanse(content->data(), content->size());
  return set;
}

}  // namespace weir
