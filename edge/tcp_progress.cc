#include "edge/tcp_progress.h"

// Not <netinet/tcp.h>, whose tcp_info ends too early.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>

namespace weir::edge {

std::optional<TcpProgress> TcpProgressOf(int fd) {
  tcp_info info = {};
  socklen_t size = sizeof(info);
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
      size < offsetof(tcp_info, tcpi_bytes_retrans) + sizeof(info.tcpi_bytes_retrans)) {
    return std::nullopt;
  }
  TcpProgress progress;
  progress.acknowledged = static_cast<uint32_t>(info.tcpi_bytes_acked);
  progress.written = static_cast<uint32_t>(info.tcpi_bytes_sent - info.tcpi_bytes_retrans) + info.tcpi_notsent_bytes;
  progress.awaits_answer = info.tcpi_unacked > 0 || info.tcpi_probes > 1;
  progress.silent_ms = info.tcpi_last_ack_recv;
  return progress;
}

}  // namespace weir::edge
