#include "base/descriptors.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

uint64_t Headroom16th(uint64_t connections_max) { return connections_max < 256 ? 16 : connections_max / 16; }

TEST(DescriptorsTest, LeavesTheConfiguredNumberWhereThereAreEnough) {
  EXPECT_EQ(*ConnectionsWithin(1'000'000, 100'000), 100'000U);
  EXPECT_EQ(*ConnectionsWithin(100'000 + kReservedDescriptors, 100'000), 100'000U);
  EXPECT_EQ(*ConnectionsWithin(1024, 5), 5U);
  EXPECT_EQ(*ConnectionsWithin(1600 + 100 + kReservedDescriptors, 1600, Headroom16th), 1600U);
}

TEST(DescriptorsTest, NeverLetsConnectionsTakeWhatIsReserved) {
  for (const Headroom headroom : {&NoHeadroom, &Headroom16th}) {
    for (uint64_t descriptors = 600; descriptors < 200'000; descriptors += 1 + descriptors / 97) {
      for (const uint64_t configured : {1U, 16U, 100U, 1000U, 100'000U, 10'000'000U}) {
        const auto most = ConnectionsWithin(descriptors, configured, headroom);
        ASSERT_TRUE(most.ok()) << descriptors;
        EXPECT_GE(*most, 1U);
        EXPECT_LE(*most, configured);
        EXPECT_LE(*most + headroom(*most) + kReservedDescriptors, descriptors) << configured;
      }
    }
  }
}

TEST(DescriptorsTest, SaysWhatIsNeeded) {
  const auto most = ConnectionsWithin(256, 100);
  EXPECT_EQ(most.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(most.status().ToString().find("256 open files"), std::string::npos);
  EXPECT_FALSE(ConnectionsWithin(575, 1).ok());
  EXPECT_TRUE(ConnectionsWithin(576, 1).ok());
  EXPECT_FALSE(ConnectionsWithin(591, 1, Headroom16th).ok());
  EXPECT_TRUE(ConnectionsWithin(592, 1, Headroom16th).ok());
}

TEST(DescriptorsTest, FitsWhatIsTooMuchAndChangesNothingWhereItCannot) {
  uint64_t connections_max = 4096;
  EXPECT_TRUE(FitConnections(1024, 4096, connections_max).ok());
  EXPECT_EQ(connections_max, 512U);
  EXPECT_FALSE(FitConnections(256, 4096, connections_max).ok());
  EXPECT_EQ(connections_max, 512U);
}

TEST(DescriptorsTest, ALogHasWhatConnectionsLeaveAndNeverTheRestOfTheReserve) {
  for (const uint64_t descriptors : {576U, 700U, 4096U, 65'536U, 1'048'576U}) {
    uint64_t connections_max = 4096;
    ASSERT_TRUE(FitConnections(descriptors, 4096, connections_max).ok());
    const uint64_t for_log = DescriptorsForLog(descriptors, connections_max);
    EXPECT_GE(for_log, kReservedForLog);
    EXPECT_EQ(connections_max + for_log + (kReservedDescriptors - kReservedForLog), descriptors);
  }
  EXPECT_EQ(DescriptorsForLog(4096, 3584), 256U);
  EXPECT_EQ(DescriptorsForLog(65'536, 4096), 61'184U);
}

TEST(DescriptorsTest, RaisesTheLimit) { EXPECT_GT(RaiseDescriptorLimit(), 64U); }

}  // namespace
}  // namespace weir
