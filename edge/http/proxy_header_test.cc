#include "edge/http/proxy_header.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::edge {
namespace {

// A header; `length` −1: what `rest` has.
std::string Header(char command, char family, const std::string& rest, int length = -1) {
  const size_t size = length < 0 ? rest.size() : static_cast<size_t>(length);
  return std::string("\r\n\r\n\0\r\nQUIT\n", 12) + command + family + static_cast<char>(size >> 8U) +
         static_cast<char>(size) + rest;
}

const std::string kV4("\xC0\x00\x02\x07\x7F\x00\x00\x01\x12\x34\x00\x50", 12);
const std::string kV6 = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x07" + std::string(20, '\0');

std::string SourceOf(const std::string& bytes) {
  const auto result = ReadProxyHeader(bytes);
  if (const auto* header = std::get_if<ProxyHeader>(&result)) {
    return header->source ? header->source->ToString() : "none";
  }
  return std::holds_alternative<ProxyHeaderMore>(result) ? "more" : "fault";
}

TEST(ProxyHeaderTest, SaysWhoseConnectionItIs) {
  EXPECT_EQ(SourceOf(Header('\x21', '\x11', kV4)), "192.0.2.7");
  EXPECT_EQ(SourceOf(Header('\x21', '\x21', kV6)), "2001:db8::7");
  const auto header = ReadProxyHeader(Header('\x21', '\x11', kV4) + "GET / HTTP/1.1\r\n");
  EXPECT_EQ(std::get<ProxyHeader>(header).size, 28U) << "what follows is the client's";
}

TEST(ProxyHeaderTest, KnowsTheProxysOwnConnections) {
  EXPECT_EQ(SourceOf(Header('\x20', '\0', "")), "none");
  EXPECT_EQ(SourceOf(Header('\x20', '\x11', kV4)), "none");
  EXPECT_EQ(SourceOf(Header('\x21', '\0', "anything")), "none");
  EXPECT_EQ(SourceOf(Header('\x21', '\x31', std::string(216, 'p'))), "none");
}

TEST(ProxyHeaderTest, PassesOverWellFormedExtensions) {
  EXPECT_EQ(SourceOf(Header('\x21', '\x11',
                            kV4 + std::string("\x02\x00\x03"
                                              "abc\x04\x00\x00",
                                              9))),
            "192.0.2.7");
}

TEST(ProxyHeaderTest, AsksForWhatIsMissing) {
  const std::string whole = Header('\x21', '\x21', kV6 + std::string("\x04\x00\x01x", 4));
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    const auto result = ReadProxyHeader(whole.substr(0, cut));
    const auto* const more = std::get_if<ProxyHeaderMore>(&result);
    ASSERT_NE(more, nullptr) << cut;
    EXPECT_EQ(more->bytes, (cut < 16 ? 16 : whole.size()) - cut) << "never more than belong to it";
  }
}

TEST(ProxyHeaderTest, RefusesWhatIsNone) {
  using namespace std::string_literals;
  for (const std::string& bad : {"GET / HTTP/1.1\r\n\r\n"s,
                                 "PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\n"s,
                                 "\r\n\r\n\r\n"s,
                                 "\r\n\r\n\0\r\nQUIT\r"s,
                                 Header('\x11', '\x11', kV4),
                                 Header('\x31', '\x11', kV4),
                                 Header('\x22', '\x11', kV4),
                                 Header('\x21', '\x12', kV4),
                                 Header('\x21', '\x10', kV4),
                                 Header('\x21', '\x01', kV4),
                                 Header('\x21', '\x41', kV4),
                                 Header('\x21', '\x11', kV4, 11),
                                 Header('\x21', '\x21', kV6, 35),
                                 Header('\x21', '\x31', "", 215),
                                 Header('\x21', '\x11', "", 4081),
                                 Header('\x21', '\x11', "", 65535),
                                 Header('\x21', '\x11', kV4 + "\x04"),
                                 Header('\x21', '\x11', kV4 + "\x04\x00"s),
                                 Header('\x21', '\x11', kV4 + "\x04\x00\x02x"s),
                                 Header('\x21', '\x11', kV4 + "\x04\xFF\xFFx"s)}) {
    EXPECT_EQ(SourceOf(bad), "fault") << testing::PrintToString(bad);
  }
}

TEST(ProxyHeaderTest, HasABound) {
  const std::string extension("\x04\x0F\xE1", 3);
  EXPECT_EQ(SourceOf(Header('\x21', '\x11', kV4 + extension + std::string(0xFE1, 'x'))), "192.0.2.7");
  EXPECT_EQ(kV4.size() + 3 + 0xFE1 + 16, kProxyHeaderBytesMax);
}

}  // namespace
}  // namespace weir::edge
