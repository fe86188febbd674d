// The keys that seal session tickets (RFC 8446, 4.6.1): a client that comes back with a ticket is spared the signature
// of a full handshake, and the edge remembers nothing of it.
//
// They are made here, never leave the process, and change: a key seals for two hours and opens for two more, so that
// what an attacker learns of a running process does not open what was recorded long before. Two keys at most. Any
// thread.
#ifndef WEIR_EDGE_TLS_TICKET_KEYS_H_
#define WEIR_EDGE_TLS_TICKET_KEYS_H_

#include <array>
#include <mutex>
#include <optional>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/clock.h"

namespace weir::edge {

class TicketKeys {
 public:
  static constexpr absl::Duration kLifetime = absl::Hours(2);

  struct Key {
    std::array<unsigned char, 16> name;
    std::array<unsigned char, 32> cipher;  // AES-256
    std::array<unsigned char, 32> mac;     // HMAC-SHA-256
  };

  explicit TicketKeys(Clock monotonic = MonotonicClock()) : clock_(std::move(monotonic)) {}
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  // The one to seal with. Null: there is no randomness to be had.
  std::optional<Key> Current();
  // The one of that name, while it opens.
  std::optional<Key> Find(std::string_view name);

 private:
  void Turn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock clock_;
  std::mutex mutex_;
  std::optional<Key> current_ ABSL_GUARDED_BY(mutex_);
  std::optional<Key> previous_ ABSL_GUARDED_BY(mutex_);
  absl::Time made_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_TLS_TICKET_KEYS_H_
