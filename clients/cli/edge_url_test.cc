#include "clients/cli/edge_url.h"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

TEST(EdgeUrlTest, TakesItsPartsOut) {
  const absl::StatusOr<EdgeUrl> url = ParseEdgeUrl("https://edge.example:8443/a/stream?topic=b&x=1");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->address, (Address{"edge.example", 8443}));
  EXPECT_EQ(url->host, "edge.example:8443");
  EXPECT_EQ(url->target, "/a/stream?topic=b&x=1");
}

TEST(EdgeUrlTest, KnowsTheUsualPortsAndPath) {
  EXPECT_EQ(ParseEdgeUrl("http://a.example")->address.port, 80);
  EXPECT_EQ(ParseEdgeUrl("http://a.example")->target, "/");
  EXPECT_EQ(ParseEdgeUrl("http://a.example?x=1")->target, "/?x=1");
  EXPECT_EQ(ParseEdgeUrl("https://[::1]/s")->address, (Address{"::1", 443}));
  EXPECT_EQ(ParseEdgeUrl("http://[::1]:8080/s")->address, (Address{"::1", 8080}));
}

TEST(EdgeUrlTest, RefusesWhatIsNone) {
  for (const char* const text :
       {"", "127.0.0.1:8080/stream", "ws://a/b", "http://", "http:///a", "http://a:b/c", "http://a:99999/",
        "http://u@a/b", "http://a/b c", "http://a/b\r\nX: y", "http://a/b#c"}) {
    EXPECT_EQ(ParseEdgeUrl(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace weir::cli
