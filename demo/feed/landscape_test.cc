#include "demo/feed/landscape.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace weir::demo {
namespace {

TEST(Landscape, EveryPixelHasAColour) {
  for (uint32_t seed = 0; seed < 30; ++seed) {
    const Picture picture = DrawLandscape(seed, 60, 40);
    ASSERT_EQ(picture.pixels.size(), 60U * 40U);
    EXPECT_LT(*std::max_element(picture.pixels.begin(), picture.pixels.end()), picture.palette.size()) << seed;
    EXPECT_GT(std::set<uint8_t>(picture.pixels.begin(), picture.pixels.end()).size(), 5U) << seed;
  }
}

TEST(Landscape, FollowsFromItsSeed) {
  EXPECT_EQ(DrawLandscape(7, 60, 40).pixels, DrawLandscape(7, 60, 40).pixels);
  EXPECT_NE(DrawLandscape(7, 60, 40).pixels, DrawLandscape(22, 60, 40).pixels);
  EXPECT_EQ(LandscapeTitle(0), "Dawn over three hills");
  EXPECT_EQ(LandscapeTitle(12), "Dusk over five hills");
}

TEST(Landscape, IsASmallFile) {
  for (uint32_t seed = 0; seed < 15; ++seed) {
    EXPECT_LT(EncodePng(DrawLandscape(seed, 480, 300)).size(), 8000U) << seed;
  }
}

}  // namespace
}  // namespace weir::demo
