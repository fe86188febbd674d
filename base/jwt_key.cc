#include "base/jwt_key.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/secret_file.h"
#include "base/text.h"

namespace weir {
namespace {

constexpr size_t kMacBytes = 32;
constexpr int kCoordinateBytes = 32;

// OpenSSL's objects as owned pointers.
template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using PkeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free>>;
using DigestPtr = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using CheckPtr = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using SignaturePtr = std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, Deleter<BN_free>>;

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

bool IsPem(std::string_view content) { return content.find("-----BEGIN ") != std::string_view::npos; }

// OpenSSL would otherwise ask for the password on the terminal.
int NoPassword(char*, int, int, void*) { return -1; }

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
  const auto open = [&] { return BioPtr(BIO_new_mem_buf(content.data(), static_cast<int>(content.size()))); };
  is_private = false;
  PkeyPtr pkey(PEM_read_bio_PUBKEY(open().get(), nullptr, &NoPassword, nullptr));
  if (pkey == nullptr) {
    is_private = true;
    pkey.reset(PEM_read_bio_PrivateKey(open().get(), nullptr, &NoPassword, nullptr));
  }
  ERR_clear_error();
  return pkey;
}

absl::Status Invalid(std::string_view name, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", name, what));
}

}  // namespace

class JwtKey::Material {
 public:
  explicit Material(std::string_view secret) : algorithm_(JwtAlgorithm::kHs256), secret_(secret) {}
  Material(PkeyPtr pkey, bool is_private)
      : algorithm_(JwtAlgorithm::kEs256), pkey_(std::move(pkey)), is_private_(is_private) {}
  Material(const Material&) = delete;
  Material& operator=(const Material&) = delete;
  ~Material() { OPENSSL_cleanse(secret_.data(), secret_.size()); }

  JwtAlgorithm algorithm() const { return algorithm_; }
  bool can_sign() const { return algorithm_ == JwtAlgorithm::kHs256 || is_private_; }

  // SHA-256 of the secret, or of the public key.
  std::array<unsigned char, SHA256_DIGEST_LENGTH> Digest() const {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    if (algorithm_ == JwtAlgorithm::kHs256) {
      SHA256(Bytes(secret_), secret_.size(), digest.data());
      return digest;
    }
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(pkey_.get(), &der);
    SHA256(der, size > 0 ? static_cast<size_t>(size) : 0, digest.data());
    OPENSSL_free(der);
    return digest;
  }

  // Empty when OpenSSL fails, which means: out of memory.
  std::string Mac(std::string_view input) const {
    std::string mac(kMacBytes, '\0');
    auto* out = reinterpret_cast<unsigned char*>(mac.data());
    const bool done = HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()), Bytes(input), input.size(),
                           out, nullptr) != nullptr;
    return done ? mac : std::string();
  }

  // ECDSA as r and s, 32 bytes each (RFC 7518 section 3.4). Empty when OpenSSL fails.
  std::string SignEcdsa(std::string_view input) const {
    const DigestPtr context(EVP_MD_CTX_new());
    std::array<unsigned char, 128> der{};
    size_t size = der.size();
    if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, pkey_.get()) != 1 ||
        EVP_DigestSign(context.get(), der.data(), &size, Bytes(input), input.size()) != 1) {
      return "";
    }
    const unsigned char* cursor = der.data();
    const SignaturePtr parts(d2i_ECDSA_SIG(nullptr, &cursor, static_cast<long>(size)));
    std::string raw(2 * kCoordinateBytes, '\0');
    auto* out = reinterpret_cast<unsigned char*>(raw.data());
    if (parts == nullptr || BN_bn2binpad(ECDSA_SIG_get0_r(parts.get()), out, kCoordinateBytes) < 0 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(parts.get()), out + kCoordinateBytes, kCoordinateBytes) < 0) {
      return "";
    }
    return raw;
  }

  bool VerifyEcdsa(std::string_view input, std::string_view raw) const {
    NumberPtr r(BN_bin2bn(Bytes(raw), kCoordinateBytes, nullptr));
    NumberPtr s(BN_bin2bn(Bytes(raw) + kCoordinateBytes, kCoordinateBytes, nullptr));
    const SignaturePtr parts(ECDSA_SIG_new());
    if (r == nullptr || s == nullptr || parts == nullptr || ECDSA_SIG_set0(parts.get(), r.get(), s.get()) != 1) {
      return false;
    }
    static_cast<void>(r.release());  // ECDSA_SIG_set0 took both
    static_cast<void>(s.release());
    std::array<unsigned char, 128> der{};
    unsigned char* cursor = der.data();
    const int size = i2d_ECDSA_SIG(parts.get(), &cursor);
    const DigestPtr context(EVP_MD_CTX_new());
    const bool valid =
        size > 0 && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, pkey_.get()) == 1 &&
        EVP_DigestVerify(context.get(), der.data(), static_cast<size_t>(size), Bytes(input), input.size()) == 1;
    ERR_clear_error();
    return valid;
  }

 private:
  JwtAlgorithm algorithm_;
  std::string secret_;
  PkeyPtr pkey_;
  bool is_private_ = false;
};

std::string_view JwtAlgorithmName(JwtAlgorithm algorithm) {
  return algorithm == JwtAlgorithm::kHs256 ? "HS256" : "ES256";
}

JwtKey::JwtKey(std::shared_ptr<const Material> material, std::string id)
    : material_(std::move(material)), id_(std::move(id)) {
  const auto key = material_->Digest();
  std::string all(JwtAlgorithmName(material_->algorithm()));
  all.append(key.begin(), key.end()).append(id_);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(Bytes(all), all.size(), digest.data());
  std::memcpy(&fingerprint_, digest.data(), sizeof(fingerprint_));
  fingerprint_ = fingerprint_ == 0 ? 1 : fingerprint_;
}

absl::StatusOr<JwtKey> JwtKey::Parse(std::string_view algorithm, std::string_view content, std::string_view name,
                                     std::string id) {
  if (content.size() > kFileBytesMax) {
    return Invalid(name, fmt::format("the key has more than {} bytes; allowed is up to that", kFileBytesMax));
  }
  if (algorithm == JwtAlgorithmName(JwtAlgorithm::kHs256)) {
    if (IsPem(content)) {
      return Invalid(name, "is PEM; allowed for HS256 is a secret of random bytes");
    }
    if (content.ends_with('\n')) {
      content.remove_suffix(1);
    }
    if (content.size() < kSecretBytesMin) {
      return Invalid(name, fmt::format("the secret has {} bytes; allowed for HS256 are {} or more", content.size(),
                                       kSecretBytesMin));
    }
    return JwtKey(std::make_shared<const Material>(content), std::move(id));
  }
  if (algorithm == JwtAlgorithmName(JwtAlgorithm::kEs256)) {
    bool is_private = false;
    PkeyPtr pkey = ReadPem(content, is_private);
    if (pkey == nullptr) {
      return Invalid(name, "holds no key; allowed for ES256 is a PEM public key, or a private key without password");
    }
    if (!IsOnP256(pkey.get())) {
      return Invalid(name, "the key is not on the curve P-256, which ES256 needs");
    }
    const CheckPtr check(EVP_PKEY_CTX_new_from_pkey(nullptr, pkey.get(), nullptr));
    const bool sound = check != nullptr && EVP_PKEY_public_check(check.get()) == 1 &&
                       (!is_private || EVP_PKEY_pairwise_check(check.get()) == 1);
    ERR_clear_error();
    if (!sound) {
      return Invalid(name, "the key is damaged: its numbers do not fit each other");
    }
    return JwtKey(std::make_shared<const Material>(std::move(pkey), is_private), std::move(id));
  }
  return Invalid(name, fmt::format("the key's algorithm is \"{}\"; allowed is HS256 or ES256", Quotable(algorithm)));
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
  const JwtAlgorithm algorithm = IsPem(*content) ? JwtAlgorithm::kEs256 : JwtAlgorithm::kHs256;
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
  std::string signature = algorithm() == JwtAlgorithm::kHs256 ? material_->Mac(input) : material_->SignEcdsa(input);
  if (signature.empty()) {
    return absl::InternalError("OpenSSL cannot sign");
  }
  return signature;
}

bool JwtKey::Verify(std::string_view input, std::string_view signature) const {
  if (algorithm() == JwtAlgorithm::kEs256) {
    return signature.size() == 2 * kCoordinateBytes && material_->VerifyEcdsa(input, signature);
  }
  const std::string mac = material_->Mac(input);
  return !mac.empty() && signature.size() == mac.size() && CRYPTO_memcmp(mac.data(), signature.data(), mac.size()) == 0;
}

}  // namespace weir
