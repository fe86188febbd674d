// Keyed 64-bit fingerprints of (topic, event id): SipHash-2-4. The key is a secret of the log, so that no publisher can
// aim at collisions.
#ifndef WEIR_LOG_FINGERPRINT_H_
#define WEIR_LOG_FINGERPRINT_H_

#include <array>
#include <cstdint>
#include <string_view>

namespace weir::log {

struct FingerprintKey {
  std::array<uint64_t, 2> words{};

  static FingerprintKey Random();
};

// SipHash-2-4 (Aumasson and Bernstein, 2012) of the bytes.
uint64_t SipHash(const FingerprintKey& key, std::string_view bytes);

// Of an event. Any thread.
uint64_t Fingerprint(const FingerprintKey& key, std::string_view topic, std::string_view id);

}  // namespace weir::log

#endif  // WEIR_LOG_FINGERPRINT_H_
