#include "edge/websocket/client_frames.h"

#include <optional>

#include "edge/testing/client_frame.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/property.h"

namespace weir::edge {
namespace {

using Kind = ClientFrames::Kind;
using testing::ElementsAre;
using testing::SizeIs;

// An item that stays.
struct Seen {
  Kind kind;
  std::string payload;
  uint16_t code;
  friend bool operator==(const Seen&, const Seen&) = default;
};

void PrintTo(const Seen& seen, std::ostream* out) {
  *out << static_cast<int>(seen.kind) << " " << seen.payload << " " << seen.code;
}

// All that comes of the bytes, given in pieces of so many; up to a fault or the client's close.
std::vector<Seen> Read(std::string_view bytes, size_t piece = SIZE_MAX, bool* idle = nullptr) {
  ClientFrames frames;
  std::vector<Seen> seen;
  while (!bytes.empty()) {
    std::string_view now = bytes.substr(0, piece);
    bytes.remove_prefix(now.size());
    while (true) {
      const ClientFrames::Item item = frames.Next(now);
      if (item.kind == Kind::kMore) {
        EXPECT_TRUE(now.empty());
        break;
      }
      seen.push_back({item.kind, std::string(item.kind == Kind::kFault ? "" : item.payload), item.code});
      if (item.kind == Kind::kFault || item.kind == Kind::kClose) {
        return seen;
      }
    }
  }
  if (idle != nullptr) {
    *idle = frames.idle();
  }
  return seen;
}

uint16_t FaultOf(std::string_view bytes) {
  const std::vector<Seen> seen = Read(bytes);
  EXPECT_EQ(Read(bytes, 1), seen) << "byte by byte";
  return !seen.empty() && seen.back().kind == Kind::kFault ? seen.back().code : 0;
}

Seen Text(std::string_view payload) { return {Kind::kText, std::string(payload), 0}; }

TEST(ClientFrames, ReadMessagesHoweverTheyCome) {
  const std::string bytes = ClientText("") + ClientText("one") + ClientText(std::string(126, 'x')) +
                            ClientText(std::string(kClientMessageBytesMax, 'y')) + ClientText("\xE2\x82\xAC");
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{1000}, bytes.size()}) {
    bool idle = false;
    EXPECT_THAT(Read(bytes, piece, &idle),
                ElementsAre(Text(""), Text("one"), Text(std::string(126, 'x')),
                            Text(std::string(kClientMessageBytesMax, 'y')), Text("\xE2\x82\xAC")));
    EXPECT_TRUE(idle);
  }
}

TEST(ClientFrames, KeepNothingBetweenMessagesAndSomethingWithin) {
  const std::string bytes = ClientFrame(Opcode::kText, "ab", false) + ClientFrame(Opcode::kContinuation, "c");
  for (size_t size = 0; size <= bytes.size(); ++size) {
    bool idle = true;
    Read(bytes.substr(0, size), SIZE_MAX, &idle);
    EXPECT_EQ(idle, size == 0 || size == bytes.size()) << size;
  }
}

TEST(ClientFrames, JoinFragmentsAndGiveWhatStandsBetweenThem) {
  const std::string bytes = ClientFrame(Opcode::kText, "\xE2\x82", false) + ClientFrame(Opcode::kPing, "p") +
                            ClientFrame(Opcode::kContinuation, "", false) + ClientFrame(Opcode::kPong, "q") +
                            ClientFrame(Opcode::kContinuation, "\xAC!", true, "\x99\x88\x77\x66") + ClientText("next");
  for (const size_t piece : {size_t{1}, size_t{5}, bytes.size()}) {
    EXPECT_THAT(Read(bytes, piece),
                ElementsAre(Seen{Kind::kPing, "p", 0}, Seen{Kind::kPong, "q", 0}, Text("\xE2\x82\xAC!"), Text("next")));
  }
}

TEST(ClientFrames, TakeTheClientsClose) {
  EXPECT_THAT(Read(ClientFrame(Opcode::kClose, "") + "rest"), ElementsAre(Seen{Kind::kClose, "", 0}));
  EXPECT_THAT(Read(ClientFrame(Opcode::kClose, "\x03\xE8\x62ye")), ElementsAre(Seen{Kind::kClose, "bye", 1000}));
  for (const uint16_t code : {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1014, 3000, 4999}) {
    EXPECT_THAT(Read(ClientClose(code)), ElementsAre(Seen{Kind::kClose, "", code}));
  }
  for (const uint16_t code : {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535}) {
    EXPECT_EQ(FaultOf(ClientClose(code)), close_code::kProtocol) << code;
  }
  EXPECT_EQ(FaultOf(ClientFrame(Opcode::kClose, "\x03")), close_code::kProtocol);
  EXPECT_EQ(FaultOf(ClientFrame(Opcode::kClose, "\x03\xE8\xFF")), close_code::kNotUtf8);
  EXPECT_EQ(FaultOf(ClientFrame(Opcode::kClose, "\x03\xE8\xE2\x82")), close_code::kNotUtf8);
}

TEST(ClientFrames, RefuseWhatBreaksTheProtocol) {
  std::string unmasked;
  AppendFrame(Opcode::kText, "hi", unmasked);
  EXPECT_EQ(FaultOf(unmasked), close_code::kProtocol);
  for (const char bit : {'\x40', '\x20', '\x10'}) {
    std::string reserved = ClientText("hi");
    reserved[0] = static_cast<char>(reserved[0] | bit);
    EXPECT_EQ(FaultOf(reserved), close_code::kProtocol);
  }
  for (const int opcode : {3, 4, 7, 11, 15}) {
    EXPECT_EQ(FaultOf(ClientFrame(static_cast<Opcode>(opcode), "")), close_code::kProtocol) << opcode;
  }
  EXPECT_EQ(FaultOf(ClientFrame(Opcode::kContinuation, "x")), close_code::kProtocol);
  EXPECT_EQ(FaultOf(ClientFrame(Opcode::kText, "x", false) + ClientText("y")), close_code::kProtocol);
  EXPECT_EQ(FaultOf(ClientFrame(Opcode::kPing, "x", false)), close_code::kProtocol);
  EXPECT_EQ(FaultOf(ClientFrame(Opcode::kPing, std::string(126, 'x'))), close_code::kProtocol);
  EXPECT_THAT(Read(ClientFrame(Opcode::kPing, std::string(125, 'x'))), SizeIs(1));
  EXPECT_EQ(FaultOf(std::string("\x81\xFE\x00\x05\x01\x02\x03\x04hello", 13)), close_code::kProtocol) << "not shortest";
  EXPECT_EQ(FaultOf(std::string("\x81\xFF\x00\x00\x00\x00\x00\x00\x00\x05", 10) + "\x01\x02\x03\x04hello"),
            close_code::kProtocol);
}

TEST(ClientFrames, RefuseWhatIsNoText) {
  EXPECT_EQ(FaultOf(ClientFrame(Opcode::kBinary, "x")), close_code::kNotText);
  for (const std::string_view bad :
       {"\xFF", "a\x80", "\xC0\xAF", "\xC1\xBF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF0\x80\x80\xAF", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xE2\x82", "\xE2\x28\xA1", "\xF0\x9F\x98"}) {
    EXPECT_EQ(FaultOf(ClientText(bad)), close_code::kNotUtf8) << bad;
    // Over fragments: each byte in one of its own.
    std::string bytes = ClientFrame(Opcode::kText, "", false);
    for (size_t i = 0; i < bad.size(); ++i) {
      bytes += ClientFrame(Opcode::kContinuation, bad.substr(i, 1), i + 1 == bad.size());
    }
    EXPECT_EQ(FaultOf(bytes), close_code::kNotUtf8) << bad;
  }
}

TEST(ClientFrames, SeeAFaultInTheTextBeforeTheMessageIsWhole) {
  ClientFrames frames;
  const std::string bytes = ClientFrame(Opcode::kText, "\xE2\x28", false);
  std::string_view rest = bytes;
  EXPECT_EQ(frames.Next(rest).code, close_code::kNotUtf8);
}

TEST(ClientFrames, RefuseWhatIsTooLongByItsHeader) {
  std::string header = ClientText(std::string(kClientMessageBytesMax + 1, 'x')).substr(0, 8);
  EXPECT_EQ(FaultOf(header), close_code::kTooBig);
  header = ClientText(std::string(70000, 'x')).substr(0, 14);
  EXPECT_EQ(FaultOf(header), close_code::kTooBig);
  EXPECT_EQ(FaultOf(std::string("\x81\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10) + "mask"), close_code::kTooBig);
  // All fragments count.
  EXPECT_EQ(FaultOf(ClientFrame(Opcode::kText, std::string(kClientMessageBytesMax, 'x'), false) +
                    ClientFrame(Opcode::kContinuation, "y")),
            close_code::kTooBig);
  EXPECT_THAT(Read(ClientFrame(Opcode::kText, std::string(kClientMessageBytesMax, 'x'), false) +
                   ClientFrame(Opcode::kContinuation, "")),
              SizeIs(1));
}

// A naive client: any messages, in any fragments, with pings between; read back however they are cut.
TEST(ClientFramesProperty, GiveBackWhatWasSent) {
  test::ForAll(300, [](test::Random& random) {
    std::string bytes;
    std::vector<Seen> sent;
    for (size_t messages = random.Below(5); messages > 0; --messages) {
      const std::string message = random.Text("abc", random.OneIn(4) ? 200 : random.Below(9));
      Opcode opcode = Opcode::kText;
      for (size_t at = 0; opcode == Opcode::kText || at < message.size();) {
        const size_t size = random.Below(message.size() - at + 1);
        const bool final = at + size == message.size();
        bytes += ClientFrame(opcode, std::string_view(message).substr(at, size), final, random.Text("\x01Q\x7F!", 4));
        opcode = Opcode::kContinuation;
        at += size;
        if (!final && random.OneIn(3)) {
          const std::string payload = random.Text("xyz", random.Below(4));
          bytes += ClientFrame(Opcode::kPing, payload);
          sent.push_back({Kind::kPing, payload, 0});
        }
        if (final) {
          break;
        }
      }
      sent.push_back(Text(message));
    }
    ASSERT_EQ(Read(bytes, 1 + random.Below(20)), sent);
  });
}

}  // namespace
}  // namespace weir::edge
