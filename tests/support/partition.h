// A network that silently loses packets: the other end is not told, as when a cable is pulled or a host vanishes.
// Inside a sandbox only (tests/support/sandbox.h). One thread.
#ifndef WEIR_TESTS_SUPPORT_PARTITION_H_
#define WEIR_TESTS_SUPPORT_PARTITION_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace weir::testing {

// What is lost of the packets between a listener and those connected to it.
struct PartitionOptions {
  // The listener's address as its clients connect to it. All of 127.0.0.0/8 is the loopback device: a server that
  // listens on 0.0.0.0 can be cut off from one client, which connects to 127.0.0.2, and not from another, at 127.0.0.1.
  std::string address = "127.0.0.1";
  uint16_t port = 0;
  // Of one client; 0: all clients. A client's port alone would not do: the kernel gives it to connections to other
  // listeners as well.
  uint16_t client_port = 0;
  bool lose_requests = true;   // what goes to the listener
  bool lose_responses = true;  // what comes from it
  int percent = 100;           // of the packets, at random
};

// In force until Heal or the end of the object.
class Partition {
 public:
  // Connections that exist are cut as well as new ones. FAILED_PRECONDITION without a sandbox; UNAVAILABLE when `nft`
  // fails.
  static absl::StatusOr<Partition> Start(const PartitionOptions& options);

  Partition(Partition&& other) noexcept;
  Partition& operator=(Partition&& other) noexcept;
  ~Partition();

  void Heal();
  // Packets lost so far; 0 after Heal.
  uint64_t lost() const;

 private:
  explicit Partition(std::string table) : table_(std::move(table)) {}

  std::string table_;  // of nftables; empty: healed
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_PARTITION_H_
