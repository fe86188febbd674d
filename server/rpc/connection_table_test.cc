#include "server/rpc/connection_table.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

namespace weir::server {
namespace {

using enum ConnectionTable::Verdict;

int Open() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_GE(fd, 0);
  return fd;
}

// Another thing under the number of a connection that was closed.
void Replace(int fd, int by) {
  ASSERT_EQ(::dup2(by, fd), fd);
  ::close(by);
}

sockaddr_storage AddressOf(const std::string& text) {
  sockaddr_storage address = {};
  void* const raw = &address;
  if (text.find(':') == std::string::npos) {
    address.ss_family = AF_INET;
    EXPECT_EQ(::inet_pton(AF_INET, text.c_str(), &static_cast<sockaddr_in*>(raw)->sin_addr), 1);
  } else {
    address.ss_family = AF_INET6;
    EXPECT_EQ(::inet_pton(AF_INET6, text.c_str(), &static_cast<sockaddr_in6*>(raw)->sin6_addr), 1);
  }
  return address;
}

absl::Time Standing() { return absl::UnixEpoch(); }

// Looking takes no time, and so is always allowed.
ConnectionTable TableOf(const ConnectionLimits& limits) { return ConnectionTable(limits, Standing, Standing); }

TEST(ConnectionTable, RefusesWhatIsNewUntilSomethingIsClosed) {
  ConnectionTable table = TableOf({.connections_max = 2, .connections_per_address = 1});
  const int first = Open();
  const int second = Open();
  const int third = Open();
  EXPECT_EQ(table.Take(first, std::nullopt), kTaken);
  EXPECT_EQ(table.Take(second, std::nullopt), kTaken);
  EXPECT_EQ(table.Take(third, std::nullopt), kFull);
  EXPECT_EQ(table.Take(third, 7), kFull);
  EXPECT_EQ(table.Count(), 2U);
  ::close(first);
  EXPECT_EQ(table.Take(third, std::nullopt), kTaken);
  EXPECT_EQ(table.Count(), 2U);
  ::close(second);
  ::close(third);
  EXPECT_EQ(table.Count(), 0U);
}

TEST(ConnectionTable, RefusesOneAddressAndTakesTheOthers) {
  ConnectionTable table = TableOf({.connections_max = 100, .connections_per_address = 2});
  std::vector<int> fds(7);
  for (int& fd : fds) {
    fd = Open();
  }
  EXPECT_EQ(table.Take(fds[0], 1), kTaken);
  EXPECT_EQ(table.Take(fds[1], 1), kTaken);
  EXPECT_EQ(table.Take(fds[2], 1), kAddressFull);
  EXPECT_EQ(table.Take(fds[2], 2), kTaken);
  for (size_t i = 3; i < 6; ++i) {
    EXPECT_EQ(table.Take(fds[i], std::nullopt), kTaken) << "no limit without a key";
  }
  ::close(fds[0]);
  EXPECT_EQ(table.Take(fds[6], 1), kTaken);
  EXPECT_EQ(table.Count(), 6U);
  for (size_t i = 1; i < fds.size(); ++i) {
    ::close(fds[i]);
  }
}

TEST(ConnectionTable, IsNotDeceivedByANumberThatIsGivenAgain) {
  ConnectionTable table = TableOf({.connections_max = 4});
  const int file = Open();
  const int socket = Open();
  const int connection = Open();
  for (const int fd : {file, socket, connection}) {
    EXPECT_EQ(table.Take(fd, 1), kTaken);
  }
  Replace(connection, Open());
  EXPECT_EQ(table.Take(connection, 2), kTaken) << "the next one, before anybody has looked";
  EXPECT_EQ(table.Count(), 3U);
  Replace(file, ::eventfd(0, EFD_CLOEXEC));
  EXPECT_EQ(table.Count(), 2U);
  Replace(socket, Open());
  EXPECT_EQ(table.Count(), 1U);
  for (const int fd : {file, socket, connection}) {
    ::close(fd);
  }
}

TEST(ConnectionTable, LooksForATenthOfTheTimeAtMost) {
  SimulatedClock time;
  SimulatedClock effort;
  int asked = 0;
  ConnectionTable table({}, time.clock(), [&] {
    ++asked;
    effort.Advance(absl::Milliseconds(1));  // so long takes each look
    return effort.Now();
  });
  const int fd = Open();
  EXPECT_EQ(table.Take(fd, std::nullopt), kTaken);
  EXPECT_EQ(asked, 0) << "nobody looks while there is room";
  EXPECT_EQ(table.Count(), 1U);
  ::close(fd);
  EXPECT_EQ(table.Count(), 1U) << "as it was";
  time.Advance(absl::Milliseconds(9) - absl::Nanoseconds(1));
  EXPECT_EQ(table.Count(), 1U);
  time.Advance(absl::Nanoseconds(1));
  EXPECT_EQ(table.Count(), 0U);
}

TEST(ThreadEffort, IsWhatThisThreadHasDone) {
  const Clock effort = ThreadEffort();
  const absl::Time before = effort();
  while (effort() - before < absl::Microseconds(100)) {
  }
  EXPECT_LT(effort() - absl::UnixEpoch(), absl::Hours(1)) << "not a time of day";
}

TEST(ClientKey, IsTheAddressOrTheNetworkButForThisMachine) {
  const auto key = [](const std::string& text) { return ClientKey(AddressOf(text)); };
  for (const char* const here : {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_EQ(key(here), std::nullopt) << here;
  }
  EXPECT_TRUE(key("192.0.2.1").has_value());
  EXPECT_NE(key("192.0.2.1"), key("192.0.2.2"));
  EXPECT_EQ(key("192.0.2.1"), key("::ffff:192.0.2.1"));
  EXPECT_EQ(key("2001:db8:0:1::1"), key("2001:db8:0:1:ffff::2"));
  EXPECT_NE(key("2001:db8:0:1::1"), key("2001:db8:0:2::1"));
  EXPECT_TRUE(key("::2").has_value());
}

}  // namespace
}  // namespace weir::server
