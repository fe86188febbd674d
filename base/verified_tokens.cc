#include "base/verified_tokens.h"

#include <openssl/sha.h>

#include <string>
#include <utility>

namespace weir {

VerifiedTokens::Digest VerifiedTokens::DigestOf(const JwtKey& key, std::string_view token) {
  std::string pair(key.identity().begin(), key.identity().end());  // as long for every key
  pair += token;
  Digest digest{};
  SHA256(reinterpret_cast<const unsigned char*>(pair.data()), pair.size(), digest.data());
  return digest;
}

bool VerifiedTokens::Holds(const Digest& pair) {
  const std::lock_guard lock(mutex_);
  if (newer_.contains(pair)) {
    return true;
  }
  if (!older_.contains(pair)) {
    return false;
  }
  AddLocked(pair);
  return true;
}

void VerifiedTokens::Add(const Digest& pair) {
  const std::lock_guard lock(mutex_);
  AddLocked(pair);
}

void VerifiedTokens::AddLocked(const Digest& pair) {
  if (newer_.size() >= half_entries_max_) {
    older_ = std::exchange(newer_, Half());
  }
  newer_.insert(pair);
}

}  // namespace weir
