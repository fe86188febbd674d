#include "base/jwk_set.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/jwt_test_keys.h"
#include "base/text.h"

namespace weir {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// Of the keys of jwt_test_keys.h.
constexpr std::string_view kModulus =
    "nCeMH9jB_pl1vwf2y67XeZAeKw1GpbG53TrKijuKEPbavE0df9kHMHDL7NqqcXKvTKLbJO0nm0k1V5HmK9nzb0BNv21i3mDMYUmF"
    "uZKFSzWbRZwmmjE-T3vretbNVsnivNUKLs08UzTAI4-bLHrtT3ubiYFNHwAXdUUNGKnk1ibrJSZXYm8jnlmX6hRWCqMj8x9fXuP8"
    "UESwz9sm09d4dT-IeNT_IAVEHWDJhXGnJH2zJ38GtOIBEmKcxc7OHchInvA5DsYLQnjmq4odyAnwhPDGbgqZxpJlWF0IK5YEP719"
    "JyZqKdIf9EjFWZcAJ3ScxsfexjOer_Wgb2fn3rN22Q";
constexpr std::string_view kWeakModulus =
    "YAiMbhxWb6jS3jWB7yXiPdOuMKmW8Oxh_NkjgDH2ejh2K0idgv6bsyRl_y8DJV3v_huXsfuymNy9P6PIK4SVAJfzxO9dMkAdAZ8D"
    "6H1gI0ZPi_zb0vhKIZNtUu1CrQa_jma5GmiPxVKUOE75kerk08uu-D-kCPGURkx4UEczRaoDtVB2xHmPsA3qdaiZvYOvXy6scdU_"
    "-Wff1E36q0T0uciE-xeZ7hbQSSbQfd09b3wl6PiXvPbt_PTkJMECoHuNxwSW-MlycU-cAu2SsqNMIJ49rFzR1dWHvSS4ar3Xe5Tu"
    "FMk9ppH9hXi0OAmrBUwzbr8kHfi5rCy4P383UNCrGw";
constexpr std::string_view kEd25519 = "zvR3D_fxNdkKD5z_0-PQyqZ9VU7YDf4XVFlkA0FzcKU";

json Rsa() { return {{"kty", "RSA"}, {"n", kModulus}, {"e", "AQAB"}, {"kid", "r"}}; }
json Ec() {  // RFC 7515, A.3
  return {{"kty", "EC"},
          {"crv", "P-256"},
          {"x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"},
          {"y", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}};
}
json Okp() { return {{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", kEd25519}}; }
json Oct() { return {{"kty", "oct"}, {"k", std::string(43, 'A')}}; }

json With(json jwk, const char* name, json value) {
  jwk[name] = std::move(value);
  return jwk;
}

absl::StatusOr<JwkSet> Read(json keys, const JwkSetOptions& options = {.algorithm = {}, .secrets = true}) {
  return ParseJwkSet(json{{"keys", std::move(keys)}}.dump(), "a.json", options);
}

// Why a key is ignored; a good one stands before it.
std::string WhyNot(json jwk, const JwkSetOptions& options = {.algorithm = {}, .secrets = true}) {
  const auto set = Read({options.algorithm == JwtAlgorithm::kPs256 ? Rsa() : Ec(), std::move(jwk)}, options);
  EXPECT_TRUE(set.ok()) << Message(set.status());
  EXPECT_EQ(set.ok() ? set->keys.size() : 0, 1u);
  return set.ok() && set->ignored.size() == 1 ? set->ignored[0] : "";
}

TEST(JwkSet, VerifiesWhatItsKeysSigned) {
  const auto set = Read({Rsa(), With(Rsa(), "alg", "PS256"), Ec(), Okp(), Oct()});
  ASSERT_TRUE(set.ok()) << Message(set.status());
  ASSERT_EQ(set->keys.size(), 5u);
  EXPECT_TRUE(set->ignored.empty());
  const std::pair<const char*, std::string_view> signers[] = {{"RS256", test::kRsaPrivatePem},
                                                              {"PS256", test::kRsaPrivatePem},
                                                              {"ES256", test::kRfcPrivatePem},
                                                              {"EdDSA", test::kEd25519PrivatePem}};
  for (size_t i = 0; i < 4; ++i) {
    const std::string signature = JwtKey::Parse(signers[i].first, signers[i].second, "a")->Sign("x").value();
    for (size_t k = 0; k < 5; ++k) {
      EXPECT_EQ(set->keys[k].Verify("x", signature), i == k) << i << " " << k;
    }
  }
  EXPECT_EQ(set->keys[4].Sign("x").value(), JwtKey::Parse("HS256", std::string(32, '\0'), "a")->Sign("x").value());
  EXPECT_EQ(set->keys[0].id(), "r");
  EXPECT_EQ(set->keys[2].id(), "");
}

TEST(JwkSet, AJwkIsTheSameKeyAsItsPem) {
  EXPECT_EQ(Read({Ec()})->keys[0].fingerprint(), JwtKey::Parse("ES256", test::kRfcPublicPem, "a")->fingerprint());
  EXPECT_EQ(Read({Okp()})->keys[0].fingerprint(), JwtKey::Parse("EdDSA", test::kEd25519PublicPem, "a")->fingerprint());
  EXPECT_EQ(Read({Rsa()})->keys[0].fingerprint(), JwtKey::Parse("RS256", test::kRsaPublicPem, "a", "r")->fingerprint());
}

TEST(JwkSet, TakesTheConfiguredAlgorithmOnly) {
  const JwkSetOptions pss = {.algorithm = JwtAlgorithm::kPs256, .secrets = true};
  EXPECT_EQ(Read({Rsa()}, pss)->keys[0].algorithm(), JwtAlgorithm::kPs256);
  for (const json& other : {With(Rsa(), "alg", "RS256"), Ec(), Okp(), Oct()}) {
    EXPECT_THAT(WhyNot(other, pss), HasSubstr("keys[1]: its algorithm is not the configured one")) << other;
  }
}

TEST(JwkSet, IgnoresKeysForOtherThings) {
  for (const json& use : {json("enc"), json(""), json(nullptr), json(5)}) {
    EXPECT_THAT(WhyNot(With(Ec(), "use", use)), HasSubstr("\"use\" is not")) << use;
  }
  for (const json& ops :
       {json("verify"), json(nullptr), json::array({"verify", "verify"}), json::array({"verify", 5})}) {
    EXPECT_THAT(WhyNot(With(Ec(), "key_ops", ops)), HasSubstr("no list of different texts")) << ops;
  }
  for (const json& ops : {json::array(), json::array({"sign"}), json::array({"deriveKey", "encrypt"})}) {
    EXPECT_THAT(WhyNot(With(Ec(), "key_ops", ops)), HasSubstr("does not hold \"verify\"")) << ops;
  }
  EXPECT_EQ(Read({With(With(Ec(), "use", "sig"), "key_ops", {"sign", "verify"})})->keys.size(), 1u);
}

TEST(JwkSet, IgnoresWhatAlgorithmKindAndCurveDoNotAgreeOn) {
  for (const char* alg : {"RS256", "ES384", "none", "HS256", "es256", ""}) {
    EXPECT_THAT(WhyNot(With(Ec(), "alg", alg)), HasSubstr("its \"alg\"")) << alg;
  }
  for (const char* alg : {"RS512", "RSA-OAEP", "ES256", "HS256"}) {
    EXPECT_THAT(WhyNot(With(Rsa(), "alg", alg)), HasSubstr("its \"alg\"")) << alg;
  }
  for (const json& jwk : {With(Ec(), "crv", "P-384"), With(Ec(), "crv", "secp256k1"), With(Ec(), "kty", "OKP"),
                          With(Okp(), "crv", "X25519"), With(Okp(), "crv", "Ed448"), With(Okp(), "kty", "EC"),
                          With(Ec(), "kty", "ec"), With(Ec(), "kty", "oct2")}) {
    EXPECT_THAT(WhyNot(jwk), HasSubstr("are of no kind")) << jwk;
  }
  for (const char* name : {"kty", "crv", "alg"}) {
    EXPECT_THAT(WhyNot(With(Ec(), name, 5)), HasSubstr("no text")) << name;
  }
  EXPECT_THAT(WhyNot(Oct(), {}), HasSubstr("are of no kind")) << "a secret is not for everybody to read";
  EXPECT_THAT(WhyNot(json("key")), HasSubstr("no object"));
}

TEST(JwkSet, IgnoresWeakAndDamagedKeys) {
  EXPECT_THAT(WhyNot(With(Rsa(), "n", kWeakModulus)), HasSubstr("2047 bits"));
  EXPECT_THAT(WhyNot(With(Rsa(), "n", std::string(2000, 'A'))), HasSubstr("no key of its kind"));
  EXPECT_THAT(WhyNot(With(Rsa(), "e", std::string(12, '_'))), HasSubstr("more than 64 bits"));
  EXPECT_THAT(WhyNot(With(Rsa(), "e", "AQ")), HasSubstr("damaged"));
  EXPECT_THAT(WhyNot(With(Rsa(), "e", "")), HasSubstr("keys[1]"));
  EXPECT_THAT(WhyNot(With(Ec(), "x", Ec()["y"])), HasSubstr("keys[1]"));
  EXPECT_THAT(WhyNot(With(Ec(), "x", "AAAA")), HasSubstr("no key of its kind"));
  EXPECT_THAT(WhyNot(With(Okp(), "x", "AAAA")), HasSubstr("no key of its kind"));
  EXPECT_THAT(WhyNot(With(Oct(), "k", std::string(40, 'A'))), HasSubstr("30 bytes"));
  for (const json& bad : {json("a+b="), json("AA=="), json(5), json(nullptr)}) {
    EXPECT_THAT(WhyNot(With(Ec(), "x", bad)), HasSubstr("no base64url")) << bad;
  }
  for (const json& kid : {json(""), json(5), json(std::string(257, 'k'))}) {
    EXPECT_THAT(WhyNot(With(Ec(), "kid", kid)), HasSubstr("\"kid\"")) << kid;
  }
}

TEST(JwkSet, RefusesWhatIsNoSetOfKeys) {
  const auto error = [](std::string_view content) {
    const absl::Status status = ParseJwkSet(content, "a.json", {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << content.substr(0, 80);
    return std::string(Message(status));
  };
  EXPECT_THAT(error("[]"), HasSubstr("a.json: is no JWK set"));
  EXPECT_THAT(error(R"({"keys":[],"keys":[]})"), HasSubstr("duplicate members"));
  EXPECT_THAT(error(R"({"keys":[{"kty":"EC","kty":"EC"}]})"), HasSubstr("duplicate members"));
  EXPECT_THAT(error(R"({"keys":{}})"), HasSubstr("no array"));
  EXPECT_THAT(error(R"({})"), HasSubstr("no array"));
  EXPECT_THAT(error(R"({"keys":[]})" + std::string(JwkSet::kBytesMax, ' ')), HasSubstr("at most 65536 bytes"));
  EXPECT_THAT(error(json{{"keys", std::vector<json>(JwkSet::kKeysMax + 1, Ec())}}.dump()), HasSubstr("has 65 keys"));
  EXPECT_EQ(Read(std::vector<json>(JwkSet::kKeysMax, Ec()))->keys.size(), JwkSet::kKeysMax);
}

TEST(JwkSet, KnowsItselfFromSecretsAndPem) {
  EXPECT_TRUE(IsJwkSet(" \n{ \"keys\": []}"));
  EXPECT_FALSE(IsJwkSet(test::kRsaPublicPem));
  EXPECT_FALSE(IsJwkSet(test::RfcSecret()));
  EXPECT_FALSE(IsJwkSet("{secret"));
  EXPECT_FALSE(IsJwkSet(""));
}

TEST(JwkSet, SaysWhetherItHoldsASecret) {
  const auto holds = [](const std::vector<json>& keys) {
    return ParseJwkSet(json{{"keys", keys}}.dump(), "a.json", {.algorithm = {}, .secrets = true})->holds;
  };
  EXPECT_EQ(holds({Rsa(), Ec(), Okp()}), FileHolds::kPublicKey);
  EXPECT_EQ(holds({Ec(), With(Ec(), "d", "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI")}), FileHolds::kSecret);
  EXPECT_EQ(holds({With(Rsa(), "p", "not read")}), FileHolds::kSecret);
  EXPECT_EQ(holds({Oct()}), FileHolds::kSecret);
  EXPECT_EQ(holds({Ec(), With(Oct(), "k", "short")}), FileHolds::kSecret) << "also one that is not used";
}

TEST(JwkSet, LoadsFilesOfAnyKind) {
  const std::string path = testing::TempDir() + "/weir_jwk_set_test";
  const auto write = [&](std::string_view text) { std::ofstream(path) << text; };
  write(json{{"keys", {Ec(), Okp(), With(Ec(), "use", "enc")}}}.dump());
  auto set = LoadJwtKeys({}, path);
  ASSERT_TRUE(set.ok()) << Message(set.status());
  EXPECT_EQ(set->keys.size(), 2u);
  EXPECT_EQ(set->ignored.size(), 1u);
  EXPECT_EQ(LoadJwtKeys(JwtAlgorithm::kEdDsa, path)->keys.size(), 1u);
  EXPECT_THAT(std::string(Message(LoadJwtKeys({}, path, "id").status())), HasSubstr("ids of their own"));
  // Who publishes a set without keys has withdrawn them; a file without is a mistake.
  for (const auto& [content, why] :
       {std::pair(R"({"keys":[]})", "holds no keys"),
        std::pair(R"({"keys":[5]})", "holds no key that can be used; keys[0]: it is no object")}) {
    EXPECT_TRUE(ParseJwkSet(content, "a.json", {})->keys.empty());
    write(content);
    EXPECT_EQ(std::string(Message(LoadJwtKeys({}, path).status())), fmt::format("{}: {}", path, why));
  }
  write(test::kRsaPublicPem);
  EXPECT_EQ(LoadJwtKeys(JwtAlgorithm::kPs256, path, "id")->keys.at(0).id(), "id");
  EXPECT_EQ(LoadJwtKeys(JwtAlgorithm::kPs256, path)->holds, FileHolds::kPublicKey);
  EXPECT_THAT(std::string(Message(LoadJwtKeys({}, path).status())), HasSubstr("an algorithm is needed"));
  write(std::string(32, 's'));
  EXPECT_EQ(LoadJwtKeys(JwtAlgorithm::kHs256, path)->holds, FileHolds::kSecret);
  EXPECT_EQ(std::remove(path.c_str()), 0);
  EXPECT_EQ(LoadJwtKeys({}, path).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace weir
