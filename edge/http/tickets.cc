#include "edge/http/tickets.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <memory>

#include "base/base64url.h"
#include "base/openssl_ptr.h"

namespace weir::edge {
namespace {

constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;
constexpr size_t kTimeBytes = 8;
constexpr std::string_view kPurpose = "weir tickets 1";

using CipherPtr = std::unique_ptr<EVP_CIPHER_CTX, openssl::Deleter<EVP_CIPHER_CTX_free>>;

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
int Size(std::string_view text) { return static_cast<int>(text.size()); }

// A ticket is good for its kind and path only.
std::string BoundTo(Tickets::Kind kind, std::string_view path) {
  return fmt::format("{} {} {}", kPurpose, static_cast<char>(kind), path);
}

std::string Pack(const Tickets::Content& content) {
  std::string plain;
  const auto seconds = static_cast<uint64_t>(absl::ToUnixSeconds(content.expires));
  for (size_t i = kTimeBytes; i-- > 0;) {
    plain += static_cast<char>(seconds >> (8 * i) & 0xFFU);
  }
  plain.append(content.principal.begin(), content.principal.end());
  return plain + content.token;
}

Tickets::Content Unpack(std::string_view plain) {
  Tickets::Content content;
  uint64_t seconds = 0;
  for (size_t i = 0; i < kTimeBytes; ++i) {
    seconds = seconds << 8U | static_cast<unsigned char>(plain[i]);
  }
  content.expires = absl::FromUnixSeconds(static_cast<int64_t>(seconds));
  std::copy_n(plain.begin() + kTimeBytes, content.principal.size(), content.principal.begin());
  content.token = plain.substr(kTimeBytes + content.principal.size());
  return content;
}

}  // namespace

absl::StatusOr<Tickets> Tickets::Make(const std::vector<std::string>& secrets) {
  if (secrets.empty() || secrets.size() > kKeysMax) {
    return absl::InvalidArgumentError(
        fmt::format("there are {} keys for tickets; allowed are 1 to {}", secrets.size(), kKeysMax));
  }
  Tickets tickets;
  for (const std::string& secret : secrets) {
    if (secret.size() < kSecretBytesMin) {
      return absl::InvalidArgumentError(
          fmt::format("the secret has {} bytes; allowed for tickets are {} or more", secret.size(), kSecretBytesMin));
    }
    // The same secret may serve elsewhere: HKDF (RFC 5869) makes a key that is for tickets alone.
    Key& key = tickets.keys_.emplace_back();
    size_t size = key.size();
    const openssl::PkeyContextPtr context(EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr));
    if (context == nullptr || EVP_PKEY_derive_init(context.get()) != 1 ||
        EVP_PKEY_CTX_set_hkdf_md(context.get(), EVP_sha256()) != 1 ||
        EVP_PKEY_CTX_set1_hkdf_key(context.get(), Bytes(std::string_view(secret)), Size(secret)) != 1 ||
        EVP_PKEY_CTX_add1_hkdf_info(context.get(), Bytes(kPurpose), Size(kPurpose)) != 1 ||
        EVP_PKEY_derive(context.get(), key.data(), &size) != 1) {
      return absl::InternalError("OpenSSL cannot derive a key");
    }
  }
  return tickets;
}

absl::StatusOr<std::string> Tickets::Seal(Kind kind, std::string_view path, const Content& content) const {
  if (content.token.size() > kTokenBytesMax) {
    return absl::InvalidArgumentError(fmt::format("the token has {} bytes; allowed for a ticket are at most {}",
                                                  content.token.size(), kTokenBytesMax));
  }
  const std::string plain = Pack(content);
  const std::string bound = BoundTo(kind, path);
  std::string out(kNonceBytes + plain.size() + kTagBytes, '\0');
  unsigned char* const nonce = Bytes(out);
  unsigned char* const sealed = nonce + kNonceBytes;
  const CipherPtr context(EVP_CIPHER_CTX_new());
  int size = 0;
  if (context == nullptr || RAND_bytes(nonce, kNonceBytes) != 1 ||
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, keys_[0].data(), nonce) != 1 ||
      EVP_EncryptUpdate(context.get(), nullptr, &size, Bytes(std::string_view(bound)), Size(bound)) != 1 ||
      EVP_EncryptUpdate(context.get(), sealed, &size, Bytes(std::string_view(plain)), Size(plain)) != 1 ||
      EVP_EncryptFinal_ex(context.get(), sealed + plain.size(), &size) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, sealed + plain.size()) != 1) {
    return absl::InternalError("OpenSSL cannot seal a ticket");
  }
  return Base64UrlEncode(out);
}

std::optional<Tickets::Content> Tickets::Open(Kind kind, std::string_view path, std::string_view sealed) const {
  constexpr size_t kFixed = kNonceBytes + kTagBytes + kTimeBytes + sizeof(Principal);
  if (sealed.size() > (kFixed + kTokenBytesMax) * 4 / 3 + 4) {
    return std::nullopt;
  }
  std::optional<std::string> bytes = Base64UrlDecode(sealed);
  if (!bytes || bytes->size() < kFixed) {
    return std::nullopt;
  }
  const std::string bound = BoundTo(kind, path);
  unsigned char* const nonce = Bytes(*bytes);
  const size_t plain_size = bytes->size() - kNonceBytes - kTagBytes;
  std::string plain(plain_size, '\0');
  for (const Key& key : keys_) {
    const CipherPtr context(EVP_CIPHER_CTX_new());
    int size = 0;
    if (context != nullptr && EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce) == 1 &&
        EVP_DecryptUpdate(context.get(), nullptr, &size, Bytes(std::string_view(bound)), Size(bound)) == 1 &&
        EVP_DecryptUpdate(context.get(), Bytes(plain), &size, nonce + kNonceBytes, static_cast<int>(plain_size)) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, nonce + kNonceBytes + plain_size) == 1 &&
        EVP_DecryptFinal_ex(context.get(), Bytes(plain) + plain_size, &size) == 1) {
      return Unpack(plain);
    }
  }
  return std::nullopt;
}

Tickets::Principal Tickets::PrincipalOf(const JwtClaims& claims) {
  const std::string text = nlohmann::json::array({claims.claims.value("iss", ""), claims.subject}).dump();
  Principal principal;
  ::SHA256(Bytes(std::string_view(text)), text.size(), principal.data());
  return principal;
}

std::vector<std::string_view> CookieValues(std::string_view cookies, std::string_view name) {
  constexpr size_t kValuesMax = 8;
  std::vector<std::string_view> values;
  while (!cookies.empty() && values.size() < kValuesMax) {
    const size_t end = cookies.find(';');
    std::string_view pair = cookies.substr(0, end);
    cookies = end == std::string_view::npos ? std::string_view() : cookies.substr(end + 1);
    pair.remove_prefix(std::min(pair.find_first_not_of(" \t"), pair.size()));
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') {
      values.push_back(pair.substr(name.size() + 1));
    }
  }
  return values;
}

}  // namespace weir::edge
