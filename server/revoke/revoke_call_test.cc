#include "server/revoke/revoke_call.h"

#include <gtest/gtest.h>

#include <future>
#include <string>

#include "base/clock.h"
#include "base/token_revocation.h"
#include "server/server_testing.h"
#include "weir/v1/maintenance.grpc.pb.h"

namespace weir::server {
namespace {

class RevokeTest : public ServerTest {
 protected:
  void SetUp() override { StartWith({}); }
  void StartWith(ServerOptions options) {
    options.clock = clock_.clock();
    Start(std::move(options));
    maintenance_ = v1::Maintenance::NewStub(channel_);
  }
  v1::RevokeTokensResponse Revoke(const v1::RevokeTokensRequest& request) {
    grpc::ClientContext call;
    v1::RevokeTokensResponse response;
    status_ = maintenance_->RevokeTokens(&call, request, &response);
    return response;
  }
  v1::RevokeTokensResponse RevokeSubject(const std::string& subject) {
    v1::RevokeTokensRequest request;
    request.set_subject(subject);
    return Revoke(request);
  }
  v1::ListEventsResponse Stored() {
    v1::ListEventsRequest request;
    request.add_filters(std::string(kRevocationsTopic));
    grpc::ClientContext call;
    v1::ListEventsResponse page;
    EXPECT_TRUE(stub_->ListEvents(&call, request, &page).ok());
    return page;
  }

  // Years behind this machine's.
  SimulatedClock clock_{absl::FromUnixSeconds(1'000'000'000) + absl::Milliseconds(900)};
  std::unique_ptr<v1::Maintenance::Stub> maintenance_;
};

TEST_F(RevokeTest, WritesTheServersTimeAndSaysSo) {
  const v1::RevokeTokensResponse response = RevokeSubject("ann");
  ASSERT_TRUE(status_.ok()) << status_.error_message();
  EXPECT_EQ(response.revocation().issued_until().seconds(), 1'000'000'000);
  EXPECT_EQ(ExpiryOf(response.revocation()), clock_.Now() + absl::Hours(744));
  const v1::ListEventsResponse stored = Stored();
  ASSERT_EQ(stored.events_size(), 1);
  v1::TokenRevocation revocation;
  ASSERT_TRUE(stored.events(0).payload().UnpackTo(&revocation));
  EXPECT_EQ(revocation.SerializeAsString(), response.revocation().SerializeAsString());
  EXPECT_EQ(response.ack().sequence(), 1);
  EXPECT_EQ(response.ack().cursor(), CursorAt(1));
  EXPECT_EQ(response.ack().id(), stored.events(0).id());

  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(RevokeSubject("ann").revocation().issued_until().seconds(), 1'000'003'600);
}

TEST_F(RevokeTest, AMomentIsJudgedByTheServersClock) {
  v1::RevokeTokensRequest request;
  request.set_subject("ann");
  request.mutable_issued_until()->set_seconds(absl::ToUnixSeconds(absl::Now()));
  Revoke(request);
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(MetadataOf(Details(status_), "field"), "issued_until");
  request.mutable_issued_until()->set_seconds(1'000'000'300);
  EXPECT_EQ(Revoke(request).revocation().issued_until().seconds(), 1'000'000'300);
}

TEST_F(RevokeTest, AnswersWhenItIsDurable) {
  log_->CloseGate();
  auto answer = std::async(std::launch::async, [this] { return RevokeSubject("ann"); });
  log_->AwaitAppendAtGate();
  EXPECT_EQ(answer.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  EXPECT_EQ(Stored().events_size(), 0);
  log_->OpenGate();
  EXPECT_EQ(answer.get().ack().sequence(), 1);
}

TEST_F(RevokeTest, WhatCannotBeStoredIsRefused) {
  log_->FailNextAppend(absl::ResourceExhaustedError("full"));
  RevokeSubject("ann");
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(Details(status_)), "STORAGE_FULL");
  StartWith({.event_bytes_max = 100});
  RevokeSubject(std::string(100, 'a'));
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(Details(status_)), "EVENT_TOO_LARGE");
  EXPECT_EQ(Stored().events_size(), 0);
}

TEST_F(RevokeTest, ABadRequestIsToldWhatIsWrong) {
  Revoke({});
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(Details(status_)), "FIELD_INVALID");
  EXPECT_EQ(MetadataOf(Details(status_), "field"), "tokens");
  const grpc::Status not_text = RawCall(*channel_, "/weir.v1.Maintenance/RevokeTokens", "\x12\x02\xc3\x28");
  EXPECT_EQ(not_text.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(Details(not_text)), "FIELD_INVALID");
  EXPECT_EQ(Stored().events_size(), 0);
}

}  // namespace
}  // namespace weir::server
