#include "base/jwt_signature.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include <array>
#include <utility>

#include "base/openssl_ptr.h"

namespace weir {
namespace {

using namespace openssl;  // NOLINT(google-build-using-namespace): owned pointers

constexpr size_t kMacBytes = 32;
constexpr int kCoordinateBytes = 32;
constexpr std::pair<JwtAlgorithm, std::string_view> kNames[] = {{JwtAlgorithm::kHs256, "HS256"},
                                                                {JwtAlgorithm::kRs256, "RS256"},
                                                                {JwtAlgorithm::kPs256, "PS256"},
                                                                {JwtAlgorithm::kEs256, "ES256"},
                                                                {JwtAlgorithm::kEdDsa, "EdDSA"}};

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// Ed25519 has its digest built in.
const EVP_MD* DigestOf(JwtAlgorithm algorithm) { return algorithm == JwtAlgorithm::kEdDsa ? nullptr : EVP_sha256(); }

// The context belongs to its digest's.
bool SetPadding(JwtAlgorithm algorithm, EVP_PKEY_CTX* context) {
  if (algorithm == JwtAlgorithm::kRs256) {
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  }
  if (algorithm == JwtAlgorithm::kPs256) {
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1;
  }
  return true;
}

// ECDSA's DER as r and s, 32 bytes each (RFC 7518 section 3.4). Empty when it cannot be.
std::string RawOf(std::string_view der) {
  const unsigned char* cursor = Bytes(der);
  const EcdsaPtr parts(d2i_ECDSA_SIG(nullptr, &cursor, static_cast<long>(der.size())));
  std::string raw(2 * kCoordinateBytes, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  if (parts == nullptr || BN_bn2binpad(ECDSA_SIG_get0_r(parts.get()), out, kCoordinateBytes) < 0 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(parts.get()), out + kCoordinateBytes, kCoordinateBytes) < 0) {
    return "";
  }
  return raw;
}

std::string DerOf(std::string_view raw) {
  if (raw.size() != 2 * kCoordinateBytes) {
    return "";
  }
  NumberPtr r(BN_bin2bn(Bytes(raw), kCoordinateBytes, nullptr));
  NumberPtr s(BN_bin2bn(Bytes(raw) + kCoordinateBytes, kCoordinateBytes, nullptr));
  const EcdsaPtr parts(ECDSA_SIG_new());
  if (r == nullptr || s == nullptr || parts == nullptr || ECDSA_SIG_set0(parts.get(), r.get(), s.get()) != 1) {
    return "";
  }
  static_cast<void>(r.release());  // ECDSA_SIG_set0 took both
  static_cast<void>(s.release());
  std::array<unsigned char, 128> der{};
  unsigned char* cursor = der.data();
  const int size = i2d_ECDSA_SIG(parts.get(), &cursor);
  return size > 0 ? std::string(reinterpret_cast<char*>(der.data()), static_cast<size_t>(size)) : "";
}

}  // namespace

std::string_view JwtAlgorithmName(JwtAlgorithm algorithm) {
  for (const auto& [one, name] : kNames) {
    if (one == algorithm) {
      return name;
    }
  }
  return "";
}

std::optional<JwtAlgorithm> JwtAlgorithmOf(std::string_view name) {
  for (const auto& [algorithm, one] : kNames) {
    if (one == name) {
      return algorithm;
    }
  }
  return std::nullopt;
}

std::string JwtMac(std::string_view secret, std::string_view input) {
  std::string mac(kMacBytes, '\0');
  auto* out = reinterpret_cast<unsigned char*>(mac.data());
  const bool done = HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), Bytes(input), input.size(), out,
                         nullptr) != nullptr;
  return done ? mac : std::string();
}

std::string JwtSign(JwtAlgorithm algorithm, EVP_PKEY* pkey, std::string_view input) {
  const DigestPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;
  size_t size = 0;
  std::string signature;
  if (EVP_DigestSignInit(context.get(), &key_context, DigestOf(algorithm), nullptr, pkey) == 1 &&
      SetPadding(algorithm, key_context) &&
      EVP_DigestSign(context.get(), nullptr, &size, Bytes(input), input.size()) == 1) {
    signature.resize(size);
    auto* out = reinterpret_cast<unsigned char*>(signature.data());
    const bool done = EVP_DigestSign(context.get(), out, &size, Bytes(input), input.size()) == 1;
    signature.resize(done ? size : 0);
  }
  ERR_clear_error();
  return algorithm == JwtAlgorithm::kEs256 ? RawOf(signature) : signature;
}

bool JwtVerifySignature(JwtAlgorithm algorithm, EVP_PKEY* pkey, std::string_view input, std::string_view signature) {
  std::string der;
  if (algorithm == JwtAlgorithm::kEs256) {
    der = DerOf(signature);
    signature = der;
  } else if (signature.size() != static_cast<size_t>(EVP_PKEY_get_size(pkey))) {
    return false;
  }
  const DigestPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;
  const bool valid =
      EVP_DigestVerifyInit(context.get(), &key_context, DigestOf(algorithm), nullptr, pkey) == 1 &&
      SetPadding(algorithm, key_context) &&
      EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(input), input.size()) == 1;
  ERR_clear_error();
  return valid;
}

}  // namespace weir
