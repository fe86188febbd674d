// Which tokens' signatures were found good by which keys, so that who shows a token again costs a hash and not a
// verification: when thousands of readers come back at once, that is most of what they cost.
//
// That a key has signed a token stays true for good; whether the token is taken (keys, times, parties, revocation) is
// judged each time. A pair of token and key is known by its SHA-256; tokens themselves are not kept, and bad ones
// leave nothing. Bounds: up to `entries_max` in two halves, 38 bytes each; when the newer half is full, the older
// is forgotten. Any thread.
#ifndef WEIR_BASE_VERIFIED_TOKENS_H_
#define WEIR_BASE_VERIFIED_TOKENS_H_

#include <array>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "base/jwt_key.h"

namespace weir {

class VerifiedTokens {
 public:
  using Digest = std::array<unsigned char, 32>;
  static constexpr size_t kEntriesMax = 57'344;  // two halves, each as full as a table of 32,768 places becomes

  explicit VerifiedTokens(size_t entries_max = kEntriesMax) : half_entries_max_(entries_max / 2) {}

  static Digest DigestOf(const JwtKey& key, std::string_view token);

  bool Holds(const Digest& pair);
  void Add(const Digest& pair);

 private:
  struct Hash {
    size_t operator()(const Digest& digest) const {
      size_t value = 0;
      std::memcpy(&value, digest.data(), sizeof(value));
      return value;
    }
  };
  using Half = absl::flat_hash_set<Digest, Hash>;

  void AddLocked(const Digest& pair) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t half_entries_max_;
  std::mutex mutex_;
  Half newer_ ABSL_GUARDED_BY(mutex_);
  Half older_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weir

#endif  // WEIR_BASE_VERIFIED_TOKENS_H_
