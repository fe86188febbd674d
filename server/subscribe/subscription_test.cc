#include "server/subscribe/subscription.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "log/log_testing.h"
#include "log/memory_engine.h"
#include "server/testing.h"

namespace weir::server {
namespace {

// Keeps what it is given until the test takes it: a reader as slow as the test wants.
class TestSink final : public SubscriptionSink {
 public:
  void Write(WireMessage message) override {
    v1::SubscribeResponse response;
    ASSERT_TRUE(response.ParseFromString(message.ToString()));
    const std::lock_guard lock(mutex_);
    ASSERT_FALSE(written_.has_value()) << "two writes at once";
    written_ = std::move(response);
    changed_.notify_all();
  }
  void Finish(const std::optional<Fault>& fault) override {
    const std::lock_guard lock(mutex_);
    ASSERT_FALSE(finished_);
    finished_ = true;
    reason_ = fault.has_value() ? std::string(NameOf(fault->reason)) : "CANCELLED";
    changed_.notify_all();
  }

  // The message in flight, without taking it. Empty when the stream ended instead.
  std::optional<v1::SubscribeResponse> Await() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(20), [this] { return written_.has_value() || finished_; })) {
      ADD_FAILURE() << "nothing came";
    }
    return written_;
  }
  bool idle() const {
    const std::lock_guard lock(mutex_);
    return !written_.has_value() && !finished_;
  }
  std::optional<v1::SubscribeResponse> Take() {
    std::optional<v1::SubscribeResponse> response = Await();
    const std::lock_guard lock(mutex_);
    written_.reset();
    return response;
  }
  // Waits for the end, which nothing may come before.
  std::string AwaitEnd() {
    EXPECT_FALSE(Await().has_value());
    const std::lock_guard lock(mutex_);
    return reason_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<v1::SubscribeResponse> written_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  std::string reason_ ABSL_GUARDED_BY(mutex_);
};

class SubscriptionTest : public ::testing::Test {
 protected:
  explicit SubscriptionTest(size_t tail_bytes_max = 1 << 20) : tail_(tail_bytes_max, 0) {
    log_.SetObserver([this](std::span<const log::ChunkPtr> chunks) {
      tail_.Append(chunks);
      waker_.Notify(chunks.back()->last_sequence());
    });
  }
  ~SubscriptionTest() override {
    if (subscription_ != nullptr) {
      subscription_->Cancel();
      while (sink_.Await().has_value()) {
        sink_.Take();
        subscription_->OnWritten(true);
      }
    }
  }

  void Append(const std::string& topic, size_t count = 1, const std::string& type = "test.v1.Note") {
    log::TestBatch batch;
    for (size_t i = 0; i < count; ++i) {
      batch.Add({.topic = topic, .id = "e" + std::to_string(next_id_++), .type_name = type});
    }
    ASSERT_TRUE(log_.Append(batch.events()).ok());
  }

  // `unset` filters mean everything.
  void Subscribe(v1::SubscribeRequest request) {
    if (request.filters().empty()) {
      request.add_filters(">");
    }
    FaultOr<SubscriptionOptions> options = ReadSubscribeRequest(request, *types_);
    ASSERT_TRUE(options.ok()) << options.fault().message;
    subscription_ = std::make_shared<Subscription>(context_, "s-1", *std::move(options), sink_);
    subscription_->Begin();
  }

  // The next message; the reader is then ready for another.
  v1::SubscribeResponse Next() {
    std::optional<v1::SubscribeResponse> response = sink_.Take();
    if (!response.has_value()) {
      ADD_FAILURE() << "the stream ended: " << sink_.AwaitEnd();
      return {};
    }
    subscription_->OnWritten(true);
    return *std::move(response);
  }

  // Sequences of events up to `last`, over as many batches as there are; other messages are not expected.
  std::vector<uint64_t> EventsUpTo(uint64_t last) {
    std::vector<uint64_t> sequences;
    while (sequences.empty() || sequences.back() < last) {
      const v1::SubscribeResponse response = Next();
      if (!response.has_batch()) {
        ADD_FAILURE() << "no batch but " << response.ShortDebugString();
        break;
      }
      EXPECT_GT(response.batch().events_size(), 0);
      for (const v1::Event& event : response.batch().events()) {
        sequences.push_back(event.sequence());
      }
    }
    return sequences;
  }

  std::string CursorAt(uint64_t sequence) const { return Cursor{log_.bounds().epoch, sequence}.ToString(); }

  void ExpectCaughtUp(uint64_t at) {
    const v1::SubscribeResponse response = Next();
    EXPECT_TRUE(response.progress().caught_up()) << response.ShortDebugString();
    EXPECT_EQ(response.progress().cursor(), CursorAt(at));
  }

  static std::vector<uint64_t> Range(uint64_t first, uint64_t last) {
    std::vector<uint64_t> range;
    for (uint64_t i = first; i <= last; ++i) {
      range.push_back(i);
    }
    return range;
  }

  log::TestClock log_clock_;
  SimulatedClock clock_;
  ScriptedLog log_{log::MakeMemoryLog({.log = log::TestLogOptions(log_clock_)})};
  const std::shared_ptr<const EventTypes> types_ = TestTypes();
  TypesInForce in_force_{types_};
  LiveTail tail_;
  SubscriptionCounts counts_;
  TestSink sink_;
  int next_id_ = 0;
  Waker waker_{0, clock_.clock()};
  WorkerPool pool_{1};
  const SubscriptionContext context_{.log = log_,
                                     .tail = tail_,
                                     .waker = waker_,
                                     .pool = pool_,
                                     .types = in_force_,
                                     .now = clock_.clock(),
                                     .counts = counts_};
  std::shared_ptr<Subscription> subscription_;
};

class SmallTailTest : public SubscriptionTest {
 protected:
  SmallTailTest() : SubscriptionTest(1) {}
};

TEST_F(SubscriptionTest, LatestBeginsWithWhatComesNow) {
  Append("a", 3);
  Subscribe({});
  const v1::SubscribeResponse started = Next();
  EXPECT_EQ(started.started().subscription_id(), "s-1");
  EXPECT_EQ(started.started().cursor(), CursorAt(3));
  EXPECT_EQ(started.started().epoch(), log_.bounds().epoch.text());
  EXPECT_EQ(started.started().head_sequence(), 3u);
  EXPECT_EQ(started.schema_version(), types_->version());
  ExpectCaughtUp(3);
  Append("a", 2);
  EXPECT_EQ(EventsUpTo(5), Range(4, 5));
}

TEST_F(SubscriptionTest, ANewSchemaIsSaidBeforeTheFirstEventThatMayNeedIt) {
  Subscribe({});
  EXPECT_EQ(Next().schema_version(), types_->version());
  ExpectCaughtUp(0);
  Append("a");
  EXPECT_EQ(Next().schema_version(), "") << "it has not changed";
  ASSERT_TRUE(in_force_.Replace(EventTypes::Load({}).value()).ok());
  Append("a");
  const v1::SubscribeResponse batch = Next();
  EXPECT_EQ(batch.batch().events_size(), 1);
  EXPECT_EQ(batch.schema_version(), in_force_.get().version());
  EXPECT_NE(batch.schema_version(), types_->version());
  ASSERT_TRUE(in_force_.Replace(types_).ok());
  clock_.Advance(absl::Seconds(10));
  waker_.Nudge();
  const v1::SubscribeResponse progress = Next();
  EXPECT_TRUE(progress.has_progress());
  EXPECT_EQ(progress.schema_version(), types_->version());
}

TEST_F(SubscriptionTest, EarliestReplaysThenGoesLive) {
  Append("a", 30);
  v1::SubscribeRequest request;
  request.mutable_start()->mutable_earliest();
  Subscribe(request);
  EXPECT_EQ(Next().started().cursor(), CursorAt(0));
  EXPECT_EQ(EventsUpTo(30), Range(1, 30));
  ExpectCaughtUp(30);
  Append("a");
  EXPECT_EQ(EventsUpTo(31), Range(31, 31));
}

TEST_F(SmallTailTest, ReplaysFromTheLogAndHandsOverToTheTail) {
  Append("a", 500);
  v1::SubscribeRequest request;
  request.mutable_start()->set_after_cursor(CursorAt(10));
  request.set_max_batch_events(50);
  Subscribe(request);
  EXPECT_EQ(Next().started().cursor(), CursorAt(10));
  EXPECT_EQ(EventsUpTo(500), Range(11, 500));
  ExpectCaughtUp(500);
  for (uint64_t i = 501; i < 520; ++i) {
    Append("a");
    EXPECT_EQ(EventsUpTo(i), Range(i, i));
  }
}

TEST_F(SmallTailTest, ASlowReaderFallsBackToTheLogAndMissesNothing) {
  Subscribe({});
  Next();
  ExpectCaughtUp(0);
  Append("a", 10);
  ASSERT_TRUE(sink_.Await()->has_batch());  // in flight, not taken
  for (int i = 0; i < 100; ++i) {
    Append("a", 10);
  }
  EXPECT_LT(tail_.bytes(), 20'000u);
  EXPECT_EQ(EventsUpTo(1010), Range(1, 1010));
}

TEST_F(SubscriptionTest, BatchesKeepTheirBounds) {
  Append("a", 30);
  v1::SubscribeRequest request;
  request.mutable_start()->mutable_earliest();
  request.set_max_batch_events(7);
  Subscribe(request);
  Next();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(Next().batch().events_size(), 7);
  }
  EXPECT_EQ(Next().batch().events_size(), 2);
}

TEST_F(SubscriptionTest, ASingleEventMayExceedTheBytes) {
  Append("a", 3);
  v1::SubscribeRequest request;
  request.mutable_start()->mutable_earliest();
  request.set_max_batch_bytes(1);
  Subscribe(request);
  Next();
  for (uint64_t i = 1; i <= 3; ++i) {
    const v1::SubscribeResponse response = Next();
    ASSERT_EQ(response.batch().events_size(), 1);
    EXPECT_EQ(response.batch().events(0).sequence(), i);
  }
}

TEST_F(SubscriptionTest, SelectsByFilterAndType) {
  v1::SubscribeRequest request;
  request.add_filters("a.*");
  request.add_filters("a.x");
  request.add_types("test.v1.Note");
  Subscribe(request);
  Next();
  ExpectCaughtUp(0);
  Append("b");
  Append("a.x", 1, "test.v1.Scoped");
  Append("a.x");
  Append("a.y");
  EXPECT_EQ(EventsUpTo(4), Range(3, 4));
}

class WholeLogTest : public SubscriptionTest, public ::testing::WithParamInterface<std::vector<std::string>> {};

TEST_P(WholeLogTest, SeesTheSystemsTopicsOnlyIfItNamesThem) {
  const bool named = GetParam().size() > 1;
  Append("weir.revocations", 2);
  Append("a");
  v1::SubscribeRequest request;
  request.mutable_filters()->Assign(GetParam().begin(), GetParam().end());
  request.mutable_start()->mutable_earliest();
  Subscribe(request);
  Next();
  EXPECT_EQ(EventsUpTo(3), named ? Range(1, 3) : Range(3, 3));
  ExpectCaughtUp(3);
  Append("weir.revocations", 2);
  Append("a");
  EXPECT_EQ(EventsUpTo(6), named ? Range(4, 6) : Range(6, 6));
}

INSTANTIATE_TEST_SUITE_P(Filters, WholeLogTest,
                         ::testing::Values(std::vector<std::string>{">"},
                                           std::vector<std::string>{">", "weir.revocations"}));

TEST_F(SubscriptionTest, FromTimeIncludesThatTime) {
  Append("a", 2);
  log_clock_.Advance(absl::Seconds(1));
  Append("a", 2);
  v1::SubscribeRequest request;
  request.mutable_start()->mutable_from_time()->set_seconds(log_clock_.millis() / 1000);
  Subscribe(request);
  EXPECT_EQ(Next().started().cursor(), CursorAt(2));
  EXPECT_EQ(EventsUpTo(4), Range(3, 4));
  ExpectCaughtUp(4);
}

TEST_F(SubscriptionTest, FromATimeToComeLeavesOutWhatComesBefore) {
  v1::SubscribeRequest request;
  request.mutable_start()->mutable_from_time()->set_seconds(log_clock_.millis() / 1000 + 60);
  Subscribe(request);
  Next();
  ExpectCaughtUp(0);
  Append("a", 2);
  log_clock_.Advance(absl::Seconds(60));
  Append("a", 1);
  EXPECT_EQ(EventsUpTo(3), Range(3, 3));
}

TEST_F(SubscriptionTest, LastPerTopicThenLive) {
  Append("a", 3);
  Append("b", 2);
  Append("a", 1);
  Append("c", 1);
  v1::SubscribeRequest request;
  request.mutable_start()->mutable_last_per_topic();
  request.set_max_batch_events(1);
  Subscribe(request);
  EXPECT_EQ(Next().started().cursor(), CursorAt(0));
  EXPECT_EQ(EventsUpTo(7), (std::vector<uint64_t>{5, 6, 7}));
  ExpectCaughtUp(7);
  Append("a", 2);
  EXPECT_EQ(EventsUpTo(9), Range(8, 9));
}

TEST_F(SubscriptionTest, LastPerTopicOfAnEmptyLogIsCaughtUpAtOnce) {
  v1::SubscribeRequest request;
  request.mutable_start()->mutable_last_per_topic();
  Subscribe(request);
  Next();
  ExpectCaughtUp(0);
}

TEST_F(SubscriptionTest, ASnapshotIsOfAFixedHead) {
  Append("a", 1);
  Append("b", 1);
  v1::SubscribeRequest request;
  request.mutable_start()->mutable_last_per_topic();
  request.set_max_batch_events(1);
  Subscribe(request);
  sink_.Await();  // the plan is made
  Append("a", 1);
  Next();
  EXPECT_EQ(EventsUpTo(2), Range(1, 2));
  ExpectCaughtUp(2);
  EXPECT_EQ(EventsUpTo(3), Range(3, 3));
}

TEST_F(SubscriptionTest, AnIdleStreamSaysHowFarItRead) {
  v1::SubscribeRequest request;
  request.add_filters("a");
  request.mutable_progress_interval()->set_seconds(60);
  Subscribe(request);
  Next();
  ExpectCaughtUp(0);
  Append("other", 5);
  EXPECT_TRUE(sink_.idle());
  clock_.Advance(absl::Seconds(60));
  const v1::SubscribeResponse progress = Next();
  EXPECT_EQ(progress.progress().cursor(), CursorAt(5));
  EXPECT_EQ(progress.progress().head_sequence(), 5u);
  EXPECT_FALSE(progress.progress().caught_up());
  clock_.Advance(absl::Seconds(60));
  EXPECT_EQ(Next().progress().cursor(), CursorAt(5));
}

TEST_F(SmallTailTest, ProgressIsNeverAheadOfAnUnsentEvent) {
  Append("a", 50);
  v1::SubscribeRequest request;
  request.mutable_start()->mutable_earliest();
  request.set_max_batch_events(1);
  Subscribe(request);
  Next();
  ASSERT_TRUE(sink_.Await()->has_batch());
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(Next().batch().events(0).sequence(), 1u);
  const v1::SubscribeResponse progress = Next();
  EXPECT_EQ(progress.progress().cursor(), CursorAt(1));
  EXPECT_EQ(progress.progress().head_sequence(), 50u);
  EXPECT_EQ(EventsUpTo(50), Range(2, 50));
}

TEST_F(SubscriptionTest, AReaderOfManyEventsNeedsNoProgress) {
  v1::SubscribeRequest request;
  request.set_max_batch_events(1);
  Subscribe(request);
  Next();
  ExpectCaughtUp(0);
  Append("a", 2);
  ASSERT_TRUE(sink_.Await()->has_batch());
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(EventsUpTo(2), Range(1, 2));
}

TEST_F(SubscriptionTest, AGapIsAnnouncedAfterStarted) {
  Append("a", 3);
  v1::SubscribeRequest request;
  request.mutable_start()->set_after_cursor("otherlog-2");
  Subscribe(request);
  EXPECT_EQ(Next().started().cursor(), CursorAt(0));
  const v1::SubscribeResponse gap = Next();
  EXPECT_EQ(gap.gap().reason(), v1::Gap::REASON_OTHER_EPOCH);
  EXPECT_EQ(gap.gap().requested_cursor(), "otherlog-2");
  EXPECT_EQ(gap.gap().resume_cursor(), CursorAt(0));
  EXPECT_EQ(EventsUpTo(3), Range(1, 3));
}

TEST_F(SubscriptionTest, ACursorBeyondTheHeadGoesOnAtTheHead) {
  Append("a", 3);
  v1::SubscribeRequest request;
  request.mutable_start()->set_after_cursor(CursorAt(4));
  Subscribe(request);
  EXPECT_EQ(Next().started().cursor(), CursorAt(3));
  EXPECT_EQ(Next().gap().reason(), v1::Gap::REASON_BEYOND_HEAD);
  ExpectCaughtUp(3);
}

TEST_F(SubscriptionTest, GapPolicyFailEndsTheStream) {
  Append("a", 3);
  v1::SubscribeRequest request;
  request.mutable_start()->set_after_cursor(CursorAt(4));
  request.set_gap_policy(v1::GAP_POLICY_FAIL);
  Subscribe(request);
  EXPECT_EQ(sink_.AwaitEnd(), "CURSOR_BEYOND_HEAD");
}

TEST_F(SubscriptionTest, AnExpiredCursorGetsAGap) {
  Append("a", 250);
  log_clock_.Advance(absl::Hours(2));
  ASSERT_TRUE(log_.Trim({.age_max = absl::Hours(1)}).ok());
  ASSERT_EQ(log_.bounds().earliest, 251u);
  v1::SubscribeRequest request;
  request.mutable_start()->set_after_cursor(CursorAt(10));
  Subscribe(request);
  Next();
  const v1::SubscribeResponse gap = Next();
  EXPECT_EQ(gap.gap().reason(), v1::Gap::REASON_EXPIRED);
  EXPECT_EQ(gap.gap().resume_cursor(), CursorAt(250));
  ExpectCaughtUp(250);
}

TEST_F(SmallTailTest, RetentionThatOvertakesAReaderIsAGap) {
  Append("a", 250);
  v1::SubscribeRequest request;
  request.mutable_start()->mutable_earliest();
  request.set_max_batch_events(10);
  Subscribe(request);
  Next();
  ASSERT_TRUE(sink_.Await()->has_batch());
  log_clock_.Advance(absl::Hours(2));
  ASSERT_TRUE(log_.Trim({.age_max = absl::Hours(1)}).ok());
  Append("a", 1);
  EXPECT_EQ(Next().batch().events_size(), 10);
  const v1::SubscribeResponse gap = Next();
  EXPECT_EQ(gap.gap().reason(), v1::Gap::REASON_EXPIRED);
  EXPECT_EQ(gap.gap().requested_cursor(), CursorAt(10));
  EXPECT_EQ(gap.gap().resume_cursor(), CursorAt(250));
  EXPECT_EQ(EventsUpTo(251), Range(251, 251)) << "what retention carried over is read before it is caught up";
  ExpectCaughtUp(251);
}

TEST_F(SubscriptionTest, CancelEndsAWaitingStream) {
  Subscribe({});
  Next();
  ExpectCaughtUp(0);
  subscription_->Cancel();
  EXPECT_EQ(sink_.AwaitEnd(), "CANCELLED");
  subscription_.reset();
}

TEST_F(SubscriptionTest, ABrokenWriteEndsTheStream) {
  Subscribe({});
  sink_.Take();
  subscription_->OnWritten(false);
  EXPECT_EQ(sink_.AwaitEnd(), "CANCELLED");
  subscription_.reset();
}

TEST_F(SubscriptionTest, DrainEndsAfterTheMessageInFlight) {
  Subscribe({});
  sink_.Await();
  subscription_->Drain();
  EXPECT_TRUE(Next().has_started());
  EXPECT_EQ(sink_.AwaitEnd(), "DRAINING");
  subscription_.reset();
}

TEST_F(SmallTailTest, ALogThatCannotBeReadEndsTheStream) {
  Append("a", 50);
  log_.FailReads(absl::UnavailableError("busy"));
  v1::SubscribeRequest request;
  request.mutable_start()->mutable_earliest();
  Subscribe(request);
  Next();
  EXPECT_EQ(sink_.AwaitEnd(), "LOG_UNAVAILABLE");
  subscription_.reset();
}

TEST_F(SmallTailTest, ADamagedLogEndsTheStreamForGood) {
  Append("a", 50);
  log_.FailReads(absl::DataLossError("corrupt"));
  v1::SubscribeRequest request;
  request.mutable_start()->mutable_earliest();
  Subscribe(request);
  Next();
  EXPECT_EQ(sink_.AwaitEnd(), "LOG_DAMAGED");
  EXPECT_EQ(CodeOf(v1::ERROR_REASON_LOG_DAMAGED), absl::StatusCode::kDataLoss);
  subscription_.reset();
}

TEST_F(SmallTailTest, CountsWhoCatchesUp) {
  Append("a", 50);
  v1::SubscribeRequest request;
  request.mutable_start()->mutable_earliest();
  Subscribe(request);
  Next();
  ASSERT_TRUE(sink_.Await()->has_batch());
  EXPECT_EQ(counts_.catching_up, 1);
  EventsUpTo(50);
  ExpectCaughtUp(50);
  Append("a");
  EventsUpTo(51);
  EXPECT_EQ(counts_.catching_up, 0);
}

}  // namespace
}  // namespace weir::server
