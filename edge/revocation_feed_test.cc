#include "edge/revocation_feed.h"

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "clients/cpp/fake_event_bus.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

std::string CursorAt(uint64_t sequence) { return "aaaaaaaa-" + std::to_string(sequence); }

v1::Event EventOf(uint64_t sequence, const google::protobuf::Message& payload) {
  v1::Event event;
  event.set_sequence(sequence);
  event.set_cursor(CursorAt(sequence));
  event.set_topic("weir.revocations");
  event.mutable_payload()->PackFrom(payload);
  return event;
}

v1::TokenRevocation Subject(const std::string& subject) {
  v1::TokenRevocation revocation;
  revocation.set_subject(subject);
  revocation.mutable_issued_until()->set_seconds(absl::ToUnixSeconds(absl::Now()));
  revocation.mutable_expire_time()->set_seconds(absl::ToUnixSeconds(absl::Now() + absl::Hours(1)));
  return revocation;
}

v1::SubscribeResponse Started() {
  v1::SubscribeResponse response;
  response.mutable_started()->set_cursor(CursorAt(0));
  response.mutable_started()->set_epoch("aaaaaaaa");
  return response;
}

v1::SubscribeResponse BatchOf(const std::vector<v1::Event>& events) {
  v1::SubscribeResponse response;
  response.mutable_batch()->mutable_events()->Assign(events.begin(), events.end());
  return response;
}

v1::SubscribeResponse CaughtUp(uint64_t sequence) {
  v1::SubscribeResponse response;
  response.mutable_progress()->set_cursor(CursorAt(sequence));
  response.mutable_progress()->set_caught_up(true);
  return response;
}

class RevocationFeedTest : public ::testing::Test {
 protected:
  FakeEventBus::SubscribeScript Sends(std::vector<v1::SubscribeResponse> responses, bool hangs = true) {
    return [this, responses = std::move(responses), hangs](const v1::SubscribeRequest&, auto& writer) {
      for (const v1::SubscribeResponse& response : responses) {
        writer.Write(response);
      }
      if (hangs) {
        bus_.Hang();
      }
      return FakeError(grpc::StatusCode::UNAVAILABLE, "DRAINING");
    };
  }

  static bool Until(const std::function<bool()>& done) {
    for (const absl::Time deadline = absl::Now() + kPatience; absl::Now() < deadline;) {
      if (done()) {
        return true;
      }
      absl::SleepFor(absl::Milliseconds(2));
    }
    return false;
  }

  TokenMarks MarksOfSubject(const std::string& subject) const {
    JwtClaims claims;
    claims.subject = subject;
    claims.claims = {{"sub", subject}};
    return MarksOf(claims);
  }
  absl::StatusCode Judge(const std::string& subject) const {
    return revocations_.Judge(MarksOfSubject(subject), absl::Now()).code();
  }

  FakeEventBus bus_;
  Client client_{{.server = bus_.address(), .backoff_max = absl::Milliseconds(20)}};
  Revocations revocations_{"weir_edge"};
  std::atomic<int> told_ = 0;
  const RevocationFeed::OnRevoked on_revoked_ = [this](const RevocationTable& revoked) {
    told_ += revoked.Revokes(MarksOfSubject("ann"), absl::Now()) ? 1 : 0;
  };
};

TEST_F(RevocationFeedTest, ReadsFromTheEarliestEventAndThenLive) {
  bus_.OnSubscribe(Sends({Started(), BatchOf({EventOf(3, Subject("ann"))}), CaughtUp(5)}));
  RevocationFeed feed(client_, revocations_, on_revoked_);
  feed.AwaitAnswer(kPatience);
  EXPECT_EQ(Judge("ann"), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Judge("bob"), absl::StatusCode::kOk);
  EXPECT_EQ(told_, 1);
  const v1::SubscribeRequest request = bus_.WaitForSubscribes(1)[0];
  EXPECT_TRUE(request.start().has_earliest());
  EXPECT_EQ(request.filters(0), "weir.revocations");
}

TEST_F(RevocationFeedTest, GoesOnWhereItWasAndStaysReady) {
  bus_.OnSubscribe(Sends({Started(), BatchOf({EventOf(3, Subject("ann"))}), CaughtUp(5)}, /*hangs=*/false));
  bus_.OnSubscribe(Sends({Started(), BatchOf({EventOf(6, Subject("bob"))})}));
  RevocationFeed feed(client_, revocations_, on_revoked_);
  EXPECT_TRUE(Until([&] { return Judge("bob") == absl::StatusCode::kUnauthenticated; }));
  EXPECT_EQ(Judge("cyd"), absl::StatusCode::kOk);
  EXPECT_EQ(bus_.WaitForSubscribes(2)[1].start().after_cursor(), CursorAt(5));
}

TEST_F(RevocationFeedTest, WhatItHasNoRoomForComesAgain) {
  revocations_.SetMax(1);
  const auto both = BatchOf({EventOf(3, Subject("ann")), EventOf(4, Subject("bob"))});
  bus_.OnSubscribe(Sends({Started(), both, CaughtUp(5)}));
  bus_.OnSubscribe([&](const v1::SubscribeRequest&, auto& writer) {
    EXPECT_EQ(Judge("cyd"), absl::StatusCode::kUnavailable) << "no token is taken meanwhile";
    revocations_.SetMax(2);
    writer.Write(Started());
    writer.Write(both);
    writer.Write(CaughtUp(5));
    bus_.Hang();
    return grpc::Status::OK;
  });
  RevocationFeed feed(client_, revocations_, on_revoked_);
  EXPECT_TRUE(Until([&] { return Judge("cyd") == absl::StatusCode::kOk; }));
  EXPECT_EQ(Judge("ann"), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Judge("bob"), absl::StatusCode::kUnauthenticated);
}

TEST_F(RevocationFeedTest, WhatIsBehindThatIsReadBeforeATokenIsTaken) {
  revocations_.SetMax(1);
  bus_.OnSubscribe(Sends({Started(), BatchOf({EventOf(3, Subject("ann"))}), CaughtUp(3),
                          BatchOf({EventOf(4, Subject("bob"))}), BatchOf({EventOf(5, Subject("cyd"))})}));
  bus_.OnSubscribe([&](const v1::SubscribeRequest& request, auto& writer) {
    EXPECT_EQ(request.start().after_cursor(), CursorAt(3));
    revocations_.SetMax(3);
    writer.Write(Started());
    writer.Write(BatchOf({EventOf(4, Subject("bob"))}));
    EXPECT_TRUE(Until([&] { return Judge("bob") == absl::StatusCode::kUnauthenticated; }));
    EXPECT_EQ(Judge("cyd"), absl::StatusCode::kUnavailable);
    writer.Write(BatchOf({EventOf(5, Subject("cyd"))}));
    writer.Write(CaughtUp(5));
    bus_.Hang();
    return grpc::Status::OK;
  });
  RevocationFeed feed(client_, revocations_, on_revoked_);
  bus_.WaitForSubscribes(2);
  EXPECT_TRUE(Until([&] { return Judge("dan") == absl::StatusCode::kOk; }));
  EXPECT_EQ(Judge("cyd"), absl::StatusCode::kUnauthenticated);
}

TEST_F(RevocationFeedTest, AMalformedOneIsCountedAndPassedOver) {
  v1::Event rubbish = EventOf(3, Subject("ann"));
  rubbish.mutable_payload()->set_value("\xFF\xFF");
  v1::TokenRevocation empty;
  bus_.OnSubscribe(
      Sends({Started(), BatchOf({rubbish, EventOf(4, empty), EventOf(5, v1::Event()), EventOf(6, Subject("bob"))}),
             CaughtUp(6)}));
  RevocationFeed feed(client_, revocations_, on_revoked_);
  feed.AwaitAnswer(kPatience);
  EXPECT_EQ(Judge("bob"), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Judge("cyd"), absl::StatusCode::kOk);
  for (const prometheus::MetricFamily& family : revocations_.Collect()) {
    for (const prometheus::ClientMetric& metric : family.metric) {
      if (!metric.label.empty() && metric.label[0].value == "malformed") {
        EXPECT_EQ(metric.counter.value, 3);
      }
    }
  }
}

TEST_F(RevocationFeedTest, AServerThatRefusesLeavesItUnready) {
  bus_.OnSubscribe([](const v1::SubscribeRequest&, auto&) {
    return FakeError(grpc::StatusCode::PERMISSION_DENIED, "SUBSCRIBE_DENIED");
  });
  RevocationFeed feed(client_, revocations_, on_revoked_);
  feed.AwaitAnswer(kPatience);
  EXPECT_EQ(Judge("ann"), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace weir::edge
