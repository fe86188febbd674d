#include "edge/descriptors.h"

#include <gtest/gtest.h>

#include "edge/http/admission_limits.h"

namespace weir::edge {
namespace {

TEST(DescriptorsTest, LeavesTheConfiguredNumberWhereThereAreEnough) {
  EXPECT_EQ(*ConnectionsWithin(1'000'000, 100'000), 100'000U);
  EXPECT_EQ(*ConnectionsWithin(100'000 + 1024 + kReservedDescriptors, 100'000), 100'000U);
  EXPECT_EQ(*ConnectionsWithin(1024, 5), 5U);
}

TEST(DescriptorsTest, NeverLetsConnectionsTakeWhatIsReserved) {
  for (uint64_t descriptors = 600; descriptors < 200'000; descriptors += 1 + descriptors / 97) {
    for (const uint64_t configured : {1U, 16U, 100U, 1000U, 100'000U, 10'000'000U}) {
      const auto most = ConnectionsWithin(descriptors, configured);
      ASSERT_TRUE(most.ok()) << descriptors;
      EXPECT_GE(*most, 1U);
      EXPECT_LE(*most, configured);
      EXPECT_LE(*most + HeadroomAbove(*most) + kReservedDescriptors, descriptors) << configured;
    }
  }
}

TEST(DescriptorsTest, SaysWhatIsNeeded) {
  const auto most = ConnectionsWithin(256, 100);
  EXPECT_EQ(most.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(most.status().ToString().find("256 open files"), std::string::npos);
  EXPECT_FALSE(ConnectionsWithin(591, 1).ok());
  EXPECT_TRUE(ConnectionsWithin(592, 1).ok());
}

TEST(DescriptorsTest, RaisesTheLimit) { EXPECT_GT(RaiseDescriptorLimit(), 64U); }

}  // namespace
}  // namespace weir::edge
