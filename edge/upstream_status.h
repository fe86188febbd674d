// What is known of the connection to the server. Written by the upstream's thread, read by any.
#ifndef WEIR_EDGE_UPSTREAM_STATUS_H_
#define WEIR_EDGE_UPSTREAM_STATUS_H_

#include <atomic>
#include <cstdint>

namespace weir::edge {

struct UpstreamStatus {
  std::atomic<bool> connected = false;
  std::atomic<bool> refused = false;  // for good; it is tried again, slowly
  std::atomic<uint64_t> connects = 0;
  std::atomic<uint64_t> disconnects = 0;
  std::atomic<uint64_t> batches = 0;
  std::atomic<uint64_t> bytes = 0;
  std::atomic<uint64_t> gaps = 0;
  std::atomic<uint64_t> schema_changes = 0;
  std::atomic<uint64_t> server_head = 0;  // as last heard
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_UPSTREAM_STATUS_H_
