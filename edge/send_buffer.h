// The size of the kernel's send buffer, as an option of a socket.
#ifndef WEIR_EDGE_SEND_BUFFER_H_
#define WEIR_EDGE_SEND_BUFFER_H_

#include <algorithm>
#include <cstddef>

namespace weir::edge {

// SO_SNDBUF for a connection that shall hold no more than `bytes` in the kernel. The kernel doubles what it is given,
// for its own bookkeeping; and when there is room for a byte, it takes a segment of up to 64 KiB. Below 128 KiB that
// segment can be beyond.
inline int SendBufferOption(size_t bytes) {
  constexpr size_t kSegment = 64 * 1024;
  return static_cast<int>((bytes - std::min(bytes / 2, kSegment)) / 2);
}

}  // namespace weir::edge

#endif  // WEIR_EDGE_SEND_BUFFER_H_
