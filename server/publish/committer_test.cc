#include "server/publish/committer.h"

#include <gtest/gtest.h>

#include <latch>
#include <memory>
#include <string>
#include <vector>

#include "log/log_testing.h"
#include "log/memory_engine.h"
#include "server/testing.h"

namespace weir::server {
namespace {

// What a batch was told.
struct Outcome {
  std::latch told{1};
  std::vector<log::AppendResult> results;
  std::string fault;  // the reason; empty: committed

  void Await() { told.wait(); }
};

class TestBatch final : public PublishBatch {
 public:
  TestBatch(Outcome& outcome, std::shared_ptr<PublishSource> source) : PublishBatch(std::move(source)), out_(outcome) {}

  void OnCommitted(std::span<const log::AppendResult> results) override {
    out_.results.assign(results.begin(), results.end());
    out_.told.count_down();
  }
  void OnFailed(const Fault& fault) override {
    out_.fault = NameOf(fault.reason);
    out_.told.count_down();
  }

  std::string request;

 private:
  Outcome& out_;
};

class CommitterTest : public ::testing::Test {
 protected:
  std::unique_ptr<PublishBatch> BatchOf(Outcome& outcome, int events, std::shared_ptr<PublishSource> source = nullptr) {
    auto batch = std::make_unique<TestBatch>(outcome, std::move(source));
    v1::PublishRequest request;
    for (int i = 0; i < events; ++i) {
      *request.add_events() = NoteEvent("a.b", "hi", "id-" + std::to_string(next_id_++));
    }
    batch->request = request.SerializeAsString();
    EXPECT_FALSE(batch->Read(batch->request, validator_).has_value());
    return batch;
  }

  void MakeCommitter(CommitterOptions options = {}) { committer_ = std::make_unique<Committer>(log_, options); }

  std::string Submit(std::unique_ptr<PublishBatch> batch, Committer::WhenFull when = Committer::WhenFull::kRefuse) {
    const std::optional<Fault> fault = committer_->Submit(std::move(batch), when);
    return fault.has_value() ? std::string(NameOf(fault->reason)) : "";
  }

  // Holds the committer at an append of one event, so that what comes next gathers.
  void Hold() {
    log_.CloseGate();
    ASSERT_EQ(Submit(BatchOf(held_, 1)), "");
    log_.AwaitAppendAtGate();
  }

  const std::shared_ptr<const EventTypes> types_ = TestTypes();
  const TypesInForce in_force_{types_};
  const Validator validator_{in_force_, kEventBytesMaxDefault, [] { return "made"; }};
  ScriptedLog log_{log::MakeMemoryLog({})};
  Outcome held_;
  int next_id_ = 0;
  std::unique_ptr<Committer> committer_;
};

TEST_F(CommitterTest, TellsABatchWhereItsEventsLie) {
  MakeCommitter();
  Outcome outcome;
  ASSERT_EQ(Submit(BatchOf(outcome, 3)), "");
  outcome.Await();
  ASSERT_EQ(outcome.results.size(), 3u);
  EXPECT_EQ(outcome.results[0].sequence, 1u);
  EXPECT_EQ(outcome.results[2].sequence, 3u);
  EXPECT_EQ(log_.bounds().head, 3u);
}

TEST_F(CommitterTest, GathersWhatWaitsIntoOneAppendInOrder) {
  MakeCommitter();
  Hold();
  Outcome a;
  Outcome b;
  ASSERT_EQ(Submit(BatchOf(a, 2)), "");
  ASSERT_EQ(Submit(BatchOf(b, 3)), "");
  EXPECT_EQ(committer_->queued_events(), 5u);
  log_.OpenGate();
  b.Await();
  EXPECT_EQ(log_.append_sizes(), (std::vector<size_t>{1, 5}));
  EXPECT_EQ(a.results[0].sequence, 2u);
  EXPECT_EQ(b.results[0].sequence, 4u);
}

TEST_F(CommitterTest, CutsAGroupAtTheCapButNeverABatch) {
  MakeCommitter({.commit_events_max = 4});
  Hold();
  Outcome outcomes[3];
  for (Outcome& outcome : outcomes) {
    ASSERT_EQ(Submit(BatchOf(outcome, 3)), "");
  }
  log_.OpenGate();
  outcomes[2].Await();
  EXPECT_EQ(log_.append_sizes(), (std::vector<size_t>{1, 3, 3, 3}));
}

TEST_F(CommitterTest, CutsAGroupAtItsBytes) {
  MakeCommitter({.commit_bytes_max = 1});
  Hold();
  Outcome a;
  Outcome b;
  ASSERT_EQ(Submit(BatchOf(a, 1)), "");
  ASSERT_EQ(Submit(BatchOf(b, 1)), "");
  log_.OpenGate();
  b.Await();
  EXPECT_EQ(log_.append_sizes(), (std::vector<size_t>{1, 1, 1}));
}

TEST_F(CommitterTest, RefusesWhenFullUnlessItMustTake) {
  MakeCommitter({.queue_events_max = 2});
  Hold();
  Outcome first;
  Outcome refused;
  Outcome taken;
  ASSERT_EQ(Submit(BatchOf(first, 2)), "");
  EXPECT_TRUE(committer_->full());
  const std::optional<Fault> fault = committer_->Submit(BatchOf(refused, 1), Committer::WhenFull::kRefuse);
  ASSERT_TRUE(fault.has_value());
  EXPECT_EQ(fault->reason, v1::ERROR_REASON_QUEUE_FULL);
  EXPECT_GT(fault->retry_after, absl::ZeroDuration());
  EXPECT_EQ(Submit(BatchOf(taken, 1), Committer::WhenFull::kTake), "");
  EXPECT_EQ(committer_->refused().events, 1u);
  EXPECT_EQ(committer_->refused().bytes, 0u);
  log_.OpenGate();
  taken.Await();
  EXPECT_FALSE(committer_->full());
  EXPECT_FALSE(refused.told.try_wait());
}

TEST_F(CommitterTest, RefusesWhenTooManyBytesWait) {
  MakeCommitter({.queue_bytes_max = 1});
  Hold();
  Outcome first;
  Outcome refused;
  ASSERT_EQ(Submit(BatchOf(first, 1)), "");
  EXPECT_EQ(Submit(BatchOf(refused, 1)), "QUEUE_FULL");
  EXPECT_EQ(committer_->refused().events, 0u);
  EXPECT_EQ(committer_->refused().bytes, 1u);
  log_.OpenGate();
  first.Await();
}

// A refusal is a hundred times larger than the event that it refuses.
TEST_F(CommitterTest, RefusalsThatWaitCountAsBytes) {
  MakeCommitter({.queue_bytes_max = 64 << 10});
  Hold();
  Outcome outcomes[2];
  v1::PublishRequest request;
  for (size_t i = 0; i < kBatchEventsMax; ++i) {
    request.add_events();
  }
  std::string told[2];
  for (int i = 0; i < 2; ++i) {
    auto batch = std::make_unique<TestBatch>(outcomes[i], nullptr);
    batch->request = request.SerializeAsString();
    ASSERT_LT(batch->request.size(), size_t{4} << 10);
    ASSERT_FALSE(batch->Read(batch->request, validator_).has_value());
    told[i] = Submit(std::move(batch));
  }
  EXPECT_EQ(told[0], "");
  EXPECT_EQ(told[1], "QUEUE_FULL");
  log_.OpenGate();
  outcomes[0].Await();
}

TEST_F(CommitterTest, PoisonFailsEverythingAndIsReportedOnce) {
  int poisoned = 0;
  MakeCommitter({.on_poisoned = [&poisoned](const absl::Status&) { ++poisoned; }});
  log_.FailAppends(absl::UnavailableError("fsync"));
  Outcome first;
  ASSERT_EQ(Submit(BatchOf(first, 1)), "");
  first.Await();
  EXPECT_EQ(first.fault, "LOG_POISONED");
  Outcome second;
  EXPECT_EQ(Submit(BatchOf(second, 1)), "LOG_POISONED");
  committer_->Drain();
  EXPECT_EQ(poisoned, 1);
}

TEST_F(CommitterTest, FullStorageFailsTheGroupAndPasses) {
  MakeCommitter();
  log_.FailAppends(absl::ResourceExhaustedError("256 MiB are kept free"));
  Outcome first;
  ASSERT_EQ(Submit(BatchOf(first, 1)), "");
  first.Await();
  EXPECT_EQ(first.fault, "STORAGE_FULL");
  log_.FailAppends(absl::OkStatus());
  Outcome second;
  ASSERT_EQ(Submit(BatchOf(second, 1)), "");
  second.Await();
  EXPECT_EQ(second.fault, "");
}

TEST_F(CommitterTest, NothingOfASourceIsStoredAfterItsFailure) {
  MakeCommitter({.commit_events_max = 1});
  const auto source = std::make_shared<PublishSource>();
  Outcome failing;
  Outcome following;
  Outcome other;
  log_.FailNextAppend(absl::ResourceExhaustedError("full"));
  log_.CloseGate();
  ASSERT_EQ(Submit(BatchOf(failing, 1, source)), "");
  log_.AwaitAppendAtGate();
  ASSERT_EQ(Submit(BatchOf(following, 1, source)), "");
  ASSERT_EQ(Submit(BatchOf(other, 1)), "");
  log_.OpenGate();
  other.Await();
  following.Await();
  EXPECT_EQ(failing.fault, "STORAGE_FULL");
  EXPECT_EQ(following.fault, "LOG_UNAVAILABLE");
  EXPECT_EQ(other.fault, "");
  EXPECT_EQ(log_.bounds().head, 1u);
}

TEST_F(CommitterTest, DrainStoresWhatIsQueuedAndTakesNoMore) {
  MakeCommitter();
  Outcome outcomes[5];
  for (Outcome& outcome : outcomes) {
    ASSERT_EQ(Submit(BatchOf(outcome, 2)), "");
  }
  committer_->Drain();
  for (Outcome& outcome : outcomes) {
    ASSERT_TRUE(outcome.told.try_wait());
    EXPECT_EQ(outcome.results.size(), 2u);
  }
  Outcome late;
  EXPECT_EQ(Submit(BatchOf(late, 1)), "DRAINING");
}

TEST_F(CommitterTest, ABatchWithoutAGoodEventIsAnsweredInItsPlace) {
  MakeCommitter();
  Outcome outcome;
  auto batch = std::make_unique<TestBatch>(outcome, nullptr);
  v1::PublishRequest request;
  request.add_events()->set_topic("bad..topic");
  batch->request = request.SerializeAsString();
  ASSERT_FALSE(batch->Read(batch->request, validator_).has_value());
  ASSERT_EQ(batch->events().size(), 0u);
  ASSERT_EQ(Submit(std::move(batch)), "");
  outcome.Await();
  EXPECT_EQ(outcome.fault, "");
  EXPECT_TRUE(log_.append_sizes().empty());
}

}  // namespace
}  // namespace weir::server
