#include "base/sockets.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace weir {
namespace {

TEST(Sockets, AnAddressIsWhatItSays) {
  const absl::StatusOr<AddressInfo> found = ResolveToListen({.host = "127.0.0.1", .port = 8080});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ((*found)->ai_family, AF_INET);
  EXPECT_EQ((*found)->ai_next, nullptr) << "once, for TCP";
  const void* const raw = (*found)->ai_addr;
  EXPECT_EQ(ntohl(static_cast<const sockaddr_in*>(raw)->sin_addr.s_addr), INADDR_LOOPBACK);
  EXPECT_EQ(ntohs(static_cast<const sockaddr_in*>(raw)->sin_port), 8080);
}

TEST(Sockets, AHostThatIsNoneIsNamed) {
  const absl::Status status = ResolveToListen({.host = "no host", .port = 80}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("cannot listen on no host:80: "), std::string_view::npos) << status;
}

TEST(Sockets, AnOptionIsSetOrErrnoSaysWhy) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_TRUE(SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1));
  int value = 0;
  socklen_t size = sizeof(value);
  ::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size);
  EXPECT_NE(value, 0);
  ::close(fd);
  EXPECT_FALSE(SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1));
  EXPECT_EQ(errno, EBADF);
}

}  // namespace
}  // namespace weir
