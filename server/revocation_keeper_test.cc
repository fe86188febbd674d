#include "server/revocation_keeper.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/token_revocation.h"
#include "base/wire.h"
#include "log/log_testing.h"
#include "log/memory_engine.h"
#include "server/publish/validator.h"
#include "server/retention.h"
#include "server/testing.h"
#include "weir/v1/revocation.pb.h"

namespace weir::server {
namespace {

class RevocationKeeperTest : public ::testing::Test {
 protected:
  // With so many bytes more than it needs.
  void Append(const std::string& id, absl::Duration lasts, size_t more = 0) {
    v1::TokenRevocation revocation;
    revocation.set_token_id(id);
    revocation.mutable_expire_time()->set_seconds(absl::ToUnixSeconds(clock_() + lasts));
    std::string padding;
    if (more > 0) {
      wire::AppendBytes(padding, 100, std::string(more, 'x'));
    }
    ASSERT_TRUE(log_.Append(log::TestBatch({{.topic = std::string(kRevocationsTopic),
                                             .id = id,
                                             .payload = revocation.SerializeAsString() + padding,
                                             .type_name = std::string(kRevocationType)}})
                                .events())
                    .ok());
  }
  // The ids of the revoked tokens that the log has from that sequence on.
  std::vector<std::string> Revoked(uint64_t from = 1) const {
    const log::Selection selection{*FilterSet::Parse({std::string(kRevocationsTopic)}), {}};
    std::vector<std::string> ids;
    for (log::ReadRequest read{.after = from - 1, .selection = &selection}; read.after < log_.bounds().head;) {
      const auto page = log_.Read(read);
      EXPECT_TRUE(page.ok());
      for (const log::StoredEvent& stored : page->events) {
        v1::EventBatch element;
        v1::TokenRevocation revocation;
        EXPECT_TRUE(element.ParseFromString(std::string(stored.element)));
        EXPECT_TRUE(element.events(0).payload().UnpackTo(&revocation));
        ids.push_back(revocation.token_id());
      }
      read.after = page->read_to;
    }
    return ids;
  }
  void Fill(size_t count) {
    ASSERT_TRUE(log_.Append(log::Numbered("a", "e" + std::to_string(fills_++), count).events()).ok());
  }

  log::TestClock clock_;
  ScriptedLog log_{log::MakeMemoryLog({.log = log::TestLogOptions(clock_)})};
  Committer committer_{log_, {}};
  RevocationKeeper keeper_{log_, committer_, clock_};
  int fills_ = 0;
};

TEST_F(RevocationKeeperTest, StoresAgainWhatIsStillInForce) {
  Append("long", absl::Hours(9));
  Append("brief", absl::Hours(1));
  Fill(250);
  Append("young", absl::Hours(9));
  clock_.Advance(absl::Hours(2));
  const uint64_t head = log_.bounds().head;
  uint64_t end = head;  // the last one is not to go
  ASSERT_TRUE(keeper_.CarryOver(end).ok());
  EXPECT_EQ(end, head);
  EXPECT_EQ(Revoked(head), (std::vector<std::string>{"young", "long"}));
}

TEST_F(RevocationKeeperTest, StoresItOnceHoweverOftenItIsAsked) {
  Append("t", absl::Hours(9));
  Fill(10);
  for (int i = 0; i < 3; ++i) {
    uint64_t end = 5;
    ASSERT_TRUE(keeper_.CarryOver(end).ok());
  }
  EXPECT_EQ(Revoked(), (std::vector<std::string>{"t", "t"}));
}

TEST_F(RevocationKeeperTest, TakesMoreThanAPage) {
  for (int i = 0; i < 600; ++i) {
    Append("t" + std::to_string(i), absl::Hours(9));
  }
  uint64_t end = 601;
  ASSERT_TRUE(keeper_.CarryOver(end).ok());
  EXPECT_EQ(Revoked(601).size(), 600);
}

// A lower limit, or another clock, must not make what was once taken stay for ever.
TEST_F(RevocationKeeperTest, StoresAgainWhatAPublisherCouldNoLongerPublish) {
  Append("large", absl::Hours(9), kEventBytesMaxDefault);
  Append("lasting", absl::Hours(24 * 366 * 20));
  Fill(10);
  const uint64_t head = log_.bounds().head;
  uint64_t end = head;
  ASSERT_TRUE(keeper_.CarryOver(end).ok());
  EXPECT_EQ(Revoked(head), (std::vector<std::string>{"large", "lasting"}));
}

TEST_F(RevocationKeeperTest, ChangesTheIdAlone) {
  Append("t", absl::Hours(9));
  clock_.Advance(absl::Hours(1));
  uint64_t end = 2;
  ASSERT_TRUE(keeper_.CarryOver(end).ok());
  const auto page = log_.Read({});
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->events.size(), 2);
  std::vector<v1::Event> events;
  for (const log::StoredEvent& stored : page->events) {
    v1::EventBatch element;
    ASSERT_TRUE(element.ParseFromString(std::string(stored.element)));
    events.push_back(element.events(0));
  }
  EXPECT_EQ(events[1].id(), "carried-" + events[0].cursor());
  EXPECT_EQ(events[1].publish_time().seconds(), events[0].publish_time().seconds() + 3600);
  for (v1::Event& event : events) {
    event.clear_id();
    event.clear_cursor();
    event.clear_sequence();
    event.clear_publish_time();
  }
  EXPECT_EQ(events[1].SerializeAsString(), events[0].SerializeAsString());
}

TEST_F(RevocationKeeperTest, WhatCannotBeStoredStaysWithWhatFollows) {
  Fill(10);
  Append("t", absl::Hours(9));
  Fill(10);
  log_.FailAppends(absl::ResourceExhaustedError("full"));
  uint64_t end = 22;
  EXPECT_FALSE(keeper_.CarryOver(end).ok());
  EXPECT_EQ(end, 11) << "what is before it may go";
  log_.FailAppends(absl::OkStatus());
  end = 22;
  EXPECT_TRUE(keeper_.CarryOver(end).ok());
  EXPECT_EQ(end, 22);
}

TEST_F(RevocationKeeperTest, RetentionRemovesNoneThatIsInForce) {
  Append("long", absl::Hours(100));
  Append("brief", absl::Hours(1));
  RetentionOptions options{.policy = {.age_max = absl::Hours(3)}, .check_interval = absl::Milliseconds(1)};
  options.before_removal = [this](uint64_t& end) { return keeper_.CarryOver(end); };
  const Retention retention(log_, std::move(options));
  for (int hour = 0; hour < 12; ++hour) {
    Fill(50);
    clock_.Advance(absl::Hours(1));
    ASSERT_TRUE(log_.AwaitTrims(log_.trims() + 3));
  }
  EXPECT_GT(log_.bounds().earliest, 300);
  const std::vector<std::string> left = Revoked(log_.bounds().earliest);
  EXPECT_FALSE(left.empty());
  for (const std::string& id : left) {
    EXPECT_EQ(id, "long");
  }
}

}  // namespace
}  // namespace weir::server
