#include "tests/support/partition.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>

#include "absl/time/clock.h"
#include "tests/support/http.h"
#include "tests/support/process.h"
#include "tests/support/sandbox.h"
#include "tests/support/system.h"

namespace weir::testing {
namespace {

// A listener on 0.0.0.0 with one connection accepted from 127.0.0.1.
class PartitionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!SandboxStatus().ok()) {
      GTEST_SKIP() << SandboxStatus();
    }
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    socklen_t size = sizeof(address);
    ASSERT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(listen(listener_, 8), 0);
    ASSERT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    absl::StatusOr<Connection> client = Connection::Open(port_);
    ASSERT_TRUE(client.ok()) << client.status();
    client_.emplace(*std::move(client));
    accepted_ = accept(listener_, nullptr, nullptr);
    ASSERT_GE(accepted_, 0);
  }

  void TearDown() override {
    close(accepted_);
    close(listener_);
  }

  Partition Cut(PartitionOptions options) {
    options.port = port_;
    absl::StatusOr<Partition> partition = Partition::Start(options);
    EXPECT_TRUE(partition.ok()) << partition.status();
    return *std::move(partition);
  }

  void SendRequest(std::string_view text) { ASSERT_TRUE(client_->Send(text).ok()); }
  void SendResponse(std::string_view text) {
    ASSERT_EQ(send(accepted_, text.data(), text.size(), MSG_NOSIGNAL), std::ssize(text));
  }
  bool RequestComes() {
    char byte = 0;
    return WaitUntil([&] { return recv(accepted_, &byte, 1, MSG_DONTWAIT) == 1; });
  }
  bool ResponseComes() { return client_->Receive(kPatience).ok(); }
  static bool Loses(const Partition& partition) {
    return WaitUntil([&] { return partition.lost() > 0; });
  }

  int listener_ = -1;
  int accepted_ = -1;
  uint16_t port_ = 0;
  std::optional<Connection> client_;
};

TEST_F(PartitionTest, MayBeOfOneClient) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  ASSERT_EQ(getsockname(client_->fd(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const uint16_t client_port = ntohs(address.sin_port);
  {
    const Partition of_another = Cut({.client_port = static_cast<uint16_t>(client_port ^ 1U)});
    SendRequest("?");
    EXPECT_TRUE(RequestComes());
    SendResponse("!");
    EXPECT_TRUE(ResponseComes());
  }
  const Partition partition = Cut({.client_port = client_port});
  SendRequest("?");
  EXPECT_TRUE(Loses(partition));
}

TEST_F(PartitionTest, LosesBothWaysInSilenceAndAfterHealingNothingIsMissing) {
  Partition partition = Cut({});
  SendRequest("q");
  SendResponse("r");
  ASSERT_TRUE(WaitUntil([&] { return partition.lost() >= 2; }));
  char byte = 0;
  EXPECT_EQ(recv(accepted_, &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(recv(client_->fd(), &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN);
  partition.Heal();
  EXPECT_TRUE(RequestComes());
  EXPECT_TRUE(ResponseComes());
}

TEST_F(PartitionTest, CanLoseOneDirectionOnly) {
  {
    // Requests reach nobody. Responses do, although the listener never learns it.
    const Partition partition = Cut({.lose_responses = false});
    SendRequest("q");
    ASSERT_TRUE(Loses(partition));
    SendResponse("r");
    EXPECT_TRUE(ResponseComes());
  }
  EXPECT_TRUE(RequestComes());
  const Partition partition = Cut({.lose_requests = false});
  SendResponse("r");
  ASSERT_TRUE(Loses(partition));
  SendRequest("q");
  EXPECT_TRUE(RequestComes());
}

TEST_F(PartitionTest, IsOfOneAddressOfTheListener) {
  const Partition partition = Cut({.address = "127.0.0.2"});
  SendRequest("q");
  EXPECT_TRUE(RequestComes());
  EXPECT_EQ(partition.lost(), 0u);
}

TEST_F(PartitionTest, LosesAShareOfThePacketsAndTcpRepairsIt) {
  const Partition partition = Cut({.percent = 30});
  for (int i = 0; i < 200 && partition.lost() == 0; ++i) {
    SendRequest("q");
    ASSERT_TRUE(RequestComes()) << i;
  }
  EXPECT_GT(partition.lost(), 0u);
}

TEST(SandboxTest, HidesItsMountsAndEndsWithTheTest) {
  if (!SandboxStatus().ok()) {
    GTEST_SKIP() << SandboxStatus();
  }
  EXPECT_LE(getpid(), 2);
  // The processes of the machine are not seen.
  const CommandResult processes = RunCommand({"/usr/bin/ps", "-e", "-o", "pid="});
  EXPECT_LE(std::count(processes.out.begin(), processes.out.end(), '\n'), 3) << processes.out;
}

}  // namespace
}  // namespace weir::testing
