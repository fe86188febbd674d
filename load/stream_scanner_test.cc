#include "load/stream_scanner.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace weir::load {
namespace {

using ::testing::ElementsAre;

constexpr std::string_view kStream =
    "5d\r\nevent: weir.connected\nid: abc-9\ndata: {}\nretry: 2000\n\n\r\n"
    "5d\r\nevent: flash_message\nid: abc-10\ndata: {\"id\":\"@00000007\",\"text\":\"x@9\"}\n\n\r\n"
    ":\n\n"
    "event: weir.gap\nid: abc-11\ndata: {}\n\n"
    "id: abc-12\ndata: {\"id\":\"@00000008\"}\n\n";

std::string Frame(std::string_view payload) {
  std::string frame = "\x81";
  if (payload.size() < 126) {
    frame += static_cast<char>(payload.size());
  } else {
    frame += std::string("\x7e") + static_cast<char>(payload.size() >> 8) + static_cast<char>(payload.size() & 0xFF);
  }
  return frame.append(payload);
}

std::vector<uint64_t> Feed(StreamScanner& scanner, std::string_view bytes, size_t step) {
  std::vector<uint64_t> found;
  for (size_t at = 0; at < bytes.size(); at += step) {
    scanner.Feed(bytes.substr(at, step), [&](uint64_t sequence) { found.push_back(sequence); });
  }
  return found;
}

TEST(StreamScannerTest, FindsEventsHoweverTheBytesAreCut) {
  for (size_t step = 1; step <= kStream.size(); ++step) {
    StreamScanner scanner;
    EXPECT_THAT(Feed(scanner, kStream, step), ElementsAre(7, 8)) << step;
    EXPECT_EQ(scanner.last_id(), "abc-12") << step;
    EXPECT_EQ(scanner.gaps(), 1) << step;
  }
}

TEST(StreamScannerTest, FindsMessagesHoweverTheBytesAreCut) {
  const std::string bytes = Frame("{\"event\":\"weir.connected\"}") + Frame("{\"data\":{\"id\":\"@00000007\"}}") +
                            std::string("\x89\x00", 2) + Frame("{\"event\":\"weir.gap\"}") +
                            Frame("{\"data\":{\"id\":\"@00000008\",\"text\":\"" + std::string(300, 'x') + "\"}}");
  for (size_t step = 1; step <= bytes.size(); ++step) {
    StreamScanner scanner;
    scanner.BeginFrames();
    EXPECT_THAT(Feed(scanner, bytes, step), ElementsAre(7, 8)) << step;
    EXPECT_EQ(scanner.gaps(), 1) << step;
  }
}

TEST(StreamScannerTest, KnowsEventsByTheirIds) {
  const std::vector<std::string> others = {"heartbeat"};
  const std::string stream =
      "event: connected\nid: abcd0123-9\ndata: {}\nretry: 2000\n\n:\n\nevent: flash\nid: abcd0123-10\ndata: @1\n\n"
      "event: heartbeat\nid: abcd0123-10\ndata: {}\n\nevent: weir.gap\nid: abcd0123-15\ndata: {}\n\n"
      "event: upstream\ndata: {}\n\nid: abcd0123-16\ndata: {}\n\n";
  for (size_t step = 1; step <= stream.size(); ++step) {
    StreamScanner scanner;
    scanner.CountIds(&others);
    EXPECT_THAT(Feed(scanner, stream, step), ElementsAre(10, 16)) << step;
    EXPECT_EQ(scanner.gaps(), 1) << step;
  }
}

TEST(StreamScannerTest, TheFirstBlockIsNoEventOfAnEmptyLogEither) {
  const std::vector<std::string> others;
  StreamScanner scanner;
  scanner.CountIds(&others);
  EXPECT_THAT(Feed(scanner, "event: hello\nid: abcd0123-0\ndata: {}\n\nid: abcd0123-1\ndata: {}\n\n", 100),
              ElementsAre(1));
  scanner.Restart();
  EXPECT_THAT(Feed(scanner, "event: hello\nid: abcd0123-1\ndata: {}\n\nid: abcd0123-2\ndata: {}\n\n", 100),
              ElementsAre(2));
}

TEST(StreamScannerTest, ForgetsAPartOfAStreamThatWasCut) {
  StreamScanner scanner;
  Feed(scanner, "id: abc-1\ndata: {\"id\":\"@00000001\"}", 100);
  scanner.Restart();
  EXPECT_THAT(Feed(scanner, "id: abc-2\ndata: {\"id\":\"@00000002\"}\n\n", 100), ElementsAre(2));
}

}  // namespace
}  // namespace weir::load
