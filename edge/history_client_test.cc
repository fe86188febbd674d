#include "edge/history_client.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "absl/synchronization/notification.h"
#include "base/wire.h"
#include "clients/cpp/fake_event_bus.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "weir/v1/event_bus.grpc.pb.h"

namespace weir::edge {
namespace {

v1::Event EventAt(uint64_t sequence) {
  v1::Event event;
  event.set_sequence(sequence);
  event.set_cursor("aaaaaaaa-" + std::to_string(sequence));
  event.set_topic("a.b");
  event.mutable_payload()->set_type_url("type.googleapis.com/t.Event");
  event.mutable_payload()->set_value("x");
  return event;
}

// A server that answers every ListEvents alike, one call at a time.
class ListServer final : public v1::EventBus::Service {
 public:
  ListServer() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~ListServer() override { server_->Shutdown(std::chrono::system_clock::now()); }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  void Answer(v1::ListEventsResponse response, grpc::Status status = grpc::Status::OK) {
    response_ = std::move(response);
    status_ = std::move(status);
  }
  void RefuseTypes() { refuse_types_ = true; }
  // The last one.
  const v1::ListEventsRequest& request() const { return request_; }

  grpc::Status ListEvents(grpc::ServerContext*, const v1::ListEventsRequest* request,
                          v1::ListEventsResponse* response) override {
    request_ = *request;
    if (refuse_types_ && request->types_size() > 0) {
      return FakeError(grpc::StatusCode::INVALID_ARGUMENT, "TYPE_UNKNOWN");
    }
    *response = response_;
    return status_;
  }
  grpc::Status GetSchema(grpc::ServerContext*, const v1::GetSchemaRequest*, v1::GetSchemaResponse* response) override {
    response->set_version("1");
    return grpc::Status::OK;
  }

 private:
  v1::ListEventsResponse response_;
  grpc::Status status_;
  bool refuse_types_ = false;
  v1::ListEventsRequest request_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

class HistoryClientTest : public testing::Test {
 protected:
  absl::StatusOr<std::shared_ptr<const HistoryPage>> Read(const HistoryRequest& request) {
    absl::StatusOr<std::shared_ptr<const HistoryPage>> result;
    absl::Notification done;
    HistoryClient history(client_, schemas_);
    history.Read(request, [&](auto page) {
      result = std::move(page);
      done.Notify();
    });
    done.WaitForNotification();
    return result;
  }

  ListServer server_;
  Client client_{{.server = server_.address(),
                  .name = "edge",
                  .backoff_min = absl::Milliseconds(1),
                  .backoff_max = absl::Milliseconds(20)}};
  SchemaCache schemas_{client_};
};

TEST_F(HistoryClientTest, ReadsAPage) {
  v1::ListEventsResponse response;
  *response.add_events() = EventAt(5);
  *response.add_events() = EventAt(8);
  response.set_cursor("aaaaaaaa-9");
  response.set_next_page_token("more");
  response.set_schema_version("1");
  response.mutable_gap()->set_reason(v1::Gap::REASON_EXPIRED);
  response.mutable_gap()->set_requested_cursor("aaaaaaaa-1");
  response.mutable_gap()->set_resume_cursor("aaaaaaaa-4");
  server_.Answer(response);
  HistoryRequest request;
  request.filters = {"a.b"};
  request.types = {"t.Event"};
  request.start = {ReadStart::Kind::kAfter, *Cursor::Parse("aaaaaaaa-1"), {}};
  const auto page = Read(request);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ((*page)->events.size(), 2);
  EXPECT_EQ((*page)->events[1].sequence, 8);
  EXPECT_EQ((*page)->events[1].topic, "a.b");
  EXPECT_EQ((*page)->cursor.sequence, 9);
  EXPECT_EQ((*page)->next_page_token, "more");
  EXPECT_EQ((*page)->schema->version(), "1");
  ASSERT_TRUE((*page)->gap.has_value());
  EXPECT_EQ((*page)->gap->reason, GapReason::kExpired);
  EXPECT_EQ((*page)->gap->resumed_at.sequence, 4);
  EXPECT_EQ(server_.request().start().after_cursor(), "aaaaaaaa-1");
  EXPECT_EQ(server_.request().page_size(), 128);
  EXPECT_EQ(server_.request().types(0), "t.Event");
}

TEST_F(HistoryClientTest, AsksForEachStart) {
  HistoryRequest request;
  request.start.kind = ReadStart::Kind::kEarliest;
  EXPECT_TRUE(ToListEvents(request).start().has_earliest());
  request.start.kind = ReadStart::Kind::kLast;
  request.page_token = "t";
  EXPECT_TRUE(ToListEvents(request).start().has_last_per_topic());
  EXPECT_EQ(ToListEvents(request).page_token(), "t");
  request.start.kind = ReadStart::Kind::kTime;
  request.start.time = absl::FromUnixMillis(1500);
  EXPECT_EQ(ToListEvents(request).start().from_time().seconds(), 1);
  EXPECT_EQ(ToListEvents(request).start().from_time().nanos(), 500'000'000);
  request.start.time = absl::InfinitePast();
  EXPECT_EQ(ToListEvents(request).start().from_time().seconds(), 0);
}

// Events of a withdrawn type are still there, and readers are to see that they miss something.
TEST_F(HistoryClientTest, ATypeThatTheServerDoesNotKnowIsAskedForWithoutIt) {
  v1::ListEventsResponse response;
  *response.add_events() = EventAt(7);
  response.set_cursor("aaaaaaaa-9");
  server_.Answer(response);
  server_.RefuseTypes();
  HistoryRequest request;
  request.filters = {"a.b"};
  request.types = {"t.Withdrawn"};
  const auto page = Read(request);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ((*page)->events.size(), 1);
}

TEST_F(HistoryClientTest, PassesTheServersErrorOn) {
  server_.Answer({}, {grpc::StatusCode::UNAVAILABLE, "draining"});
  EXPECT_EQ(Read(HistoryRequest()).status().code(), absl::StatusCode::kUnavailable);
}

// As for the subscription: with a token that is over, the next try shows another.
TEST_F(HistoryClientTest, ATokenThatIsOverIsNoRefusal) {
  server_.Answer({}, FakeError(grpc::StatusCode::UNAUTHENTICATED, "CREDENTIALS_EXPIRED"));
  EXPECT_EQ(Read(HistoryRequest()).status().code(), absl::StatusCode::kUnavailable);
  server_.Answer({}, FakeError(grpc::StatusCode::UNAUTHENTICATED, "CREDENTIALS_REQUIRED"));
  EXPECT_EQ(Read(HistoryRequest()).status().code(), absl::StatusCode::kUnauthenticated);
}

TEST_F(HistoryClientTest, APageThatCannotBeReadIsDataLoss) {
  std::string version;
  v1::ListEventsResponse response;
  EXPECT_EQ(ReadPage(response.SerializeAsString(), version).status().code(), absl::StatusCode::kDataLoss);
  response.set_cursor("aaaaaaaa-9");
  EXPECT_TRUE(ReadPage(response.SerializeAsString(), version).ok());
  EXPECT_FALSE(ReadPage("\x0a\x05", version).ok());
  EXPECT_FALSE(ReadPage(response.SerializeAsString() + "\x0a\x02\x08\x96", version).ok());
  response.mutable_gap()->set_resume_cursor("no cursor");
  EXPECT_FALSE(ReadPage(response.SerializeAsString(), version).ok());
}

TEST_F(HistoryClientTest, EventsWrittenOtherwiseAreRewritten) {
  v1::ListEventsResponse response;
  response.set_cursor("aaaaaaaa-9");
  const std::string event = "\x1a\x01z" + EventAt(7).SerializeAsString();
  std::string bytes = response.SerializeAsString() + "\x0a";
  wire::AppendVarint(bytes, event.size());
  std::string version;
  const absl::StatusOr<HistoryPage> page = ReadPage(bytes + event, version);
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->events.size(), 1);
  EXPECT_EQ(page->events[0].topic, "a.b");
}

}  // namespace
}  // namespace weir::edge
