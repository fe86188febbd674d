#include "server/auth/revocation_follower.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "base/token_revocation.h"
#include "log/log_testing.h"
#include "log/memory_engine.h"
#include "server/testing.h"

namespace weir::server {
namespace {

TokenMarks MarksOfId(const std::string& id) {
  JwtClaims claims;
  claims.claims = {{"jti", id}};
  return MarksOf(claims);
}

bool Until(const std::function<bool()>& done) {
  for (const absl::Time deadline = absl::Now() + absl::Seconds(20); absl::Now() < deadline;) {
    if (done()) {
      return true;
    }
    absl::SleepFor(absl::Milliseconds(1));
  }
  return false;
}

class RevocationFollowerTest : public ::testing::Test {
 protected:
  ~RevocationFollowerTest() override {
    log_.SetObserver(nullptr);
    follower_.reset();
  }

  void Revoke(const std::string& id) {
    v1::TokenRevocation revocation;
    revocation.set_token_id(id);
    revocation.mutable_expire_time()->set_seconds(absl::ToUnixSeconds(clock_() + absl::Hours(9)));
    Append(revocation.SerializeAsString());
  }
  void Append(const std::string& payload, const std::string& topic = std::string(kRevocationsTopic)) {
    ASSERT_TRUE(log_.Append(log::TestBatch({{.topic = topic,
                                             .id = "e" + std::to_string(++events_),
                                             .payload = payload,
                                             .type_name = std::string(kRevocationType)}})
                                .events())
                    .ok());
  }
  void Begin() {
    follower_.emplace(
        log_, revocations_,
        [this](const RevocationTable& revoked) { told_ += revoked.Revokes(MarksOfId("late"), clock_()) ? 1 : 0; },
        std::chrono::milliseconds(5));
    log_.SetObserver([this](std::span<const log::ChunkPtr> chunks) { follower_->OnDurable(chunks); });
  }
  absl::StatusCode Judge(const std::string& id) const { return revocations_.Judge(MarksOfId(id), clock_()).code(); }

  static constexpr auto kRevoked = absl::StatusCode::kUnauthenticated;
  static constexpr auto kUnknown = absl::StatusCode::kUnavailable;
  static constexpr auto kGood = absl::StatusCode::kOk;

  log::TestClock clock_;
  ScriptedLog log_{log::MakeMemoryLog({.log = log::TestLogOptions(clock_)})};
  Revocations revocations_{"weir", clock_};
  std::atomic<int> told_ = 0;
  int events_ = 0;
  std::optional<RevocationFollower> follower_;
};

TEST_F(RevocationFollowerTest, KnowsWhatIsInTheLogBeforeItIsMade) {
  for (int i = 0; i < 700; ++i) {
    Revoke("t" + std::to_string(i));
    Append("x", "a.b");
  }
  EXPECT_EQ(Judge("other"), kUnknown);
  Begin();
  EXPECT_EQ(Judge("t0"), kRevoked);
  EXPECT_EQ(Judge("t699"), kRevoked);
  EXPECT_EQ(Judge("other"), kGood);
}

TEST_F(RevocationFollowerTest, KnowsWhatIsDurableWhenThePublisherIsTold) {
  Begin();
  EXPECT_EQ(Judge("late"), kGood);
  Append("x", "a.b");
  Revoke("late");
  EXPECT_EQ(Judge("late"), kRevoked);
  EXPECT_TRUE(Until([&] { return told_ == 1; })) << "its streams end";
  Revoke("other");
  EXPECT_EQ(told_, 1);
}

TEST_F(RevocationFollowerTest, TakesNoTokenUntilTheLogCanBeRead) {
  Revoke("early");
  log_.FailReads(absl::DataLossError("damaged"));
  Begin();
  EXPECT_EQ(Judge("early"), kUnknown);
  Revoke("late");
  EXPECT_EQ(Judge("late"), kRevoked) << "that much is known";
  EXPECT_EQ(Judge("other"), kUnknown);
  log_.FailReads(absl::OkStatus());
  EXPECT_TRUE(Until([&] { return Judge("other") == kGood; }));
  EXPECT_EQ(Judge("early"), kRevoked);
}

TEST_F(RevocationFollowerTest, ReadsAgainWhatThereWasNoRoomFor) {
  revocations_.SetMax(2);
  Revoke("one");
  Begin();
  Revoke("two");
  EXPECT_EQ(Judge("other"), kGood);
  Revoke("late");
  EXPECT_EQ(Judge("other"), kUnknown);
  EXPECT_TRUE(Until([&] { return told_ >= 1; })) << "its streams end, though there is no room";
  Revoke("three");
  revocations_.SetMax(4);
  EXPECT_TRUE(Until([&] { return Judge("other") == kGood; }));
  for (const char* id : {"one", "two", "late", "three"}) {
    EXPECT_EQ(Judge(id), kRevoked) << id;
  }
}

TEST_F(RevocationFollowerTest, ThereIsRoomWhenOthersAreOver) {
  revocations_.SetMax(1);
  Revoke("one");
  Begin();
  clock_.Advance(absl::Hours(5));
  Revoke("late");
  EXPECT_EQ(Judge("other"), kUnknown);
  clock_.Advance(absl::Hours(5));
  EXPECT_TRUE(Until([&] { return Judge("other") == kGood; }));
  EXPECT_EQ(Judge("late"), kRevoked);
  EXPECT_EQ(Judge("one"), kGood);
}

TEST_F(RevocationFollowerTest, GoesOnWhereRetentionHasRemovedSome) {
  revocations_.SetMax(1);
  Revoke("one");
  Begin();
  Revoke("two");
  EXPECT_EQ(Judge("other"), kUnknown);
  ASSERT_TRUE(log_.Append(log::Numbered("a", "e", 2'000).events()).ok());
  Revoke("late");  // carried over, say
  clock_.Advance(absl::Hours(5));
  ASSERT_TRUE(log_.Trim({.bytes_max = 1}).ok());
  ASSERT_GT(log_.bounds().earliest, 3);
  revocations_.SetMax(3);
  EXPECT_TRUE(Until([&] { return Judge("other") == kGood; }));
  EXPECT_EQ(Judge("late"), kRevoked);
}

TEST_F(RevocationFollowerTest, PassesOverWhatIsMalformed) {
  Append("\xff");
  Begin();
  Append("");
  Revoke("late");
  EXPECT_EQ(Judge("late"), kRevoked);
  EXPECT_EQ(Judge("other"), kGood);
}

}  // namespace
}  // namespace weir::server
