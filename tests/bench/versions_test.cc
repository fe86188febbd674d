#include "tests/bench/versions.h"

#include <gmock/gmock.h>

#include "base/version.h"

namespace weir::bench {
namespace {

TEST(NumberInTest, TakesTheFirstThatHasAPoint) {
  EXPECT_EQ(NumberIn("nginx version: nginx/1.22.1\n"), "1.22.1");
  EXPECT_EQ(NumberIn("1:1.3.6+dfsg-2"), "1.3.6");
  EXPECT_EQ(NumberIn("It is 7 or 1.36.0."), "1.36.0");
  EXPECT_EQ(NumberIn("none, not even 7"), "");
}

TEST(VersionsOfTest, NamesWeirAndItsCommit) {
  const std::string version(Version());
  EXPECT_EQ(VersionsOf({"weir", "floor"}, ""), "Weir " + version);
  EXPECT_EQ(VersionsOf({"weir"}, "1a2b3c4"), "Weir " + version + " (1a2b3c4)");
}

}  // namespace
}  // namespace weir::bench
