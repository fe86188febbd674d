#include "admin/browser_guard.h"

#include <gtest/gtest.h>

namespace weir::admin {
namespace {

bool Allowed(const RequestOrigin& request) { return RefusalOf(request).empty(); }

TEST(BrowserGuardTest, LetsToolsAndItsOwnPagesIn) {
  for (const std::string_view host : {"127.0.0.1:9901", "localhost:9901", "LocalHost", "[::1]:9901", "127.0.0.2", ""}) {
    EXPECT_TRUE(Allowed({.host = host, .over_loopback = true})) << host;
  }
  EXPECT_TRUE(Allowed({.host = "10.0.0.5:9901"}));
  EXPECT_TRUE(Allowed({.host = "localhost:9901", .origin = "http://localhost:9901", .fetch_site = "same-origin"}));
  EXPECT_TRUE(Allowed({.host = "localhost:9901", .fetch_site = "none"}));
}

TEST(BrowserGuardTest, RefusesAHostThatWasBoundAnewToLoopback) {
  for (const std::string_view host : {"evil.example", "evil.example:9901", "127.0.0.1.evil.example", "127.evil",
                                      "10.0.0.5", "localhost.evil.example", "[::2]:9901", "localhost@evil"}) {
    EXPECT_FALSE(Allowed({.host = host, .over_loopback = true})) << host;
  }
}

TEST(BrowserGuardTest, RefusesPagesOfOtherSites) {
  for (const std::string_view site : {"cross-site", "same-site", "SAME-ORIGIN", "x"}) {
    EXPECT_FALSE(Allowed({.host = "localhost:9901", .fetch_site = site})) << site;
  }
  for (const std::string_view origin :
       {"null", "https://evil.example", "http://localhost:8080", "https://localhost:9901",
        "http://localhost:9901.evil.example", "localhost:9901"}) {
    EXPECT_FALSE(Allowed({.host = "localhost:9901", .origin = origin})) << origin;
  }
}

}  // namespace
}  // namespace weir::admin
