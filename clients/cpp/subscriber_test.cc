#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "clients/cpp/fake_event_bus.h"
#include "weir/client.h"

namespace weir {
namespace {

using Writer = grpc::ServerWriter<v1::SubscribeResponse>;

std::string At(int sequence) { return "testtest-" + std::to_string(sequence); }

void Started(Writer& writer, int sequence, const std::string& schema = "") {
  v1::SubscribeResponse response;
  response.mutable_started()->set_cursor(At(sequence));
  response.set_schema_version(schema);
  writer.Write(response);
}

void Events(Writer& writer, const std::vector<int>& sequences) {
  v1::SubscribeResponse response;
  for (const int sequence : sequences) {
    response.mutable_batch()->add_events()->set_cursor(At(sequence));
  }
  writer.Write(response);
}

// Everything that a subscriber calls, as lines, in order.
class Heard {
 public:
  SubscriberCallbacks Callbacks() {
    SubscriberCallbacks callbacks;
    callbacks.on_started = [this](const v1::SubscriptionStarted& started) { Add("started " + started.cursor()); };
    callbacks.on_events = [this](const v1::EventBatch& batch) {
      for (const v1::Event& event : batch.events()) {
        Add("event " + event.cursor());
      }
    };
    callbacks.on_progress = [this](const v1::Progress& progress) { Add("progress " + progress.cursor()); };
    callbacks.on_gap = [this](const v1::Gap& gap) { Add("gap " + gap.resume_cursor()); };
    callbacks.on_schema = [this](const std::string& version) {
      Add("schema " + version);
      return absl::OkStatus();
    };
    callbacks.on_disconnected = [this](const absl::Status&, absl::Duration) { Add("disconnected"); };
    callbacks.on_failed = [this](const absl::Status& status) { Add("failed " + ErrorReason(status)); };
    return callbacks;
  }

  void Add(std::string line) {
    const std::lock_guard<std::mutex> lock(mutex_);
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }

  // The lines when there are `count` of them.
  std::vector<std::string> Wait(size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [this, count] { return lines_.size() >= count; });
    return lines_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

class SubscriberTest : public testing::Test {
 protected:
  SubscriberOptions From(v1::Start start) const {
    SubscriberOptions options;
    options.filters = {"a.>"};
    options.start = std::move(start);
    return options;
  }
  SubscriberOptions FromLatest() const { return From({}); }

  FakeEventBus bus_;
  Client client_{{.server = bus_.address(), .name = "test", .backoff_min = absl::Milliseconds(1)}};
  Heard heard_;
};

TEST_F(SubscriberTest, SendsWhatTheOptionsSay) {
  SubscriberOptions options = FromLatest();
  options.types = {"apps.T"};
  options.gap_policy = v1::GAP_POLICY_FAIL;
  options.progress_interval = absl::Milliseconds(2500);
  options.batch_events_max = 7;
  bus_.OnSubscribe([this](const v1::SubscribeRequest&, Writer& writer) {
    Started(writer, 1);
    bus_.Hang();
    return grpc::Status::OK;
  });
  const Subscriber subscriber(client_, options, heard_.Callbacks());
  heard_.Wait(1);
  const v1::SubscribeRequest request = bus_.subscribe_requests().at(0);
  EXPECT_EQ(request.filters(0), "a.>");
  EXPECT_EQ(request.types(0), "apps.T");
  EXPECT_EQ(request.gap_policy(), v1::GAP_POLICY_FAIL);
  EXPECT_EQ(request.progress_interval().seconds(), 2);
  EXPECT_EQ(request.progress_interval().nanos(), 500'000'000);
  EXPECT_EQ(request.max_batch_events(), 7);
  EXPECT_EQ(request.client_name(), "test");
}

TEST_F(SubscriberTest, ResumesAfterLastDeliveredEvent) {
  bus_.OnSubscribe([](const v1::SubscribeRequest&, Writer& writer) {
    Started(writer, 0);
    Events(writer, {1, 2});
    Events(writer, {5});
    return FakeError(grpc::StatusCode::UNAVAILABLE, "DRAINING");
  });
  bus_.OnSubscribe([this](const v1::SubscribeRequest&, Writer& writer) {
    Started(writer, 5);
    Events(writer, {6});
    bus_.Hang();
    return grpc::Status::OK;
  });
  v1::Start start;
  start.mutable_earliest();
  const Subscriber subscriber(client_, From(start), heard_.Callbacks());
  EXPECT_EQ(heard_.Wait(7),
            (std::vector<std::string>{"started testtest-0", "event testtest-1", "event testtest-2", "event testtest-5",
                                      "disconnected", "started testtest-5", "event testtest-6"}));
  const auto requests = bus_.subscribe_requests();
  EXPECT_TRUE(requests.at(0).start().has_earliest());
  EXPECT_EQ(requests.at(1).start().after_cursor(), "testtest-5");
}

TEST_F(SubscriberTest, ResumesAfterProgressAndAfterAGap) {
  bus_.OnSubscribe([](const v1::SubscribeRequest&, Writer& writer) {
    Started(writer, 3);
    v1::SubscribeResponse progress;
    progress.mutable_progress()->set_cursor(At(40));
    writer.Write(progress);
    return grpc::Status::OK;
  });
  bus_.OnSubscribe([](const v1::SubscribeRequest&, Writer& writer) {
    Started(writer, 90);
    v1::SubscribeResponse gap;
    gap.mutable_gap()->set_resume_cursor(At(90));
    writer.Write(gap);
    return grpc::Status::OK;
  });
  const Subscriber subscriber(client_, FromLatest(), heard_.Callbacks());
  heard_.Wait(6);
  const auto requests = bus_.WaitForSubscribes(3);
  EXPECT_EQ(requests.at(1).start().after_cursor(), At(40));
  EXPECT_EQ(requests.at(2).start().after_cursor(), At(90));
  EXPECT_EQ(subscriber.cursor(), At(90));
}

TEST_F(SubscriberTest, AReaderOfTheLatestMissesNothingAfterStarted) {
  bus_.OnSubscribe([](const v1::SubscribeRequest&, Writer& writer) {
    Started(writer, 17);
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "");
  });
  const Subscriber subscriber(client_, FromLatest(), heard_.Callbacks());
  heard_.Wait(2);
  EXPECT_EQ(bus_.WaitForSubscribes(2).at(1).start().after_cursor(), At(17));
}

TEST_F(SubscriberTest, AGapThatBrokeOffIsAskedForAgain) {
  bus_.OnSubscribe([](const v1::SubscribeRequest&, Writer& writer) {
    Started(writer, 90);
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "the gap was still to come");
  });
  v1::Start start;
  start.set_after_cursor(At(2));
  const Subscriber subscriber(client_, From(start), heard_.Callbacks());
  EXPECT_EQ(bus_.WaitForSubscribes(2).at(1).start().after_cursor(), At(2));
}

TEST_F(SubscriberTest, ASnapshotThatBrokeOffBeforeItsFirstEventBeginsAgain) {
  bus_.OnSubscribe([](const v1::SubscribeRequest&, Writer& writer) {
    Started(writer, 90);
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "");
  });
  v1::Start start;
  start.mutable_last_per_topic();
  const Subscriber subscriber(client_, From(start), heard_.Callbacks());
  EXPECT_TRUE(bus_.WaitForSubscribes(2).at(1).start().has_last_per_topic());
}

TEST_F(SubscriberTest, ARefusalForGoodIsTheEnd) {
  bus_.OnSubscribe(
      [](const v1::SubscribeRequest&, Writer&) { return FakeError(grpc::StatusCode::OUT_OF_RANGE, "CURSOR_EXPIRED"); });
  const Subscriber subscriber(client_, FromLatest(), heard_.Callbacks());
  EXPECT_EQ(heard_.Wait(1), std::vector<std::string>{"failed CURSOR_EXPIRED"});
  EXPECT_EQ(bus_.subscribe_requests().size(), 1U);
}

TEST_F(SubscriberTest, ADamagedLogIsTheEnd) {
  bus_.OnSubscribe([](const v1::SubscribeRequest&, Writer& writer) {
    Started(writer, 7);
    return FakeError(grpc::StatusCode::DATA_LOSS, "LOG_DAMAGED");
  });
  const Subscriber subscriber(client_, FromLatest(), heard_.Callbacks());
  EXPECT_EQ(heard_.Wait(2), (std::vector<std::string>{"started " + At(7), "failed LOG_DAMAGED"}));
}

TEST_F(SubscriberTest, TellsASchemaBeforeTheMessageItHoldsFor) {
  bus_.OnSubscribe([this](const v1::SubscribeRequest&, Writer& writer) {
    Started(writer, 1, "s1");
    v1::SubscribeResponse response;
    response.mutable_batch()->add_events()->set_cursor(At(2));
    response.set_schema_version("s2");
    writer.Write(response);
    Events(writer, {3});
    bus_.Hang();
    return grpc::Status::OK;
  });
  const Subscriber subscriber(client_, FromLatest(), heard_.Callbacks());
  EXPECT_EQ(heard_.Wait(5), (std::vector<std::string>{"schema s1", "started testtest-1", "schema s2",
                                                      "event testtest-2", "event testtest-3"}));
}

TEST_F(SubscriberTest, GivesABatchAsBytesThatMayBeKept) {
  bus_.OnSubscribe([this](const v1::SubscribeRequest&, Writer& writer) {
    Started(writer, 0, "s1");
    Events(writer, {1, 2});
    bus_.Hang();
    return grpc::Status::OK;
  });
  SubscriberCallbacks callbacks;
  std::shared_ptr<const std::string> kept;
  callbacks.on_batch_bytes = [this, &kept](std::shared_ptr<const std::string> batch) {
    kept = std::move(batch);
    heard_.Add("batch");
    return absl::OkStatus();
  };
  const Subscriber subscriber(client_, FromLatest(), callbacks);
  heard_.Wait(1);
  v1::EventBatch batch;
  ASSERT_TRUE(batch.ParseFromString(*kept));
  ASSERT_EQ(batch.events_size(), 2);
  EXPECT_EQ(batch.events(1).cursor(), At(2));
}

TEST_F(SubscriberTest, AMessageThatCannotBeReadIsADisconnection) {
  bus_.OnSubscribe([](const v1::SubscribeRequest&, Writer& writer) {
    Started(writer, 1);
    writer.Write(v1::SubscribeResponse());
    return grpc::Status::OK;
  });
  const Subscriber subscriber(client_, FromLatest(), heard_.Callbacks());
  EXPECT_EQ(heard_.Wait(2), (std::vector<std::string>{"started testtest-1", "disconnected"}));
}

// Sends what cannot be read after `good`, as often as it is asked.
void BreakAfter(FakeEventBus& bus, int streams, const std::function<void(Writer&)>& send) {
  for (int i = 0; i < streams; ++i) {
    bus.OnSubscribe([send](const v1::SubscribeRequest&, Writer& writer) {
      v1::SubscribeResponse started;
      started.mutable_started()->set_cursor(At(1));
      started.mutable_started()->set_epoch("testtest");
      started.mutable_started()->set_head_sequence(90);
      writer.Write(started);
      send(writer);
      return grpc::Status::OK;
    });
  }
}

TEST_F(SubscriberTest, WhatCannotBeReadAgainAndAgainIsPassedWithAGap) {
  BreakAfter(bus_, 5, [](Writer& writer) { Events(writer, {7}); });
  SubscriberCallbacks callbacks = heard_.Callbacks();
  callbacks.on_batch_bytes = [](const std::shared_ptr<const std::string>&) { return absl::DataLossError("no event"); };
  v1::Start start;
  start.set_after_cursor(At(1));
  const Subscriber subscriber(client_, From(start), callbacks);
  const auto requests = bus_.WaitForSubscribes(6);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(requests.at(i).start().after_cursor(), At(1));
  }
  EXPECT_EQ(requests.at(5).start().after_cursor(), At(7));
  const std::vector<std::string> lines = heard_.Wait(11);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "gap " + At(7)), 1);
}

TEST_F(SubscriberTest, WhereNotEvenTheCursorCanBeReadItGoesOnAtTheHead) {
  BreakAfter(bus_, 5, [](Writer& writer) { writer.Write(v1::SubscribeResponse()); });
  v1::Start start;
  start.set_after_cursor(At(1));
  const Subscriber subscriber(client_, From(start), heard_.Callbacks());
  EXPECT_EQ(bus_.WaitForSubscribes(6).at(5).start().after_cursor(), At(90));
  const std::vector<std::string> lines = heard_.Wait(11);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "gap " + At(90)), 1);
}

TEST_F(SubscriberTest, WhatCannotBeReadFailsAReaderThatWantsNoGaps) {
  BreakAfter(bus_, 5, [](Writer& writer) { writer.Write(v1::SubscribeResponse()); });
  SubscriberOptions options = FromLatest();
  options.gap_policy = v1::GAP_POLICY_FAIL;
  const Subscriber subscriber(client_, options, heard_.Callbacks());
  const std::vector<std::string> lines = heard_.Wait(10);
  EXPECT_EQ(lines.back(), "failed ");
  EXPECT_EQ(bus_.subscribe_requests().size(), 5U);
}

TEST_F(SubscriberTest, WhatCanBeReadInBetweenBeginsTheCountAgain) {
  BreakAfter(bus_, 4, [](Writer& writer) { writer.Write(v1::SubscribeResponse()); });
  bus_.OnSubscribe([](const v1::SubscribeRequest&, Writer& writer) {
    Started(writer, 1);
    Events(writer, {2});
    writer.Write(v1::SubscribeResponse());
    return grpc::Status::OK;
  });
  const Subscriber subscriber(client_, FromLatest(), heard_.Callbacks());
  EXPECT_EQ(bus_.WaitForSubscribes(6).at(5).start().after_cursor(), At(2));
}

TEST_F(SubscriberTest, ABatchThatWasNotTakenComesAgain) {
  for (int i = 0; i < 2; ++i) {
    bus_.OnSubscribe([this](const v1::SubscribeRequest&, Writer& writer) {
      Started(writer, 1);
      Events(writer, {2});
      bus_.Hang();
      return grpc::Status::OK;
    });
  }
  SubscriberCallbacks callbacks = heard_.Callbacks();
  int batches = 0;
  callbacks.on_batch_bytes = [this, &batches](const std::shared_ptr<const std::string>&) -> absl::Status {
    heard_.Add("batch");
    return ++batches == 1 ? absl::UnavailableError("no room") : absl::OkStatus();
  };
  const Subscriber subscriber(client_, FromLatest(), callbacks);
  EXPECT_EQ(heard_.Wait(5),
            (std::vector<std::string>{"started " + At(1), "batch", "disconnected", "started " + At(1), "batch"}));
  EXPECT_EQ(bus_.subscribe_requests().at(1).start().after_cursor(), At(1));
}

TEST_F(SubscriberTest, ASchemaThatCouldNotBeHadIsToldAgain) {
  for (int i = 0; i < 2; ++i) {
    bus_.OnSubscribe([this](const v1::SubscribeRequest&, Writer& writer) {
      Started(writer, 1, "s1");
      bus_.Hang();
      return grpc::Status::OK;
    });
  }
  SubscriberCallbacks callbacks = heard_.Callbacks();
  int told = 0;
  callbacks.on_schema = [this, &told](const std::string& version) -> absl::Status {
    heard_.Add("schema " + version);
    return ++told == 1 ? absl::UnavailableError("not yet") : absl::OkStatus();
  };
  const Subscriber subscriber(client_, FromLatest(), callbacks);
  EXPECT_EQ(heard_.Wait(4), (std::vector<std::string>{"schema s1", "disconnected", "schema s1", "started " + At(1)}));
}

TEST_F(SubscriberTest, ARefusalForGoodIsTriedAgainWhenTheReaderWantsIt) {
  bus_.OnSubscribe(
      [](const v1::SubscribeRequest&, Writer&) { return FakeError(grpc::StatusCode::DATA_LOSS, "LOG_DAMAGED"); });
  bus_.OnSubscribe([this](const v1::SubscribeRequest&, Writer& writer) {
    Started(writer, 4);
    bus_.Hang();
    return grpc::Status::OK;
  });
  SubscriberOptions options = FromLatest();
  options.refused_retry = absl::Milliseconds(30);
  const Subscriber subscriber(client_, options, heard_.Callbacks());
  EXPECT_EQ(heard_.Wait(2), (std::vector<std::string>{"failed LOG_DAMAGED", "started " + At(4)}));
}

// Streams that start and end at once are no success: the waits grow, and each is a random part of its bound.
TEST_F(SubscriberTest, WaitsWithFullJitterAndLongerEachTime) {
  constexpr int kStreams = 8;
  for (int i = 0; i < kStreams; ++i) {
    bus_.OnSubscribe([](const v1::SubscribeRequest&, Writer& writer) {
      Started(writer, 3);
      return FakeError(grpc::StatusCode::UNAVAILABLE, "DRAINING");
    });
  }
  SubscriberCallbacks callbacks = heard_.Callbacks();
  std::vector<absl::Duration> waits;
  callbacks.on_disconnected = [this, &waits](const absl::Status&, absl::Duration retry_in) {
    waits.push_back(retry_in);
    heard_.Add("disconnected");
  };
  double random = 0;
  Client client({.server = bus_.address(),
                 .backoff_min = absl::Milliseconds(1),
                 .backoff_max = absl::Milliseconds(40),
                 .random = [&random] { return random = random == 0.25 ? 0.75 : 0.25; }});
  {
    const Subscriber subscriber(client, FromLatest(), callbacks);
    heard_.Wait(2 * kStreams);
  }
  absl::Duration bound = absl::Milliseconds(1);
  for (size_t i = 0; i < kStreams; ++i) {
    EXPECT_EQ(waits.at(i), bound * (i % 2 == 0 ? 0.25 : 0.75)) << i;
    bound = std::min(bound * 2, absl::Milliseconds(40));
  }
}

TEST_F(SubscriberTest, EndsWhileItWaitsForTheNextTry) {
  Client nobody({.server = "127.0.0.1:1", .backoff_min = absl::Hours(1), .backoff_max = absl::Hours(1)});
  const Subscriber subscriber(nobody, FromLatest(), heard_.Callbacks());
  EXPECT_EQ(heard_.Wait(1), std::vector<std::string>{"disconnected"});
}

TEST_F(SubscriberTest, EndsWhileAStreamIsSilent) {
  const Subscriber subscriber(client_, FromLatest(), heard_.Callbacks());
  bus_.WaitForSubscribes(1);
}

}  // namespace
}  // namespace weir
