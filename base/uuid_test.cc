#include "base/uuid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace weir {
namespace {

TEST(UuidGenerator, WritesTheFormOfRfc9562) {
  // The example of appendix A.6.
  const SimulatedClock clock(absl::FromUnixMillis(0x017F22E279B0));
  std::vector<uint64_t> bits = {0x4C3, uint64_t{0x18C4DC0C0C07398F} << 2};
  size_t next = 0;
  UuidGenerator generator(clock.clock(), [&] { return bits[next++]; });
  EXPECT_EQ(generator.Next(), "017f22e2-79b0-74c3-98c4-dc0c0c07398f");
}

TEST(UuidGenerator, GrowsWhileTheClockStandsOrGoesBack) {
  SimulatedClock clock(absl::FromUnixMillis(1'000'000));
  UuidGenerator generator(clock.clock());
  std::string last;
  for (int i = 0; i < 20'000; ++i) {  // more than the counter holds
    if (i == 10'000) {
      clock.Advance(absl::Milliseconds(-500));
    }
    std::string uuid = generator.Next();
    ASSERT_LT(last, uuid) << i;
    EXPECT_EQ(uuid[14], '7');
    last = std::move(uuid);
  }
  clock.Advance(absl::Hours(1));
  EXPECT_LT(last, generator.Next());
}

TEST(UuidGenerator, CarriesTheTime) {
  const SimulatedClock clock(absl::FromUnixMillis(0x0190163d8694));
  UuidGenerator generator(clock.clock());
  EXPECT_EQ(generator.Next().substr(0, 13), "0190163d-8694");
}

TEST(NewUuid, IsUniqueAcrossThreads) {
  std::mutex mutex;
  std::set<std::string> all;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      std::string last;
      for (int n = 0; n < 2000; ++n) {
        std::string uuid = NewUuid();
        EXPECT_LT(last, uuid);
        last = uuid;
        const std::lock_guard lock(mutex);
        EXPECT_TRUE(all.insert(std::move(uuid)).second);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_THAT(*all.begin(),
              testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
}

}  // namespace
}  // namespace weir
