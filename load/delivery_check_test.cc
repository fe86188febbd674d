#include "load/delivery_check.h"

#include <gmock/gmock.h>

namespace weir::load {
namespace {

class DeliveryCheckTest : public ::testing::Test {
 protected:
  void Take(size_t reader, const std::vector<uint64_t>& sequences) {
    for (const uint64_t sequence : sequences) {
      check_.Took(reader, sequence, static_cast<int64_t>(sequence) * 10);
    }
  }

  DeliveryCheck check_{3, 0};
};

TEST_F(DeliveryCheckTest, EverythingInOrderIsGood) {
  Take(0, {4});
  check_.Start();
  Take(1, {4, 7, 9});
  Take(0, {7, 9});
  Take(2, {4, 7, 9, 10});
  EXPECT_EQ(check_.newest(), 10);
  EXPECT_EQ(check_.Lost(9, {7, 9}), 0);
  EXPECT_EQ(check_.doubled(), 0);
  EXPECT_EQ(check_.disordered(), 0);
  EXPECT_EQ(check_.times().size(), 7);
}

TEST_F(DeliveryCheckTest, WhatCameBeforeTheStartIsNotAwaited) {
  Take(0, {4});
  check_.Start();
  Take(1, {5});
  Take(2, {5});
  Take(0, {5});
  EXPECT_EQ(check_.Lost(5, {}), 0);
}

TEST_F(DeliveryCheckTest, WhatAnotherReaderHadIsLost) {
  check_.Start();
  Take(0, {1, 3});
  Take(1, {1, 2, 3});
  Take(2, {2, 3});
  EXPECT_EQ(check_.Lost(3, {}), 2);
  EXPECT_EQ(check_.Lost(1, {}), 1);
}

TEST_F(DeliveryCheckTest, WhatWasPublishedAndNobodyHadIsLost) {
  check_.Start();
  for (const size_t reader : {0, 1, 2}) {
    Take(reader, {2, 4});
  }
  EXPECT_EQ(check_.Lost(4, {1, 2, 3}), 6);
  EXPECT_EQ(check_.Lost(4, {2, 4, 5}), 3);
}

TEST_F(DeliveryCheckTest, TwiceAndOutOfOrderAreTold) {
  check_.Start();
  for (const size_t reader : {1, 2}) {
    Take(reader, {1, 2, 3});
  }
  Take(0, {1, 1, 3, 2});
  EXPECT_EQ(check_.doubled(), 1);
  EXPECT_EQ(check_.disordered(), 1);
  EXPECT_EQ(check_.Lost(3, {}), 1) << "in its place it did not come";
}

TEST(DeliveryCheckTimesTest, AreKeptOfEveryNthReader) {
  DeliveryCheck check(4, 1.5 * DeliveryCheck::kTimesMax);
  check.Start();
  for (size_t reader = 0; reader < 4; ++reader) {
    check.Took(reader, 1, 5);
  }
  EXPECT_EQ(check.times().size(), 2);
}

}  // namespace
}  // namespace weir::load
