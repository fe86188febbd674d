// How many of the connections are open that were handed over to gRPC, in all and of each client: gRPC closes them, and
// tells nobody.
//
// A connection is known by its descriptor and by its socket's inode, and is open for as long as the descriptor shows
// that inode. Looking costs some 0.3 µs for each, so it is done when there seems to be no room, or somebody asks; it
// never takes more than a tenth of a processor. A count may so be too high by those that were closed meanwhile, never
// too low. Any thread.
#ifndef WEIR_SERVER_RPC_CONNECTION_TABLE_H_
#define WEIR_SERVER_RPC_CONNECTION_TABLE_H_

#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "base/clock.h"

namespace weir::server {

// As ServerLimits.
struct ConnectionLimits {
  size_t connections_max = 4'096;
  size_t connections_per_address = 1'024;
};

// What one client is given counts as one: an IPv4 address, also in its form in IPv6, or an IPv6 network of 64 bits.
// Null: this machine, which no limit of an address holds for.
std::optional<uint64_t> ClientKey(const sockaddr_storage& address);

// The time that the calling thread has run: it stands while others have the processor.
Clock ThreadEffort();

class ConnectionTable {
 public:
  enum class Verdict : uint8_t { kTaken, kFull, kAddressFull };

  // `effort` tells what this thread has had of a processor.
  explicit ConnectionTable(const ConnectionLimits& limits, Clock clock = MonotonicClock(),
                           Clock effort = ThreadEffort())
      : limits_(limits), clock_(std::move(clock)), effort_(std::move(effort)) {}

  // Whether there is room for that connection, an open socket, of a client by its key: then it counts until it is
  // closed.
  Verdict Take(int fd, std::optional<uint64_t> client);
  // How many are open.
  size_t Count();

  const ConnectionLimits& limits() const { return limits_; }

 private:
  struct Entry {
    dev_t device = 0;
    ino_t inode = 0;
    std::optional<uint64_t> client;
  };
  using Entries = absl::flat_hash_map<int, Entry>;

  Verdict Judge(const std::optional<uint64_t>& client) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Look() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Forget(Entries::iterator it) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const ConnectionLimits limits_;
  const Clock clock_;
  const Clock effort_;
  std::mutex mutex_;
  Entries entries_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, size_t> clients_ ABSL_GUARDED_BY(mutex_);
  absl::Time look_due_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace weir::server

#endif  // WEIR_SERVER_RPC_CONNECTION_TABLE_H_
