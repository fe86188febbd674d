#include "edge/http/ip_address.h"

#include <gtest/gtest.h>

#include <random>

namespace weir::edge {
namespace {

IpAddress Ip(std::string_view text) {
  const auto address = IpAddress::Parse(text);
  EXPECT_TRUE(address) << text;
  return address.value_or(IpAddress());
}

TEST(IpAddressTest, ReadsAndWritesBothKinds) {
  for (const std::string_view text : {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::a:1"}) {
    EXPECT_EQ(Ip(text).ToString(), text);
  }
  EXPECT_EQ(Ip("2001:DB8:0:0::1").ToString(), "2001:db8::1");
}

TEST(IpAddressTest, RefusesWhatIsNoneOrMore) {
  using namespace std::string_view_literals;
  for (const std::string_view bad :
       {""sv,          " "sv,        "1"sv,        "1.2.3"sv,      "1.2.3.4.5"sv, "1.2.3.256"sv,         "01.2.3.4"sv,
        "0x1.2.3.4"sv, "1.2.3.4 "sv, " 1.2.3.4"sv, "1.2.3.4:80"sv, "1.2.3.4/8"sv, "1.2.3.4\0"sv,         "-1.2.3.4"sv,
        "::1%lo"sv,    "[::1]"sv,    ":::1"sv,     "::g"sv,        "12345::"sv,   "1:2:3:4:5:6:7:8:9"sv, "unknown"sv,
        "localhost"sv, "1.2.3.4\n"sv}) {
    EXPECT_FALSE(IpAddress::Parse(bad)) << bad;
  }
  EXPECT_FALSE(IpAddress::Parse(std::string(1000, '1')));
}

TEST(IpAddressTest, AnIpv4AddressInIpv6IsThatAddress) {
  EXPECT_EQ(Ip("::ffff:192.0.2.1"), Ip("192.0.2.1"));
  EXPECT_EQ(Ip("::ffff:c000:201").ToString(), "192.0.2.1");
  EXPECT_TRUE(Ip("::ffff:127.0.0.1").is_loopback());
}

TEST(IpAddressTest, KnowsLoopback) {
  for (const std::string_view yes : {"127.0.0.1", "127.255.0.9", "::1"}) {
    EXPECT_TRUE(Ip(yes).is_loopback()) << yes;
  }
  for (const std::string_view no : {"128.0.0.1", "0.0.0.0", "::", "::2", "10.0.0.1", "::127.0.0.1"}) {
    EXPECT_FALSE(Ip(no).is_loopback()) << no;
  }
}

TEST(IpAddressTest, TellsClientsApartAsTheyAreGivenAddresses) {
  EXPECT_NE(Ip("192.0.2.1").client_key(), Ip("192.0.2.2").client_key());
  EXPECT_EQ(Ip("2001:db8::1").client_key(), Ip("2001:db8::ffff:1").client_key());
  EXPECT_NE(Ip("2001:db8::1").client_key(), Ip("2001:db8:0:1::1").client_key());
  EXPECT_EQ(Ip("::ffff:192.0.2.1").client_key(), Ip("192.0.2.1").client_key());
}

TEST(NetworkTest, HoldsWhatItSays) {
  const struct {
    std::string_view network;
    std::string_view inside;
    std::string_view outside;
  } cases[] = {{"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
               {"10.0.0.0/9", "10.127.255.255", "10.128.0.0"},
               {"192.0.2.1", "192.0.2.1", "192.0.2.2"},
               {"192.0.2.4/31", "192.0.2.5", "192.0.2.6"},
               {"0.0.0.0/0", "255.1.2.3", "::1"},
               {"::/0", "2001:db8::1", ""},
               {"2001:db8::/32", "2001:db8:ffff::", "2001:db9::"},
               {"2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"},
               {"::1/128", "::1", "::2"}};
  for (const auto& c : cases) {
    const auto network = Network::Parse(c.network);
    ASSERT_TRUE(network) << c.network;
    EXPECT_TRUE(network->Contains(Ip(c.inside))) << c.network;
    EXPECT_TRUE(c.outside.empty() || !network->Contains(Ip(c.outside))) << c.network;
  }
}

TEST(NetworkTest, RefusesWhatIsNone) {
  for (const std::string_view bad :
       {"", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/8/8", "10.0.0.0/ 8", "10.0.0.1/8",
        "10.128.0.0/8", "2001:db8::/129", "2001:db8::1/64", "any", "10/8", "10.0.0.0/8x", "10.0.0.0/1000"}) {
    EXPECT_FALSE(Network::Parse(bad)) << bad;
  }
}

// Against the definition: the first bits are alike.
TEST(NetworkTest, AgreesWithItsDefinition) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    const unsigned bits = random() % 33;
    const uint32_t mask = bits == 0 ? 0 : ~uint32_t{0} << (32 - bits);
    const uint32_t base = static_cast<uint32_t>(random()) & mask;
    const uint32_t other = random() % 2 == 0 ? static_cast<uint32_t>(random()) : base ^ (1U << random() % 32);
    const auto address = [](uint32_t a) {
      return IpAddress::V4(static_cast<uint8_t>(a >> 24U), static_cast<uint8_t>(a >> 16U),
                           static_cast<uint8_t>(a >> 8U), static_cast<uint8_t>(a));
    };
    const auto network = Network::Parse(address(base).ToString() + "/" + std::to_string(bits));
    ASSERT_TRUE(network);
    EXPECT_EQ(network->Contains(address(other)), (other & mask) == base) << base << "/" << bits << " " << other;
  }
}

}  // namespace
}  // namespace weir::edge
