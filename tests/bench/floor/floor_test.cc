// weir-floor, where one round of its loop has two reasons to close a reader.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/http.h"

namespace weir::testing {
namespace {

TEST(Floor, ClosesAReaderOnceAndKeepsTheOthers) {
  const TempDir dir;
  auto floor = Process::Start({BinaryPath("weir-floor")}, dir.File("stderr"));
  ASSERT_TRUE(floor.ok()) << floor.status();
  std::array<unsigned, 3> ports{};
  ASSERT_EQ(std::sscanf(floor->ReadLine(kPatience).value().c_str(), "weir-floor ready: http=127.0.0.1:%u publish=%u,%u",
                        &ports[0], &ports[1], &ports[2]),
            3);
  const auto open = [](unsigned port) { return Connection::Open(static_cast<uint16_t>(port)).value(); };
  // One for each thread: nobody knows which thread has which reader.
  const std::array<Connection, 2> publishers = {open(ports[1]), open(ports[2])};
  std::vector<SseStream> readers;
  for (int i = 0; i < 8; ++i) {
    readers.push_back(SseStream::Open(static_cast<uint16_t>(ports[0]), "/1").value());
  }
  const Connection stalled = open(ports[0]);
  const int small = 4'096;
  ASSERT_EQ(::setsockopt(stalled.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
  ASSERT_TRUE(stalled.Send("GET /1 HTTP/1.1\r\n\r\n").ok());
  ASSERT_TRUE(stalled.Receive(kPatience).ok());

  const std::string data(16'384, 'x');
  int rounds_after_the_close = 0;
  for (int sequence = 1; rounds_after_the_close < 3; ++sequence) {
    ASSERT_LT(sequence, 5'000) << "the stalled reader is never closed";
    // Both come in one round: an event that the reader cannot take, and what it says itself.
    floor->Signal(SIGSTOP);
    ASSERT_EQ(::waitpid(floor->pid(), nullptr, WUNTRACED), floor->pid());
    for (const Connection& publisher : publishers) {
      ASSERT_TRUE(publisher.Send("1 " + std::to_string(sequence) + " " + data + "\n").ok());
    }
    rounds_after_the_close += stalled.Send("x").ok() ? 0 : 1;
    floor->Signal(SIGCONT);
    for (SseStream& reader : readers) {
      const absl::StatusOr<SseEvent> event = reader.Next();
      ASSERT_TRUE(event.ok()) << event.status();
      ASSERT_EQ(event->id, std::to_string(sequence));
    }
  }
}

}  // namespace
}  // namespace weir::testing
