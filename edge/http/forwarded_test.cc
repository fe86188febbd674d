#include "edge/http/forwarded.h"

#include <gtest/gtest.h>

namespace weir::edge {
namespace {

// Whose request it is that 10.0.0.1 sends, where 10.0.0.0/8 and 2001:db8::/32 are trusted.
std::string Client(std::string_view forwarded_for, std::string_view hop = "10.0.0.1") {
  const Networks trusted = {*Network::Parse("10.0.0.0/8"), *Network::Parse("2001:db8::/32")};
  const auto client = ForwardedClient(*IpAddress::Parse(hop), forwarded_for, trusted);
  return client ? client->ToString() : "malformed";
}

TEST(ForwardedTest, IsTheOneThatTheTrustedProxySaw) {
  EXPECT_EQ(Client("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(Client("198.51.100.1, 192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(Client("198.51.100.1,\t192.0.2.7 "), "192.0.2.7");
}

TEST(ForwardedTest, GoesOnThroughFurtherTrustedProxies) {
  EXPECT_EQ(Client("192.0.2.7, 10.0.0.9"), "192.0.2.7");
  EXPECT_EQ(Client("198.51.100.1, 192.0.2.7, 10.1.1.1, 2001:db8::5"), "192.0.2.7");
  EXPECT_EQ(Client("10.0.0.3, 10.0.0.2"), "10.0.0.3") << "all are trusted: the first";
}

TEST(ForwardedTest, BelievesNobodyElse) {
  EXPECT_EQ(Client("192.0.2.7", "203.0.113.9"), "203.0.113.9");
  EXPECT_EQ(Client("garbage", "203.0.113.9"), "203.0.113.9");
  EXPECT_EQ(Client("127.0.0.1, 203.0.113.9, 192.0.2.7"), "192.0.2.7");
}

TEST(ForwardedTest, WithoutTheHeaderItIsTheProxyItself) {
  EXPECT_EQ(Client(""), "10.0.0.1");
  EXPECT_EQ(Client("  "), "10.0.0.1");
}

TEST(ForwardedTest, DoesNotLookAtWhatAnybodyMayHaveWritten) {
  EXPECT_EQ(Client("garbage, 192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(Client(",,,'\"%00, 192.0.2.7"), "192.0.2.7");
}

TEST(ForwardedTest, TakesPorts) {
  EXPECT_EQ(Client("192.0.2.7:8080"), "192.0.2.7");
  EXPECT_EQ(Client("[2001:db9::1]:8080"), "2001:db9::1");
  EXPECT_EQ(Client("[2001:db9::1]"), "2001:db9::1");
  EXPECT_EQ(Client("2001:db9::1"), "2001:db9::1");
}

TEST(ForwardedTest, RefusesWhatIsNoAddressWhereOneMustBe) {
  for (const std::string_view bad :
       {"garbage", "192.0.2.7,", ",", "192.0.2.7, unknown", "192.0.2.7, 10.0.0.9,", "192.0.2.7:", "192.0.2.7:x",
        "192.0.2.7:123456", "[192.0.2.7]:80", "[2001:db9::1", "[2001:db9::1]x", "[2001:db9::1]:", "192.0.2.7 192.0.2.8",
        "\"192.0.2.7\"", "192.0.2.7;", "_hidden", "garbage, 10.0.0.9"}) {
    EXPECT_EQ(Client(bad), "malformed") << bad;
  }
}

}  // namespace
}  // namespace weir::edge
