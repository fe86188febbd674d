#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "clients/cpp/fake_event_bus.h"
#include "google/protobuf/wrappers.pb.h"
#include "weir/client.h"

namespace weir {
namespace {

using PublisherStream = FakeEventBus::PublisherStream;
using Texts = std::vector<std::string>;

absl::Time Soon() { return absl::Now() + absl::Seconds(20); }

v1::Event EventWithId(const std::string& id) {
  v1::Event event;
  event.set_topic("a.b");
  event.set_id(id);
  return event;
}

// The server's side of one stream: what came, and answers to it.
class Session {
 public:
  explicit Session(PublisherStream& stream) : stream_(stream) {}

  // Reads until `count` events have come; false when the stream ended before.
  bool Read(size_t count) {
    v1::PublishStreamRequest request;
    while (ids_.size() < count) {
      if (!stream_.Read(&request)) {
        return false;
      }
      for (const v1::Event& event : request.events()) {
        ids_.push_back(event.id());
      }
    }
    return true;
  }

  // Acknowledges the next `count` events in one message.
  void Acknowledge(size_t count) {
    v1::PublishStreamResponse response;
    response.set_first_index(answered_);
    for (size_t i = 0; i < count; ++i) {
      response.add_results()->mutable_ack()->set_id(ids_.at(answered_++));
    }
    stream_.Write(response);
  }

  // Refuses the next event for good.
  void Refuse(const std::string& reason) {
    const grpc::Status error = FakeError(grpc::StatusCode::INVALID_ARGUMENT, reason);
    v1::PublishStreamResponse response;
    response.set_first_index(answered_++);
    response.add_results()->mutable_error()->ParseFromString(error.error_details());
    stream_.Write(response);
  }

  // Acknowledges whatever comes, to the end of the stream.
  grpc::Status Serve() {
    while (Read(ids_.size() + 1)) {
      Acknowledge(ids_.size() - answered_);
    }
    return grpc::Status::OK;
  }

  const Texts& ids() const { return ids_; }

 private:
  PublisherStream& stream_;
  Texts ids_;
  size_t answered_ = 0;
};

class PublisherTest : public testing::Test {
 protected:
  // Publishes events with these ids; their outcomes come as lines `id ok` or `id CODE REASON`.
  void Publish(Publisher& publisher, const Texts& ids) {
    for (const std::string& id : ids) {
      publisher.Publish(EventWithId(id), Note(id));
    }
  }

  Publisher::Done Note(const std::string& id) {
    return [this, id](const PublishOutcome& outcome) {
      std::string line = id + " ok";
      if (!outcome.status.ok()) {
        line = id + " " + absl::StatusCodeToString(outcome.status.code()) + " " + ErrorReason(outcome.status);
      } else if (outcome.ack.id() != id) {
        line = id + " was answered as " + outcome.ack.id();
      }
      const std::lock_guard<std::mutex> lock(mutex_);
      outcomes_.push_back(line);
      changed_.notify_all();
    };
  }

  Texts Outcomes(size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [this, count] { return outcomes_.size() >= count; });
    return outcomes_;
  }

  void ServeAll() {
    bus_.OnPublishStream([](PublisherStream& stream) { return Session(stream).Serve(); });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  Texts outcomes_;
  FakeEventBus bus_;
  Client client_{{.server = bus_.address(), .backoff_min = absl::Milliseconds(1)}};
};

TEST_F(PublisherTest, EachEventIsAnsweredOnceInOrder) {
  ServeAll();
  Publisher publisher(client_);
  Texts expected;
  for (int i = 0; i < 5000; ++i) {
    const std::string id = "e" + std::to_string(i);
    Publish(publisher, {id});
    expected.push_back(id + " ok");
  }
  EXPECT_TRUE(publisher.Flush(Soon()).ok());
  EXPECT_EQ(Outcomes(5000), expected);
  EXPECT_EQ(publisher.pending(), 0U);
}

TEST_F(PublisherTest, PacksATypedMessage) {
  v1::Event seen;
  bus_.OnPublishStream([&seen](PublisherStream& stream) {
    v1::PublishStreamRequest request;
    stream.Read(&request);
    seen = request.events(0);
    v1::PublishStreamResponse response;
    response.add_results()->mutable_ack()->set_sequence(1);
    stream.Write(response);
    return grpc::Status::OK;
  });
  Publisher publisher(client_);
  google::protobuf::StringValue payload;
  payload.set_value("hello");
  publisher.Publish({.topic = "a.b", .payload = payload});
  EXPECT_TRUE(publisher.Flush(Soon()).ok());
  google::protobuf::StringValue unpacked;
  ASSERT_TRUE(seen.payload().UnpackTo(&unpacked));
  EXPECT_EQ(unpacked.value(), "hello");
  EXPECT_EQ(seen.id().size(), 36U);
}

TEST_F(PublisherTest, SendsAgainFromTheFirstUnansweredWithTheSameIds) {
  bus_.OnPublishStream([](PublisherStream& stream) {
    Session session(stream);
    session.Read(4);
    session.Acknowledge(1);
    return FakeError(grpc::StatusCode::UNAVAILABLE, "DRAINING");
  });
  Texts second;
  bus_.OnPublishStream([&second](PublisherStream& stream) {
    Session session(stream);
    session.Read(3);
    second = session.ids();
    session.Acknowledge(3);
    return session.Serve();
  });
  Publisher publisher(client_);
  Publish(publisher, {"a", "b", "c", "d"});
  EXPECT_TRUE(publisher.Flush(Soon()).ok());
  EXPECT_EQ(second, (Texts{"b", "c", "d"}));
  EXPECT_EQ(Outcomes(4), (Texts{"a ok", "b ok", "c ok", "d ok"}));
}

TEST_F(PublisherTest, EventsTakenDuringAnOutageFollowInOrder) {
  std::mutex mutex;
  std::condition_variable lost_changed;
  bool lost = false;
  Publisher publisher(client_, {.on_disconnected = [&](const absl::Status& status, absl::Duration) {
                        EXPECT_EQ(ErrorReason(status), "LOG_POISONED");
                        const std::lock_guard<std::mutex> lock(mutex);
                        lost = true;
                        lost_changed.notify_all();
                      }});
  bus_.OnPublishStream([](PublisherStream& stream) {
    Session(stream).Read(1);
    return FakeError(grpc::StatusCode::UNAVAILABLE, "LOG_POISONED");
  });
  ServeAll();
  Publish(publisher, {"a"});
  {
    std::unique_lock<std::mutex> lock(mutex);
    lost_changed.wait(lock, [&lost] { return lost; });
  }
  Publish(publisher, {"b", "c"});
  EXPECT_TRUE(publisher.Flush(Soon()).ok());
  EXPECT_EQ(Outcomes(3), (Texts{"a ok", "b ok", "c ok"}));
}

TEST_F(PublisherTest, ARefusedEventDoesNotHoldUpTheOthers) {
  bus_.OnPublishStream([](PublisherStream& stream) {
    Session session(stream);
    session.Read(3);
    session.Acknowledge(1);
    session.Refuse("TYPE_UNKNOWN");
    session.Acknowledge(1);
    return session.Serve();
  });
  Publisher publisher(client_);
  Publish(publisher, {"a", "b", "c"});
  EXPECT_EQ(Outcomes(3), (Texts{"a ok", "b INVALID_ARGUMENT TYPE_UNKNOWN", "c ok"}));
}

TEST_F(PublisherTest, APermanentRefusalOfTheStreamFailsWhatWasSentOnIt) {
  bus_.OnPublishStream([](PublisherStream& stream) {
    Session session(stream);
    session.Read(2);
    session.Acknowledge(1);
    return FakeError(grpc::StatusCode::INVALID_ARGUMENT, "BATCH_TOO_LARGE");
  });
  ServeAll();
  Publisher publisher(client_);
  Publish(publisher, {"a", "b"});
  EXPECT_EQ(Outcomes(2), (Texts{"a ok", "b INVALID_ARGUMENT BATCH_TOO_LARGE"}));
  Publish(publisher, {"c"});
  EXPECT_EQ(Outcomes(3).at(2), "c ok");
}

TEST_F(PublisherTest, IsNotBackBeforeTheServerAsksForItNorAllAtOnce) {
  for (const int64_t asked : {30, 3'600, -5}) {
    bus_.OnPublishStream([asked](PublisherStream&) {
      return FakeError(grpc::StatusCode::RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS", "refused", asked);
    });
    absl::Notification disconnected;
    absl::Duration wait;
    PublisherOptions options;
    options.on_disconnected = [&](const absl::Status&, absl::Duration retry_in) {
      wait = retry_in;
      disconnected.Notify();
    };
    Publisher publisher(client_, options);
    Publish(publisher, {"1"});
    disconnected.WaitForNotification();
    const absl::Duration least = asked < 0 ? absl::ZeroDuration() : std::min(absl::Seconds(asked), absl::Minutes(1));
    EXPECT_GE(wait, least) << asked;
    EXPECT_LE(wait, least + ClientOptions().backoff_max) << asked;
  }
}

TEST_F(PublisherTest, AServerWithoutTheServiceFailsEvents) {
  bus_.OnPublishStream([](PublisherStream&) { return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, ""); });
  Publisher publisher(client_);
  Publish(publisher, {"a"});
  EXPECT_EQ(Outcomes(1), Texts{"a UNIMPLEMENTED "});
}

TEST_F(PublisherTest, AnswersThatDoNotFitFailWhatWasSent) {
  bus_.OnPublishStream([](PublisherStream& stream) {
    Session session(stream);
    session.Read(1);
    v1::PublishStreamResponse response;
    response.set_first_index(1);
    response.add_results()->mutable_ack();
    stream.Write(response);
    return session.Serve();
  });
  bus_.OnPublishStream([](PublisherStream& stream) {
    Session session(stream);
    session.Read(1);
    v1::PublishStreamResponse response;
    response.add_results()->mutable_ack();
    response.add_results()->mutable_ack();
    stream.Write(response);
    return session.Serve();
  });
  Publisher publisher(client_);
  Publish(publisher, {"a"});
  EXPECT_EQ(Outcomes(1).at(0), "a DATA_LOSS ");
  Publish(publisher, {"b"});
  EXPECT_EQ(Outcomes(2).at(1), "b DATA_LOSS ");
}

TEST_F(PublisherTest, AnIdleStreamThatEndsIsOpenedForTheNextEvent) {
  bus_.OnPublishStream([](PublisherStream& stream) {
    Session session(stream);
    session.Read(1);
    session.Acknowledge(1);
    return grpc::Status::OK;
  });
  ServeAll();
  Publisher publisher(client_);
  Publish(publisher, {"a"});
  EXPECT_EQ(Outcomes(1), Texts{"a ok"});
  Publish(publisher, {"b"});
  EXPECT_EQ(Outcomes(2), (Texts{"a ok", "b ok"}));
}

TEST_F(PublisherTest, AnEventThatIsTooLargeIsRefusedInItsTurn) {
  ServeAll();
  Publisher publisher(client_);
  v1::Event large = EventWithId("large");
  large.mutable_payload()->set_value(std::string(3 * 1024 * 1024, 'x'));
  publisher.Publish(large, Note("first"));
  Publish(publisher, {"a"});
  publisher.Publish(large, Note("second"));
  Publish(publisher, {"b"});
  EXPECT_EQ(Outcomes(4), (Texts{"first INVALID_ARGUMENT EVENT_TOO_LARGE", "a ok",
                                "second INVALID_ARGUMENT EVENT_TOO_LARGE", "b ok"}));
  EXPECT_EQ(ErrorReason(publisher.TryPublish(large, Note("third"))), "EVENT_TOO_LARGE");
}

// A stream may end while the callback of an event that was refused here still runs, on the thread that published it.
TEST_F(PublisherTest, AStreamThatEndsDuringARefusalLosesNothing) {
  absl::Notification end;
  absl::Notification opened;
  bus_.OnPublishStream([&end](PublisherStream& stream) {
    Session session(stream);
    session.Read(1);
    session.Acknowledge(1);
    end.WaitForNotification();
    return FakeError(grpc::StatusCode::UNAVAILABLE, "DRAINING");
  });
  bus_.OnPublishStream([&opened](PublisherStream& stream) {
    opened.Notify();
    v1::PublishStreamRequest request;
    stream.Read(&request);
    if (request.events().empty()) {
      return FakeError(grpc::StatusCode::INVALID_ARGUMENT, "FIELD_INVALID");
    }
    v1::PublishStreamResponse response;
    response.add_results()->mutable_ack()->set_id(request.events(0).id());
    stream.Write(response);
    return grpc::Status::OK;
  });
  absl::Notification disconnected;
  Publisher publisher(client_,
                      {.on_disconnected = [&](const absl::Status&, absl::Duration) { disconnected.Notify(); }});
  Publish(publisher, {"a"});
  EXPECT_EQ(Outcomes(1), Texts{"a ok"});
  ASSERT_TRUE(publisher.Flush(Soon()).ok());  // or the stream's thread would refuse the large one, behind the first
  v1::Event large = EventWithId("large");
  large.mutable_payload()->set_value(std::string(3 * 1024 * 1024, 'x'));
  publisher.Publish(large, [&](const PublishOutcome& outcome) {
    EXPECT_EQ(ErrorReason(outcome.status), "EVENT_TOO_LARGE");
    EXPECT_TRUE(publisher.TryPublish(EventWithId("b"), Note("b")).ok());
    end.Notify();
    disconnected.WaitForNotification();
    EXPECT_FALSE(opened.WaitForNotificationWithTimeout(absl::Milliseconds(100))) << "there is nothing to send yet";
  });
  EXPECT_EQ(Outcomes(2), (Texts{"a ok", "b ok"}));
}

// The server judges a message of more than 3 MiB as a whole, and with it what was sent behind.
TEST_F(PublisherTest, AnEventThatFillsItsMessageButForTheTagIsTooLarge) {
  constexpr size_t kMessageBytesMax = 3 * 1024 * 1024;
  Publisher publisher(client_);
  v1::Event event = EventWithId("a");
  event.mutable_payload()->set_value(std::string(kMessageBytesMax, 'x'));
  event.mutable_payload()->mutable_value()->resize(2 * kMessageBytesMax - event.ByteSizeLong());
  v1::PublishStreamRequest request;
  *request.add_events() = event;
  ASSERT_EQ(event.ByteSizeLong(), kMessageBytesMax);
  ASSERT_GT(request.ByteSizeLong(), kMessageBytesMax);
  EXPECT_EQ(ErrorReason(publisher.TryPublish(event, Note("a"))), "EVENT_TOO_LARGE");
}

TEST_F(PublisherTest, TryPublishRefusesWhatIsTooMuch) {
  Publisher publisher(client_, {.pending_events_max = 2});
  EXPECT_TRUE(publisher.TryPublish(EventWithId("a"), Note("a")).ok());
  EXPECT_TRUE(publisher.TryPublish(EventWithId("b"), Note("b")).ok());
  EXPECT_EQ(publisher.TryPublish(EventWithId("c"), Note("c")).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(publisher.pending(), 2U);
}

TEST_F(PublisherTest, PublishWaitsForRoom) {
  ServeAll();
  Publisher publisher(client_, {.pending_events_max = 1});
  Publish(publisher, {"a", "b", "c"});
  EXPECT_EQ(Outcomes(3), (Texts{"a ok", "b ok", "c ok"}));
}

TEST_F(PublisherTest, TryPublishMayBeCalledFromACallback) {
  ServeAll();
  Publisher publisher(client_);
  publisher.Publish(EventWithId("a"), [this, &publisher](const PublishOutcome&) {
    EXPECT_TRUE(publisher.TryPublish(EventWithId("b"), Note("b")).ok());
  });
  EXPECT_EQ(Outcomes(1), Texts{"b ok"});
}

TEST_F(PublisherTest, FlushSaysWhenAnswersDoNotCome) {
  Publisher publisher(client_);
  Publish(publisher, {"a"});
  EXPECT_EQ(publisher.Flush(absl::Now()).code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(PublisherTest, DestructionAbortsWhatIsUnanswered) {
  {
    Publisher publisher(client_);
    Publish(publisher, {"a", "b"});
  }
  EXPECT_EQ(Outcomes(2), (Texts{"a ABORTED ", "b ABORTED "}));
}

TEST_F(PublisherTest, DestructionEndsTheWaitForAServer) {
  Client nobody({.server = "127.0.0.1:1", .backoff_min = absl::Hours(1), .backoff_max = absl::Hours(1)});
  {
    Publisher publisher(nobody);
    Publish(publisher, {"a"});
  }
  EXPECT_EQ(Outcomes(1), Texts{"a ABORTED "});
}

TEST_F(PublisherTest, ManyThreadsPublishAtOnce) {
  ServeAll();
  Publisher publisher(client_);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, &publisher, t] {
      for (int i = 0; i < 500; ++i) {
        Publish(publisher, {std::to_string(t) + "-" + std::to_string(i)});
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_TRUE(publisher.Flush(Soon()).ok());
  EXPECT_EQ(Outcomes(2000).size(), 2000U);
}

// Breaks every stream after a few answers: whatever the moments, each event is answered once and in order.
TEST_F(PublisherTest, StreamsThatBreakAgainAndAgainLoseNothing) {
  Texts stored;
  for (size_t stream_number = 0; stream_number < 40; ++stream_number) {
    bus_.OnPublishStream([stream_number, &stored](PublisherStream& stream) {
      Session session(stream);
      for (size_t i = 0; i < stream_number % 7 && session.Read(i + 1); ++i) {
        if (stored.empty() || std::find(stored.begin(), stored.end(), session.ids()[i]) == stored.end()) {
          stored.push_back(session.ids()[i]);
        }
        if (i % 3 != 2) {
          session.Acknowledge(1);
        } else {
          break;
        }
      }
      return FakeError(grpc::StatusCode::UNAVAILABLE, "DRAINING");
    });
  }
  ServeAll();
  Publisher publisher(client_, {.batch_events_max = 4});
  Texts expected;
  for (int i = 0; i < 300; ++i) {
    const std::string id = std::to_string(i);
    Publish(publisher, {id});
    expected.push_back(id + " ok");
  }
  EXPECT_TRUE(publisher.Flush(Soon()).ok());
  EXPECT_EQ(Outcomes(300), expected);
  for (size_t i = 0; i < stored.size(); ++i) {
    EXPECT_EQ(stored[i], std::to_string(i));
  }
}

}  // namespace
}  // namespace weir
