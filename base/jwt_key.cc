#include "base/jwt_key.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <array>
#include <cstring>
#include <utility>

#include "base/openssl_ptr.h"
#include "base/pem.h"
#include "base/secret_file.h"
#include "base/text.h"

namespace weir {
namespace {

using namespace openssl;  // NOLINT(google-build-using-namespace): owned pointers

constexpr int kExponentBitsMax = 64;
constexpr size_t kCoordinateBytes = 32;

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

bool IsPem(std::string_view content) { return content.find("-----BEGIN ") != std::string_view::npos; }

bool IsOnP256(EVP_PKEY* pkey) {
  std::array<char, 64> group{};
  size_t size = 0;
  if (EVP_PKEY_is_a(pkey, "EC") != 1 ||
      EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(), &size) != 1) {
    return false;
  }
  return std::string_view(group.data(), size) == "prime256v1";
}

// Null when `content` holds neither a public nor a private key.
PkeyPtr ReadPem(std::string_view content, bool& is_private) {
  is_private = false;
  PkeyPtr pkey(PEM_read_bio_PUBKEY(pem::Open(content).get(), nullptr, &pem::NoPassword, nullptr));
  if (pkey == nullptr) {
    is_private = true;
    pkey = pem::ReadPrivateKey(content);
  }
  ERR_clear_error();
  return pkey;
}

absl::Status Invalid(std::string_view what) {
  return absl::InvalidArgumentError(absl::string_view(what.data(), what.size()));
}

absl::Status Named(std::string_view name, const absl::Status& status) {
  return Invalid(fmt::format("{}: {}", name, Message(status)));
}

absl::Status CheckRsa(EVP_PKEY* pkey) {
  if (EVP_PKEY_is_a(pkey, "RSA") != 1) {
    return Invalid("the key is no RSA key, which RS256 and PS256 need");
  }
  const int bits = EVP_PKEY_get_bits(pkey);
  if (bits < JwtKey::kRsaBitsMin || bits > JwtKey::kRsaBitsMax) {
    return Invalid(
        fmt::format("the RSA key has {} bits; allowed are {} to {}", bits, JwtKey::kRsaBitsMin, JwtKey::kRsaBitsMax));
  }
  BIGNUM* exponent = nullptr;
  const bool read = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1;
  const NumberPtr owner(exponent);
  if (!read || BN_num_bits(exponent) > kExponentBitsMax) {
    return Invalid(fmt::format("the RSA key's exponent has more than {} bits", kExponentBitsMax));
  }
  return absl::OkStatus();
}

// Whether the key is one that the algorithm may be used with.
absl::Status CheckPkey(JwtAlgorithm algorithm, EVP_PKEY* pkey, bool is_private) {
  if (algorithm == JwtAlgorithm::kRs256 || algorithm == JwtAlgorithm::kPs256) {
    if (absl::Status status = CheckRsa(pkey); !status.ok()) {
      return status;
    }
  }
  if (algorithm == JwtAlgorithm::kEs256 && !IsOnP256(pkey)) {
    return Invalid("the key is not on the curve P-256, which ES256 needs");
  }
  if (algorithm == JwtAlgorithm::kEdDsa && EVP_PKEY_is_a(pkey, "ED25519") != 1) {
    return Invalid("the key is no Ed25519 key, which EdDSA needs");
  }
  const PkeyContextPtr check(EVP_PKEY_CTX_new_from_pkey(nullptr, pkey, nullptr));
  const bool sound = check != nullptr && EVP_PKEY_public_check(check.get()) == 1 &&
                     (!is_private || EVP_PKEY_pairwise_check(check.get()) == 1);
  ERR_clear_error();
  return sound ? absl::OkStatus() : Invalid("the key is damaged: its numbers do not fit each other");
}

absl::Status CheckSecret(std::string_view secret) {
  if (secret.size() < JwtKey::kSecretBytesMin) {
    return Invalid(fmt::format("the secret has {} bytes; allowed for HS256 are {} or more", secret.size(),
                               JwtKey::kSecretBytesMin));
  }
  return absl::OkStatus();
}

PkeyPtr FromParams(const char* kind, OSSL_PARAM_BLD* builder) {
  const ParamsPtr params(OSSL_PARAM_BLD_to_param(builder));
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* pkey = nullptr;
  if (params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &pkey, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return PkeyPtr(pkey);
}

PkeyPtr RsaOf(std::string_view n, std::string_view e) {
  if (n.size() > static_cast<size_t>(JwtKey::kRsaBitsMax) / 8 + 1 || e.size() > kExponentBitsMax / 8 + 1) {
    return nullptr;
  }
  const NumberPtr modulus(BN_bin2bn(Bytes(n), static_cast<int>(n.size()), nullptr));
  const NumberPtr exponent(BN_bin2bn(Bytes(e), static_cast<int>(e.size()), nullptr));
  const ParamsBuilderPtr builder(OSSL_PARAM_BLD_new());
  if (OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
    return nullptr;
  }
  return FromParams("RSA", builder.get());
}

PkeyPtr EcOf(std::string_view x, std::string_view y) {
  if (x.size() != kCoordinateBytes || y.size() != kCoordinateBytes) {
    return nullptr;
  }
  std::string point = "\x04";  // not compressed
  point.append(x).append(y);
  const ParamsBuilderPtr builder(OSSL_PARAM_BLD_new());
  if (OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
    return nullptr;
  }
  return FromParams("EC", builder.get());
}

}  // namespace

class JwtKey::Material {
 public:
  explicit Material(std::string_view secret) : algorithm_(JwtAlgorithm::kHs256), secret_(secret) {}
  Material(JwtAlgorithm algorithm, PkeyPtr pkey, bool is_private)
      : algorithm_(algorithm), pkey_(std::move(pkey)), is_private_(is_private) {}
  Material(const Material&) = delete;
  Material& operator=(const Material&) = delete;
  ~Material() { OPENSSL_cleanse(secret_.data(), secret_.size()); }

  JwtAlgorithm algorithm() const { return algorithm_; }
  bool is_secret() const { return algorithm_ == JwtAlgorithm::kHs256; }
  bool can_sign() const { return is_secret() || is_private_; }
  const std::string& secret() const { return secret_; }
  EVP_PKEY* pkey() const { return pkey_.get(); }

  // SHA-256 of the secret, or of the public key.
  std::array<unsigned char, SHA256_DIGEST_LENGTH> Digest() const {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    if (is_secret()) {
      SHA256(Bytes(secret_), secret_.size(), digest.data());
      return digest;
    }
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(pkey_.get(), &der);
    SHA256(der, size > 0 ? static_cast<size_t>(size) : 0, digest.data());
    OPENSSL_free(der);
    return digest;
  }

 private:
  JwtAlgorithm algorithm_;
  std::string secret_;
  PkeyPtr pkey_;
  bool is_private_ = false;
};

JwtKey::JwtKey(std::shared_ptr<const Material> material, std::string id)
    : material_(std::move(material)), id_(std::move(id)) {
  const auto key = material_->Digest();
  std::string all(JwtAlgorithmName(material_->algorithm()));
  all.append(key.begin(), key.end()).append(id_);
  SHA256(Bytes(all), all.size(), identity_.data());
}

uint32_t JwtKey::fingerprint() const {
  uint32_t fingerprint = 0;
  std::memcpy(&fingerprint, identity_.data(), sizeof(fingerprint));
  return fingerprint == 0 ? 1 : fingerprint;
}

absl::StatusOr<JwtKey> JwtKey::Parse(std::string_view algorithm, std::string_view content, std::string_view name,
                                     std::string id) {
  if (content.size() > kFileBytesMax) {
    return Named(name, Invalid(fmt::format("the key has more than {} bytes; allowed is up to that", kFileBytesMax)));
  }
  const std::optional<JwtAlgorithm> kind = JwtAlgorithmOf(algorithm);
  if (!kind) {
    return Named(name, Invalid(fmt::format("the key's algorithm is \"{}\"; allowed is {}", Quotable(algorithm),
                                           kJwtAlgorithmNames)));
  }
  if (*kind == JwtAlgorithm::kHs256) {
    if (IsPem(content)) {
      return Named(name, Invalid("is PEM; allowed for HS256 is a secret of random bytes"));
    }
    if (content.ends_with('\n')) {
      content.remove_suffix(1);
    }
    if (absl::Status status = CheckSecret(content); !status.ok()) {
      return Named(name, status);
    }
    return JwtKey(std::make_shared<const Material>(content), std::move(id));
  }
  bool is_private = false;
  PkeyPtr pkey = ReadPem(content, is_private);
  if (pkey == nullptr) {
    return Named(name, Invalid(fmt::format("holds no key; allowed for {} is a PEM public key, or a private key without "
                                           "password",
                                           algorithm)));
  }
  if (absl::Status status = CheckPkey(*kind, pkey.get(), is_private); !status.ok()) {
    return Named(name, status);
  }
  return JwtKey(std::make_shared<const Material>(*kind, std::move(pkey), is_private), std::move(id));
}

absl::StatusOr<JwtKey> JwtKey::FromNumbers(JwtAlgorithm algorithm, std::string_view first, std::string_view second,
                                           std::string id) {
  if (algorithm == JwtAlgorithm::kHs256) {
    if (absl::Status status = CheckSecret(first); !status.ok()) {
      return status;
    }
    return JwtKey(std::make_shared<const Material>(first), std::move(id));
  }
  PkeyPtr pkey;
  if (algorithm == JwtAlgorithm::kEs256) {
    pkey = EcOf(first, second);
  } else if (algorithm == JwtAlgorithm::kEdDsa) {
    pkey.reset(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(first), first.size()));
  } else {
    pkey = RsaOf(first, second);
  }
  ERR_clear_error();
  if (pkey == nullptr) {
    return Invalid("the key's numbers are no key of its kind");
  }
  if (absl::Status status = CheckPkey(algorithm, pkey.get(), false); !status.ok()) {
    return status;
  }
  return JwtKey(std::make_shared<const Material>(algorithm, std::move(pkey), false), std::move(id));
}

absl::StatusOr<JwtKey> JwtKey::Load(std::string_view algorithm, const std::string& file, std::string id) {
  absl::StatusOr<std::string> content = ReadSecretFile(file, kFileBytesMax);
  if (!content.ok()) {
    return content.status();
  }
  absl::StatusOr<JwtKey> key = Parse(algorithm, *content, file, std::move(id));
  OPENSSL_cleanse(content->data(), content->size());
  return key;
}

absl::StatusOr<JwtKey> JwtKey::LoadAny(const std::string& file, std::string id) {
  absl::StatusOr<std::string> content = ReadSecretFile(file, kFileBytesMax);
  if (!content.ok()) {
    return content.status();
  }
  JwtAlgorithm algorithm = JwtAlgorithm::kHs256;
  if (IsPem(*content)) {
    bool is_private = false;
    const PkeyPtr pkey = ReadPem(*content, is_private);
    const auto is = [&](const char* kind) { return pkey != nullptr && EVP_PKEY_is_a(pkey.get(), kind) == 1; };
    algorithm = is("RSA") ? JwtAlgorithm::kRs256 : is("ED25519") ? JwtAlgorithm::kEdDsa : JwtAlgorithm::kEs256;
  }
  absl::StatusOr<JwtKey> key = Parse(JwtAlgorithmName(algorithm), *content, file, std::move(id));
  OPENSSL_cleanse(content->data(), content->size());
  return key;
}

JwtAlgorithm JwtKey::algorithm() const { return material_->algorithm(); }

bool JwtKey::can_sign() const { return material_->can_sign(); }

absl::StatusOr<std::string> JwtKey::Sign(std::string_view input) const {
  if (!can_sign()) {
    return absl::FailedPreconditionError("a public key cannot sign; a private key is needed");
  }
  std::string signature =
      material_->is_secret() ? JwtMac(material_->secret(), input) : JwtSign(algorithm(), material_->pkey(), input);
  if (signature.empty()) {
    return absl::InternalError("OpenSSL cannot sign");
  }
  return signature;
}

bool JwtKey::Verify(std::string_view input, std::string_view signature) const {
  if (!material_->is_secret()) {
    return JwtVerifySignature(algorithm(), material_->pkey(), input, signature);
  }
  const std::string mac = JwtMac(material_->secret(), input);
  return !mac.empty() && signature.size() == mac.size() && CRYPTO_memcmp(mac.data(), signature.data(), mac.size()) == 0;
}

}  // namespace weir
