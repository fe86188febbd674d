#include "edge/http/websocket_handshake.h"

#include "gtest/gtest.h"

namespace weir::edge {
namespace {

TEST(WebSocketHandshake, AnswersTheKeyAsTheStandardsExample) {
  EXPECT_EQ(WebSocketAccept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocketHandshake, KnowsAKey) {
  EXPECT_TRUE(IsWebSocketKey("dGhlIHNhbXBsZSBub25jZQ=="));
  for (const std::string_view bad :
       {"", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=A",
        "dGhlIHNhbXBsZSBub25j\r\n==", "dGhlIHNhbXBsZSBub25jZQAA", "dGhlIHNhbXBsZSBub25jZQAAAA=="}) {
    EXPECT_FALSE(IsWebSocketKey(bad)) << bad;
  }
}

TEST(WebSocketHandshake, ChoosesOurProtocolWhenItIsOffered) {
  constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";
  EXPECT_EQ(UpgradeHead(kKey, ""),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
  for (const std::string_view offers : {"weir.v1", "other, weir.v1", "weir.v1 ,other", ",weir.v1"}) {
    EXPECT_NE(UpgradeHead(kKey, offers).find("\r\nSec-WebSocket-Protocol: weir.v1\r\n\r\n"), std::string::npos)
        << offers;
  }
  for (const std::string_view offers : {"weir.v2", "weir", "Weir.v1", "xweir.v1", " ,", "weir.v1x"}) {
    EXPECT_EQ(UpgradeHead(kKey, offers).find("Protocol:"), std::string::npos) << offers;
  }
}

TEST(WebSocketHandshake, LetsInTheHostsOwnPagesAndThoseOfTheList) {
  CorsOptions cors;
  cors.origins.insert("https://app.example.com");
  EXPECT_TRUE(MayConnectFrom("", "weir.example.com", cors));
  EXPECT_TRUE(MayConnectFrom("https://app.example.com", "weir.example.com", cors));
  EXPECT_TRUE(MayConnectFrom("https://weir.example.com", "weir.example.com", cors));
  EXPECT_TRUE(MayConnectFrom("http://weir.example.com", "weir.example.com", cors));
  EXPECT_TRUE(MayConnectFrom("https://weir.example.com", "Weir.Example.com:443", cors));
  EXPECT_TRUE(MayConnectFrom("http://localhost:8080", "localhost:8080", cors));
  EXPECT_TRUE(MayConnectFrom("http://[::1]:8080", "[::1]:8080", cors));
  for (const auto& [origin, host] : {std::pair("http://localhost:8081", "localhost:8080"),
                                     {"https://evil.example", "weir.example.com"},
                                     {"https://weir.example.com.evil.example", "weir.example.com"},
                                     {"null", "null"},
                                     {"https://", ""},
                                     {"file://x", "x"},
                                     {"https://app.example.com.", "weir.example.com"},
                                     {"https://weir.example.com:8443", "weir.example.com"},
                                     {"http://weir.example.com:443", "weir.example.com"}}) {
    EXPECT_FALSE(MayConnectFrom(origin, host, cors)) << origin << " " << host;
  }
}

}  // namespace
}  // namespace weir::edge
