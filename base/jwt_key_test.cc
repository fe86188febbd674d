#include "base/jwt_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "base/jwt_test_keys.h"
#include "base/text.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// On the curve P-384.
constexpr std::string_view kOtherCurvePem =
    "-----BEGIN PUBLIC KEY-----\n"
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEiBOAmAiV+0/aQPr2hKq3CmiwS4DTmwuk\n"
    "SVjzDKVr0xF5tzlOEQC/hoT+S71efAKBrNDmnSQldVriPN6j1im1pvDsTxE6Gqz2\n"
    "rwgF5d1/mUm6zCh3AbqvooJ3ImIYpgA6\n"
    "-----END PUBLIC KEY-----\n";

// On P-256, with a password.
constexpr std::string_view kEncryptedPem =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "Proc-Type: 4,ENCRYPTED\n"
    "DEK-Info: AES-128-CBC,2654194C43D732194515E5BF79C5C663\n\n"
    "xStpQAFGPTWuF+Xwvjw9zJyP8P59IQABap4kpzKejR4YRpiFahJxAB3J6lliQG3H\n"
    "BV4C1fhkTwqwHz0X8rjIVOhgc5bCmH4G/BxxTvNlj17vHEUblOpneczBplc88Bmx\n"
    "1YGlnaUgRGqhOYR+YtEVlY39317px4t8Rwb6XMlw4cM=\n"
    "-----END EC PRIVATE KEY-----\n";

std::string ErrorOf(std::string_view algorithm, std::string_view content) {
  const auto key = JwtKey::Parse(algorithm, content, "keys/a");
  EXPECT_EQ(key.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(Message(key.status()));
}

TEST(JwtKey, DropsOneTrailingNewlineOfASecret) {
  const std::string secret(32, 's');
  const auto bare = JwtKey::Parse("HS256", secret, "a");
  const auto line = JwtKey::Parse("HS256", secret + "\n", "a");
  const auto lines = JwtKey::Parse("HS256", secret + "\n\n", "a");
  ASSERT_TRUE(bare.ok() && line.ok() && lines.ok());
  EXPECT_EQ(*bare->Sign("x"), *line->Sign("x"));
  EXPECT_NE(*bare->Sign("x"), *lines->Sign("x"));
}

TEST(JwtKey, EqualKeysHaveEqualFingerprints) {
  const auto secret = [](char c, std::string id = "") {
    return JwtKey::Parse("HS256", std::string(32, c), "a", std::move(id))->fingerprint();
  };
  EXPECT_EQ(secret('s'), secret('s'));
  EXPECT_NE(secret('s'), secret('t'));
  EXPECT_NE(secret('s'), secret('s', "id"));
  const uint32_t public_key = JwtKey::Parse("ES256", test::kRfcPublicPem, "a")->fingerprint();
  EXPECT_EQ(public_key, JwtKey::Parse("ES256", test::kRfcPrivatePem, "a")->fingerprint())
      << "what verifies is the same";
  EXPECT_NE(public_key, secret('s'));
}

TEST(JwtKey, RefusesWeakOrWrongSecrets) {
  EXPECT_EQ(ErrorOf("HS256", std::string(31, 's') + "\n"),
            "keys/a: the secret has 31 bytes; allowed for HS256 are 32 or more");
  EXPECT_THAT(ErrorOf("HS256", ""), HasSubstr("the secret has 0 bytes"));
  EXPECT_THAT(ErrorOf("HS256", test::kRfcPublicPem), HasSubstr("is PEM; allowed for HS256 is a secret"));
  EXPECT_THAT(ErrorOf("HS256", std::string(JwtKey::kFileBytesMax + 1, 's')), HasSubstr("more than 16384 bytes"));
}

TEST(JwtKey, RefusesWrongPem) {
  EXPECT_THAT(ErrorOf("ES256", std::string(40, 's')), StartsWith("keys/a: holds no key; allowed for ES256 is a PEM"));
  EXPECT_THAT(ErrorOf("ES256", ""), HasSubstr("holds no key"));
  EXPECT_THAT(ErrorOf("ES256", kEncryptedPem), HasSubstr("holds no key"));
  EXPECT_THAT(ErrorOf("ES256", kOtherCurvePem), HasSubstr("not on the curve P-256"));
  std::string damaged(test::kRfcPublicPem);
  damaged[damaged.find("zV7")] = 'A';
  EXPECT_THAT(ErrorOf("ES256", damaged), StartsWith("keys/a: "));
}

TEST(JwtKey, RefusesOtherAlgorithms) {
  for (const char* algorithm : {"", "none", "RS512", "hs256", "HS512", "ES384", "ES256K", "EDDSA"}) {
    EXPECT_THAT(ErrorOf(algorithm, test::RfcSecret()), HasSubstr("allowed is HS256, RS256, PS256, ES256 or EdDSA"))
        << algorithm;
  }
}

TEST(JwtKey, RefusesKeysOfOtherKinds) {
  for (const char* algorithm : {"RS256", "PS256"}) {
    EXPECT_THAT(ErrorOf(algorithm, test::kRfcPublicPem), HasSubstr("no RSA key"));
    EXPECT_THAT(ErrorOf(algorithm, test::kWeakRsaPublicPem), HasSubstr("has 2047 bits; allowed are 2048 to 8192"));
  }
  EXPECT_THAT(ErrorOf("ES256", test::kRsaPublicPem), HasSubstr("not on the curve P-256"));
  EXPECT_THAT(ErrorOf("EdDSA", test::kRfcPublicPem), HasSubstr("no Ed25519 key"));
  EXPECT_THAT(ErrorOf("EdDSA", test::kEd448PublicPem), HasSubstr("no Ed25519 key"));
  EXPECT_THAT(ErrorOf("RS256", test::RfcSecret()), HasSubstr("holds no key; allowed for RS256"));
}

TEST(JwtKey, SignsByEveryAlgorithmAndVerifiesByNoOther) {
  const std::pair<const char*, std::pair<std::string_view, std::string_view>> pairs[] = {
      {"RS256", {test::kRsaPrivatePem, test::kRsaPublicPem}},
      {"PS256", {test::kRsaPrivatePem, test::kRsaPublicPem}},
      {"ES256", {test::kRfcPrivatePem, test::kRfcPublicPem}},
      {"EdDSA", {test::kEd25519PrivatePem, test::kEd25519PublicPem}}};
  for (const auto& [algorithm, pems] : pairs) {
    const auto key = JwtKey::Parse(algorithm, pems.first, "a");
    ASSERT_TRUE(key.ok()) << Message(key.status());
    const auto signature = key->Sign("x");
    ASSERT_TRUE(signature.ok()) << Message(signature.status());
    for (const auto& [other, others] : pairs) {
      const auto public_key = JwtKey::Parse(other, others.second, "a");
      ASSERT_TRUE(public_key.ok()) << Message(public_key.status());
      EXPECT_FALSE(public_key->can_sign());
      EXPECT_EQ(public_key->Verify("x", *signature), std::string_view(other) == algorithm) << other << " " << algorithm;
      EXPECT_FALSE(public_key->Verify("y", *signature));
    }
    std::string changed = *signature;
    changed[changed.size() / 2] ^= 1;
    EXPECT_FALSE(key->Verify("x", changed));
  }
}

TEST(JwtKey, SignsWithPrivateKeysOnly) {
  const auto public_key = JwtKey::Parse("ES256", test::kRfcPublicPem, "a");
  ASSERT_TRUE(public_key.ok()) << Message(public_key.status());
  EXPECT_FALSE(public_key->can_sign());
  EXPECT_EQ(public_key->Sign("x").status().code(), absl::StatusCode::kFailedPrecondition);
  for (const std::string_view pem : {test::kRfcPrivatePem, test::kRfcPkcs8Pem}) {
    const auto key = JwtKey::Parse("ES256", pem, "a");
    ASSERT_TRUE(key.ok()) << Message(key.status());
    ASSERT_TRUE(key->can_sign());
    for (int i = 0; i < 300; ++i) {  // r or s starts with a zero byte now and then
      const auto signature = key->Sign("x");
      ASSERT_TRUE(signature.ok());
      EXPECT_EQ(signature->size(), 64u);
      EXPECT_TRUE(public_key->Verify("x", *signature));
      EXPECT_FALSE(public_key->Verify("y", *signature));
    }
  }
}

TEST(JwtKey, RefusesSignaturesOfTheWrongForm) {
  const auto ecdsa = JwtKey::Parse("ES256", test::kRfcPrivatePem, "a");
  const auto mac = JwtKey::Parse("HS256", test::RfcSecret(), "a");
  const auto rsa = JwtKey::Parse("RS256", test::kRsaPrivatePem, "a");
  const auto pss = JwtKey::Parse("PS256", test::kRsaPrivatePem, "a");
  const auto eddsa = JwtKey::Parse("EdDSA", test::kEd25519PrivatePem, "a");
  for (const JwtKey& key : {*ecdsa, *mac, *rsa, *pss, *eddsa}) {
    const std::string signature = *key.Sign("x");
    EXPECT_FALSE(key.Verify("x", ""));
    EXPECT_FALSE(key.Verify("x", signature + '\0'));
    EXPECT_FALSE(key.Verify("x", signature.substr(1)));
    EXPECT_FALSE(key.Verify("x", std::string(signature.size(), '\0')));
    EXPECT_FALSE(key.Verify("x", std::string(signature.size(), '\xff')));
  }
}

TEST(JwtKey, LoadsFilesAndKnowsPemFromSecrets) {
  const std::string path = testing::TempDir() + "/weir_jwt_key_test";
  std::ofstream(path) << test::kRfcPrivatePem;
  auto key = JwtKey::LoadAny(path, "one");
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->algorithm(), JwtAlgorithm::kEs256);
  EXPECT_EQ(key->id(), "one");
  EXPECT_TRUE(JwtKey::Load("ES256", path).ok());
  std::ofstream(path) << test::kRsaPrivatePem;
  EXPECT_EQ(JwtKey::LoadAny(path)->algorithm(), JwtAlgorithm::kRs256);
  EXPECT_EQ(JwtKey::Load("PS256", path)->algorithm(), JwtAlgorithm::kPs256);
  std::ofstream(path) << test::kEd25519PrivatePem;
  EXPECT_EQ(JwtKey::LoadAny(path)->algorithm(), JwtAlgorithm::kEdDsa);
  std::ofstream(path) << std::string(32, 's') << "\n";
  key = JwtKey::LoadAny(path);
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->algorithm(), JwtAlgorithm::kHs256);
  EXPECT_THAT(std::string(Message(JwtKey::Load("ES256", path).status())), StartsWith(path + ": holds no key"));
  EXPECT_EQ(std::remove(path.c_str()), 0);
  const absl::Status missing = JwtKey::Load("HS256", path).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(Message(missing)), StartsWith(path + ": cannot be read"));
  EXPECT_FALSE(JwtKey::LoadAny(testing::TempDir()).ok());
}

}  // namespace
}  // namespace weir
