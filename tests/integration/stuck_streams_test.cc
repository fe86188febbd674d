// Streams over gRPC whose clients take nothing: when their tokens are over or revoked, or the rules change, their
// places are free all the same.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "apps/dispatch/v1/dispatch.pb.h"
#include "tests/integration/grpc_callers.h"
#include "weir/v1/event_bus.grpc.pb.h"
#include "weir/v1/maintenance.grpc.pb.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class StuckStreamsTest : public GrpcCallers {
 protected:
  // Many times the second within which a stream is told and the five that it then has: without these it stays for good.
  static constexpr absl::Duration kEnds = kPatience;
  StuckStreamsTest() {
    StartServer(Config());
    // The client lets the server send five bytes of each call, the least that it can be told to.
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 5);
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    channel_ = grpc::CreateCustomChannel(system_.grpc_address(), grpc::InsecureChannelCredentials(), arguments);
  }

  static std::string Config() {
    return absl::StrCat("limits: {subscriptions_max: 1, publish_streams_max: 1}\n", kRules,
                        "  - who: [\"sub:warden\"]\n    revoke: true\n  - who: [\"sub:copier\"]\n    backup: true\n");
  }
  double Metric(const std::string& name) const { return System::Metric(system_.server_admin_port(), name); }
  double Refused(const std::string& limit) const {
    return Metric("weir_grpc_calls_refused_total{limit=\"" + limit + "\"}");
  }
  void Show(const std::string& token) { context_.AddMetadata("authorization", "Bearer " + token); }

  static v1::PublishStreamRequest Flashes(int count, size_t bytes) {
    v1::PublishStreamRequest request;
    for (int i = 0; i < count; ++i) {
      v1::Event& event = *request.add_events();
      event.set_topic(kTopic);
      apps::dispatch::v1::FlashMessage flash;
      flash.set_text(std::string(bytes, 'x'));
      event.mutable_payload()->PackFrom(flash);
    }
    return request;
  }
  // So much that one message of a reader is more than gRPC holds back for it: its write does not end.
  void Fill() {
    Client client({.server = system_.grpc_address(), .token = [this] { return system_.Token("feed"); }});
    Publisher publisher(client);
    for (int i = 0; i < 40; ++i) {
      apps::dispatch::v1::FlashMessage flash;
      flash.set_text(std::string(10'000, 'x'));
      publisher.Publish({.topic = kTopic, .payload = flash});
    }
    ASSERT_TRUE(publisher.Flush(absl::Now() + kPatience).ok());
  }
  // Begins a subscription of which nothing is read.
  void Subscribe(const std::string& token) {
    Show(token);
    v1::SubscribeRequest request;
    request.add_filters(kTopic);
    request.mutable_start()->mutable_earliest();
    subscription_ = v1::EventBus::NewStub(channel_)->Subscribe(&context_, request);
    ASSERT_TRUE(WaitUntil([this] { return Metric("weir_subscriptions") == 1; }));
  }
  void Revoke(const std::string& subject) {
    Client warden({.server = system_.grpc_address(), .token = [this] { return system_.Token("warden"); }});
    v1::RevokeTokensRequest request;
    request.set_subject(subject);
    ASSERT_TRUE(warden.RevokeTokens(request, absl::Now() + kPatience).ok());
  }
  // Whether another one is let in.
  bool MaySubscribe() {
    Client client({.server = system_.grpc_address(), .token = [this] { return system_.Token("edge"); }});
    std::atomic<bool> started = false;
    SubscriberCallbacks callbacks;
    callbacks.on_started = [&started](const v1::SubscriptionStarted&) { started = true; };
    const Subscriber subscriber(client, {.filters = {kTopic}}, callbacks);
    return WaitUntil([&started] { return started.load(); });
  }
  bool SubscriptionEnds() {
    return WaitUntil([this] { return Metric("weir_subscriptions") == 0; }, kEnds) && MaySubscribe();
  }
  // What the log says of streams that were cut.
  std::string Cuts() const {
    std::istringstream log(ServerLog());
    std::string cuts;
    for (std::string line; std::getline(log, line);) {
      cuts += line.find(" is cut: ") == std::string::npos ? "" : line + "\n";
    }
    return cuts;
  }

  std::shared_ptr<grpc::Channel> channel_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::SubscribeResponse>> subscription_;
};

TEST_F(StuckStreamsTest, ASubscriptionEndsWithItsToken) {
  Fill();
  Subscribe(system_.Token("reader", {}, "10s"));
  EXPECT_TRUE(WaitUntil([this] { return Metric("weir_subscriptions") == 0; }, absl::Seconds(10) + kEnds));
  EXPECT_TRUE(MaySubscribe());
}

TEST_F(StuckStreamsTest, ASubscriptionEndsWhenItsTokenIsRevoked) {
  Fill();
  Subscribe(system_.Token("reader"));
  Revoke("reader");
  EXPECT_TRUE(SubscriptionEnds());
  EXPECT_THAT(Cuts(), MatchesRegex("[^\n]* warning subscription [^\n]* at ipv4:[^\n]*\n")) << "one line";
}

TEST_F(StuckStreamsTest, ASubscriptionThatTakesItsEndIsNotCut) {
  Subscribe(system_.Token("reader"));
  Revoke("reader");
  v1::SubscribeResponse response;
  while (subscription_->Read(&response)) {
  }
  EXPECT_EQ(subscription_->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  ASSERT_TRUE(WaitUntil([this] { return ServerLog().find(" ended\n") != std::string::npos; }));
  EXPECT_EQ(Cuts(), "");
}

// What it was sent is small enough for gRPC to hold, and so is why it ends: that, too, is never taken.
TEST_F(StuckStreamsTest, ASubscriptionThatWasToldWhyItEndsIsGone) {
  Subscribe(system_.Token("reader"));
  Revoke("reader");
  EXPECT_TRUE(SubscriptionEnds());
}

TEST_F(StuckStreamsTest, ASubscriptionEndsWhenTheRulesChange) {
  Fill();
  Subscribe(system_.Token("reader"));
  ReloadServer(absl::StrReplaceAll(Config(), {{"dispatch.>", "elsewhere.>"}}));
  EXPECT_TRUE(SubscriptionEnds());
}

TEST_F(StuckStreamsTest, APublisherThatTakesNoResultsEndsWhenItsTokenIsRevoked) {
  Show(system_.Token("feed"));
  const auto stream = v1::EventBus::NewStub(channel_)->PublishStream(&context_);
  ASSERT_TRUE(stream->Write(Flashes(100, 10)));
  ASSERT_TRUE(WaitUntil([this] { return Metric("weir_events_published_total{outcome=\"stored\"}") == 100; }));
  ASSERT_EQ(Metric("weir_publish_streams"), 1);
  Revoke("feed");
  EXPECT_TRUE(WaitUntil([this] { return Metric("weir_publish_streams") == 0; }, kEnds));
  EXPECT_THAT(Cuts(), HasSubstr("warning publish stream of ipv4:"));
}

TEST_F(StuckStreamsTest, ABackupThatIsNotTakenEndsWhenItsTokenIsRevoked) {
  Fill();
  const std::string token = system_.Token("copier");
  Show(token);
  const auto backup = v1::Maintenance::NewStub(channel_)->Backup(&context_, v1::BackupRequest());
  ASSERT_TRUE(WaitUntil([this] { return ServerLog().find("backup for") != std::string::npos; }));
  auto copy = [&, name = 0](const std::string& as) mutable {
    WriteFile(File("copier.jwt"), as);
    return system_.Weir({"backup", File(absl::StrCat("copy", ++name)), "--token-file", File("copier.jwt")}).exit_code;
  };
  ASSERT_NE(copy(token), 0) << "there is one at a time";
  EXPECT_EQ(Refused("backups"), 1);
  EXPECT_EQ(Metric("weir_grpc_calls_refused_total"), 1) << "and of no other limit";
  Revoke("copier");
  const absl::Time revoked = absl::Now();
  ASSERT_TRUE(WaitUntil([&] { return absl::Now() > revoked + absl::Seconds(2); }))
      << "a token of a later second is good";
  EXPECT_TRUE(WaitUntil([&] { return copy(system_.Token("copier")) == 0; }, kEnds));
  EXPECT_THAT(Cuts(), HasSubstr("warning backup for ipv4:"));
}

// More answers than there are places for, none of which is taken, and then one that is.
TEST_F(StuckStreamsTest, AnswersOfListEventsThatAreNotTakenGiveTheirPlacesBack) {
  Fill();
  v1::ListEventsRequest request;
  request.add_filters(kTopic);
  const grpc::Slice bytes(request.SerializeAsString());
  grpc::CompletionQueue done;
  grpc::GenericStub stub(channel_);
  struct Call {
    grpc::ClientContext context;
    std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream;
  };
  const auto next = [&done] {
    void* tag = nullptr;
    bool ok = false;  // or refused already
    return done.AsyncNext(&tag, &ok, absl::ToChronoTime(absl::Now() + kPatience)) == grpc::CompletionQueue::GOT_EVENT;
  };
  const std::string token = system_.Token("reader");
  std::vector<std::unique_ptr<Call>> calls;
  constexpr int kPlaces = 256;
  constexpr int kMore = 4;
  for (int i = 0; i < kPlaces + kMore; ++i) {
    Call& call = *calls.emplace_back(std::make_unique<Call>());
    call.context.AddMetadata("authorization", "Bearer " + token);
    call.stream = stub.PrepareCall(&call.context, "/weir.v1.EventBus/ListEvents", &done);
    call.stream->StartCall(&call);
    ASSERT_TRUE(next());
    call.stream->WriteLast(grpc::ByteBuffer(&bytes, 1), grpc::WriteOptions(), &call);
    ASSERT_TRUE(next());
  }
  int refused = 0;
  const auto list = [&] {
    Client client({.server = system_.grpc_address(), .token = [this] { return system_.Token("reader"); }});
    absl::Status status = client.ListEvents(request, absl::Now() + kPatience).status();
    refused += absl::IsUnavailable(status) ? 1 : 0;
    return status;
  };
  // Then all places are taken; one that asked before would take that of another.
  ASSERT_TRUE(WaitUntil([&] { return Refused("lists") == kMore; }));
  EXPECT_TRUE(absl::IsUnavailable(list())) << "they are held for their clients";
  EXPECT_EQ(Refused("lists"), kMore + refused);
  EXPECT_EQ(Metric("weir_grpc_calls_refused_total"), Refused("lists")) << "and of no other limit";
  EXPECT_TRUE(WaitUntil([&] { return list().ok(); }, kEnds)) << "for some time";
  for (const auto& call : calls) {
    call->context.TryCancel();
  }
}

}  // namespace
}  // namespace weir::testing
