#include "base/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace weir {
namespace {

TEST(ParseAddress, TakesAddressesAndNames) {
  for (const char* text : {"127.0.0.1:8080", "0.0.0.0:0", "[::1]:0", "[2001:db8::7]:65535", "localhost:50051",
                           "weir-server.example.com:1", "a_b:1", "7.example:1"}) {
    const auto address = ParseAddress(text);
    ASSERT_TRUE(address.ok()) << Message(address.status());
    EXPECT_EQ(address->ToString(), text);
  }
  EXPECT_EQ(*ParseAddress("[::1]:7"), (Address{"::1", 7}));
}

TEST(ParseAddress, RefusesAllElseAndSaysWhatIsAllowed) {
  const struct {
    std::string_view text;
    const char* why;
  } kCases[] = {
      {"", "port is missing"},
      {"localhost", "port is missing"},
      {"[::1]", "port is missing"},
      {":8080", "host is missing"},
      {"[]:8080", "host is missing"},
      {"a:", "the port is \"\""},
      {"a:65536", "allowed is 0 to 65535"},
      {"a:-1", "allowed is 0 to 65535"},
      {"a:http", "allowed is 0 to 65535"},
      {"a:1 ", "allowed is 0 to 65535"},
      {"::1:80", "must stand in brackets"},
      {"[127.0.0.1]:80", "the host is no"},
      {"[::g]:80", "the host is no"},
      {"[::1:80", "must stand in brackets"},
      {"256.0.0.1:80", "the host is no"},
      {"127.0.0:80", "the host is no"},
      {"a b:80", "the host is no"},
      {".a:80", "the host is no"},
      {"a..b:80", "the host is no"},
      {"http://a:80", "nothing like http:// may stand before it"},
      {std::string_view("a\0b:80", 6), "NUL"},
  };
  for (const auto& test : kCases) {
    const absl::Status status = ParseAddress(test.text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << test.text;
    EXPECT_THAT(std::string(Message(status)), testing::HasSubstr(test.why)) << test.text;
  }
}

TEST(IsLoopback, KnowsThisMachine) {
  for (const char* host : {"127.0.0.1", "127.255.0.3", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "localhost"}) {
    EXPECT_TRUE(IsLoopback({host, 1})) << host;
  }
  for (const char* host : {"0.0.0.0", "::", "128.0.0.1", "10.0.0.1", "::ffff:10.0.0.1", "::2", "localhost.example"}) {
    EXPECT_FALSE(IsLoopback({host, 1})) << host;
  }
}

}  // namespace
}  // namespace weir
