// Accepts connections in gRPC's place, and hands over those that there is room for. gRPC 1.51 has no limit of
// connections, and when it runs out of descriptors once, it never accepts again.
//
// What is above a limit is closed at once and unread, which clients take for a server that is away: they come back, and
// later each time. What is open stays. Without descriptors or memory accepting rests for a moment. One thread of its
// own; Counts is for any thread, all else for one.
#ifndef WEIR_SERVER_RPC_GRPC_LISTENER_H_
#define WEIR_SERVER_RPC_GRPC_LISTENER_H_

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/address.h"
#include "server/rpc/connection_table.h"

namespace weir::server {

struct GrpcListenerOptions {
  // A name stands for all its addresses. Port 0 takes a free one.
  Address address;
  ConnectionLimits limits = {};
  // How long what was sent may stay unacknowledged before the kernel gives a connection up (TCP_USER_TIMEOUT).
  absl::Duration unacknowledged_max = absl::Seconds(20);
};

struct ConnectionCounts {
  size_t open = 0;
  size_t connections_max = 0;
  // Closed unread, above which limit.
  uint64_t refused = 0;
  uint64_t refused_of_address = 0;
};

class GrpcListener {
 public:
  // Binds; connections wait until Start. UNAVAILABLE names the address.
  static absl::StatusOr<std::unique_ptr<GrpcListener>> Open(const GrpcListenerOptions& options);
  // Stops.
  ~GrpcListener();
  GrpcListener(const GrpcListener&) = delete;
  GrpcListener& operator=(const GrpcListener&) = delete;

  // `hand_over` owns the connections from then on. Once.
  void Start(std::function<void(int fd)> hand_over);
  // Closes the listening sockets. Afterwards nothing is handed over.
  void Stop();

  uint16_t port() const { return port_; }
  ConnectionCounts Counts();

 private:
  // Something that is said in the log now and then.
  enum class Complaint : uint8_t { kFull, kAddressFull, kNoResources };

  explicit GrpcListener(const ConnectionLimits& limits) : table_(limits) {}

  absl::Status Listen(const GrpcListenerOptions& options);
  void Run();
  bool AcceptAll(int socket);
  void Take(int fd, const sockaddr_storage& peer);
  bool MayComplain(Complaint complaint);

  ConnectionTable table_;
  std::vector<int> sockets_;
  int stop_ = -1;
  uint16_t port_ = 0;
  std::function<void(int)> hand_over_;
  std::array<std::chrono::steady_clock::time_point, 3> next_complaints_ = {};  // of the thread
  std::atomic<uint64_t> refused_ = 0;
  std::atomic<uint64_t> refused_of_address_ = 0;
  std::thread thread_;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_RPC_GRPC_LISTENER_H_
