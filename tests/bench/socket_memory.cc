#include "tests/bench/socket_memory.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace weir::bench {
namespace {

struct Request {
  nlmsghdr header;
  inet_diag_req_v2 body;
};

void AddSocket(nlmsghdr& message, uint16_t local_port, SocketMemory& memory) {
  auto* const socket = reinterpret_cast<inet_diag_msg*>(reinterpret_cast<char*>(&message) + NLMSG_HDRLEN);
  if (ntohs(socket->id.idiag_sport) != local_port) {
    return;
  }
  auto length = static_cast<int>(message.nlmsg_len - NLMSG_LENGTH(sizeof(*socket)));
  for (auto* attribute = reinterpret_cast<rtattr*>(socket + 1); RTA_OK(attribute, length);
       attribute = RTA_NEXT(attribute, length)) {
    if (attribute->rta_type == INET_DIAG_SKMEMINFO) {
      const auto* const values = static_cast<const uint32_t*>(RTA_DATA(attribute));
      const uint64_t bytes =
          uint64_t{values[SK_MEMINFO_RMEM_ALLOC]} + values[SK_MEMINFO_WMEM_QUEUED] + values[SK_MEMINFO_FWD_ALLOC];
      ++memory.sockets;
      memory.bytes += bytes;
      memory.bytes_max = std::max(memory.bytes_max, bytes);
    }
  }
}

}  // namespace

absl::StatusOr<SocketMemory> MemoryOfSocketsAt(uint16_t local_port) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) {
    return absl::ErrnoToStatus(errno, "sock_diag");
  }
  Request request{};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.sdiag_family = AF_INET;
  request.body.sdiag_protocol = IPPROTO_TCP;
  request.body.idiag_states = 1U << TCP_ESTABLISHED;
  request.body.idiag_ext = 1U << (INET_DIAG_SKMEMINFO - 1);
  SocketMemory memory;
  absl::Status status;
  bool more = send(fd, &request, sizeof(request), 0) == sizeof(request);
  if (!more) {
    status = absl::ErrnoToStatus(errno, "sock_diag");
  }
  alignas(nlmsghdr) std::array<char, 64 * 1024> buffer;
  while (more) {
    const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) {
      status = absl::ErrnoToStatus(errno, "sock_diag");
      break;
    }
    auto left = static_cast<uint32_t>(got);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) {
        more = false;
        status = message->nlmsg_type == NLMSG_DONE ? absl::OkStatus() : absl::InternalError("sock_diag was refused");
        break;
      }
      AddSocket(*message, local_port, memory);
    }
  }
  close(fd);
  if (!status.ok()) {
    return status;
  }
  return memory;
}

}  // namespace weir::bench
