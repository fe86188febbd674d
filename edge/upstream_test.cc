#include "edge/upstream.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "weir/v1/event_bus.grpc.pb.h"

namespace weir::edge {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

v1::Event EventAt(uint64_t sequence, const std::string& epoch = "aaaaaaaa") {
  v1::Event event;
  event.set_sequence(sequence);
  event.set_cursor(epoch + "-" + std::to_string(sequence));
  event.set_topic("a.b");
  event.mutable_payload()->set_type_url("type.googleapis.com/t.Event");
  event.mutable_payload()->set_value("x");
  return event;
}

v1::SubscribeResponse Started(const std::string& cursor, const std::string& version = "1") {
  v1::SubscribeResponse response;
  response.mutable_started()->set_cursor(cursor);
  response.mutable_started()->set_epoch(cursor.substr(0, 8));
  response.set_schema_version(version);
  return response;
}

v1::SubscribeResponse Batch(std::initializer_list<v1::Event> events) {
  v1::SubscribeResponse response;
  response.mutable_batch()->mutable_events()->Assign(events.begin(), events.end());
  return response;
}

v1::SubscribeResponse Progress(const std::string& cursor, bool caught_up) {
  v1::SubscribeResponse response;
  response.mutable_progress()->set_cursor(cursor);
  response.mutable_progress()->set_caught_up(caught_up);
  return response;
}

// A server whose Subscribe calls send what the test says, one list for each call, and then hang or end.
class ScriptedServer final : public v1::EventBus::Service {
 public:
  struct Script {
    std::vector<v1::SubscribeResponse> responses;
    bool end = false;
    grpc::Status status = {grpc::StatusCode::UNAVAILABLE, "restarting"};
  };

  ScriptedServer() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~ScriptedServer() override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      over_ = true;
      changed_.notify_all();
    }
    server_->Shutdown(std::chrono::system_clock::now());
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  void Add(Script script) {
    const std::lock_guard<std::mutex> lock(mutex_);
    scripts_.push_back(std::move(script));
    changed_.notify_all();
  }
  std::vector<v1::SubscribeRequest> subscribes() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return subscribes_;
  }
  // Calls without a script.
  int waiting() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return waiting_;
  }
  int schema_calls() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return schema_calls_;
  }
  void FailSchemas(int count) {
    const std::lock_guard<std::mutex> lock(mutex_);
    schema_failures_ = count;
  }

  grpc::Status Subscribe(grpc::ServerContext* context, const v1::SubscribeRequest* request,
                         grpc::ServerWriter<v1::SubscribeResponse>* writer) override {
    Script script;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      subscribes_.push_back(*request);
      ++waiting_;
      while (scripts_.empty() && !over_ && !context->IsCancelled()) {
        changed_.wait_for(lock, std::chrono::milliseconds(20));
      }
      --waiting_;
      if (!scripts_.empty()) {
        script = std::move(scripts_.front());
        scripts_.pop_front();
      }
    }
    for (const v1::SubscribeResponse& response : script.responses) {
      writer->Write(response);
    }
    std::unique_lock<std::mutex> lock(mutex_);
    while (!script.end && !over_ && !context->IsCancelled()) {
      changed_.wait_for(lock, std::chrono::milliseconds(20));
    }
    return script.status;
  }
  grpc::Status GetSchema(grpc::ServerContext*, const v1::GetSchemaRequest*, v1::GetSchemaResponse* response) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++schema_calls_;
    if (schema_failures_ > 0) {
      --schema_failures_;
      return {grpc::StatusCode::UNAVAILABLE, "not yet"};
    }
    response->set_version("1");
    return grpc::Status::OK;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::deque<Script> scripts_;
  std::vector<v1::SubscribeRequest> subscribes_;
  int schema_calls_ = 0;
  int waiting_ = 0;
  int schema_failures_ = 0;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

class UpstreamTest : public testing::Test {
 protected:
  UpstreamTest() {
    tail_.AddListener([this] {
      const std::lock_guard<std::mutex> lock(mutex_);
      changed_.notify_all();
    });
  }

  void Start(absl::Duration refused_retry = absl::Milliseconds(20)) {
    upstream_ = std::make_unique<Upstream>(
        client_, schemas_, tail_,
        UpstreamOptions{.filters = {"a.>"}, .history = absl::Minutes(5), .refused_retry = refused_retry});
  }
  bool Until(const std::function<bool(const TailState&)>& condition) {
    const absl::Time give_up = absl::Now() + kPatience;
    std::unique_lock<std::mutex> lock(mutex_);
    while (!condition(tail_.state()) && absl::Now() < give_up) {
      changed_.wait_for(lock, std::chrono::milliseconds(20));
    }
    return condition(tail_.state());
  }

  ScriptedServer server_;
  Client client_{{.server = server_.address(),
                  .name = "edge",
                  .backoff_min = absl::Milliseconds(1),
                  .backoff_max = absl::Milliseconds(20)}};
  SchemaCache schemas_{client_};
  Tail tail_{{}};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<Upstream> upstream_;
};

TEST_F(UpstreamTest, FillsTheTailAndIsReadyWhenCaughtUp) {
  server_.Add({{Started("aaaaaaaa-3"), Batch({EventAt(7), EventAt(9)}), Progress("aaaaaaaa-12", true)}});
  Start();
  ASSERT_TRUE(Until([](const TailState& state) { return state.ready; }));
  const TailState state = tail_.state();
  EXPECT_EQ(state.head, 12);
  EXPECT_EQ(tail_.events(), 2);
  EXPECT_TRUE(upstream_->status().connected);
  const v1::SubscribeRequest request = server_.subscribes().at(0);
  EXPECT_EQ(request.filters(0), "a.>");
  EXPECT_TRUE(request.start().has_from_time());
}

// The server passes over older events between where it begins to read and the time asked for.
TEST_F(UpstreamTest, ClaimsOnlyWhatItWasGiven) {
  server_.Add({{Started("aaaaaaaa-3"), Batch({EventAt(7)}), Progress("aaaaaaaa-12", true)}});
  Start();
  ASSERT_TRUE(Until([](const TailState& state) { return state.ready; }));
  EXPECT_EQ(tail_.state().covered_after, 6);
}

TEST_F(UpstreamTest, AnEmptyLogIsReadyToo) {
  server_.Add({{Started("aaaaaaaa-0"), Progress("aaaaaaaa-0", true)}});
  Start();
  ASSERT_TRUE(Until([](const TailState& state) { return state.ready; }));
  EXPECT_EQ(tail_.state().epoch.text(), "aaaaaaaa");
}

TEST_F(UpstreamTest, ResumesByCursorAndKeepsTheTail) {
  server_.Add({{Started("aaaaaaaa-0"), Batch({EventAt(1)}), Progress("aaaaaaaa-1", true)}, true});
  server_.Add({{Started("aaaaaaaa-1"), Batch({EventAt(2)})}});
  Start();
  ASSERT_TRUE(Until([](const TailState& state) { return state.head == 2; }));
  EXPECT_EQ(server_.subscribes().at(1).start().after_cursor(), "aaaaaaaa-1");
  EXPECT_EQ(tail_.state().generation, 1);
  EXPECT_EQ(upstream_->status().disconnects, 1);
}

TEST_F(UpstreamTest, AGapResetsTheTail) {
  v1::SubscribeResponse gap;
  gap.mutable_gap()->set_reason(v1::Gap::REASON_OTHER_EPOCH);
  gap.mutable_gap()->set_resume_cursor("bbbbbbbb-0");
  server_.Add({{Started("aaaaaaaa-0"), Batch({EventAt(1)}), Progress("aaaaaaaa-1", true)}, true});
  server_.Add({{Started("bbbbbbbb-0"), gap, Batch({EventAt(1, "bbbbbbbb")})}});
  Start();
  ASSERT_TRUE(Until([](const TailState& state) { return state.generation == 2 && state.head == 1; }));
  EXPECT_EQ(tail_.state().began_because, GapReason::kOtherEpoch);
  EXPECT_EQ(tail_.state().epoch.text(), "bbbbbbbb");
  EXPECT_TRUE(tail_.state().ready);
}

TEST_F(UpstreamTest, EventsWaitForTheirSchema) {
  server_.FailSchemas(1);
  for (int i = 0; i < 2; ++i) {
    server_.Add({{Started("aaaaaaaa-0"), Batch({EventAt(1)}), Progress("aaaaaaaa-1", true)}});
  }
  Start();
  ASSERT_TRUE(Until([](const TailState& state) { return state.ready; }));
  EXPECT_EQ(server_.schema_calls(), 2);
  TailReader reader = tail_.ReaderAfter(1, 0);
  ASSERT_EQ(reader.Next(), TailReader::Step::kEvent);
  EXPECT_EQ(reader.segment().schema()->version(), "1");
}

TEST_F(UpstreamTest, CanBeDestroyedWhileItWaitsForASchema) {
  server_.FailSchemas(1000);
  server_.Add({{Started("aaaaaaaa-0"), Batch({EventAt(1)})}});
  Start();
  ASSERT_TRUE(Until([this](const TailState&) { return server_.schema_calls() > 0; }));
  upstream_.reset();
  EXPECT_EQ(tail_.events(), 0);
}

TEST_F(UpstreamTest, SaysWhetherItIsConnectedAndSinceWhen) {
  const absl::Time began = absl::Now();
  server_.Add({{Started("aaaaaaaa-0"), Progress("aaaaaaaa-0", true)}, true});
  server_.Add({{Started("aaaaaaaa-0")}});
  std::vector<bool> states;
  absl::Time since;
  tail_.AddListener([&] {
    const TailState state = tail_.state();
    if (state.upstream_since >= began && (states.empty() || states.back() != state.upstream_connected)) {
      states.push_back(state.upstream_connected);
      EXPECT_GE(state.upstream_since, since);
      since = state.upstream_since;
    }
  });
  Start();
  ASSERT_TRUE(Until([&](const TailState&) { return upstream_->status().connects == 2; }));
  ASSERT_TRUE(Until([&](const TailState& state) { return state.upstream_connected; }));
  upstream_.reset();
  EXPECT_EQ(states, (std::vector<bool>{false, true, false, true}));
}

TEST_F(UpstreamTest, ComesBackByItselfAfterARefusalForGood) {
  server_.Add({{Started("aaaaaaaa-0"), Batch({EventAt(1)}), Progress("aaaaaaaa-1", true)},
               true,
               {grpc::StatusCode::DATA_LOSS, "damaged"}});
  server_.Add({{}, true, {grpc::StatusCode::INVALID_ARGUMENT, "a filter of another time"}});
  Start();
  ASSERT_TRUE(Until([this](const TailState&) { return upstream_->status().refused.load(); }));
  ASSERT_TRUE(Until([this](const TailState&) { return server_.subscribes().size() == 3; }));
  EXPECT_TRUE(upstream_->status().refused);
  server_.Add({{Started("aaaaaaaa-1"), Batch({EventAt(2)})}});
  ASSERT_TRUE(Until([](const TailState& state) { return state.head == 2; }));
  EXPECT_FALSE(upstream_->status().refused);
  EXPECT_EQ(server_.subscribes().at(2).start().after_cursor(), "aaaaaaaa-1");
  EXPECT_EQ(tail_.state().generation, 1);
}

TEST_F(UpstreamTest, SaysWhyItIsRefusedAndAsksAtOnceWhenItIsTold) {
  server_.Add({{}, true, {grpc::StatusCode::PERMISSION_DENIED, "not\nallowed"}});
  Start(absl::Hours(1));
  ASSERT_TRUE(Until([this](const TailState&) { return upstream_->status().refused.load(); }));
  EXPECT_EQ(upstream_->status().problem(), "not\\nallowed") << "on one line";
  server_.Add({{Started("aaaaaaaa-0"), Progress("aaaaaaaa-0", true)}});
  upstream_->Retry();
  ASSERT_TRUE(Until([](const TailState& state) { return state.ready; }));
  EXPECT_EQ(upstream_->status().problem(), "");
  upstream_->Retry();
  EXPECT_EQ(server_.subscribes().size(), 2) << "what goes on goes on";
}

// What could be read is kept, what follows comes again, and the loss is said: never silence.
TEST_F(UpstreamTest, ABatchThatStaysMalformedBecomesAGap) {
  v1::Event bad = EventAt(3);
  bad.set_sequence(0);
  const v1::SubscribeResponse broken = Batch({EventAt(2), bad, EventAt(4)});
  server_.Add({{Started("aaaaaaaa-0"), Batch({EventAt(1)}), Progress("aaaaaaaa-1", true), broken}});
  for (int i = 0; i < 4; ++i) {
    server_.Add({{Started("aaaaaaaa-1"), broken}});
  }
  server_.Add({{Started("aaaaaaaa-4"), Batch({EventAt(5)})}});
  Start();
  ASSERT_TRUE(Until([](const TailState& state) { return state.head == 5; }));
  const TailState state = tail_.state();
  EXPECT_EQ(state.generation, 2);
  EXPECT_EQ(state.began_after, 4);
  EXPECT_EQ(state.began_because, GapReason::kUnrenderable);
  ASSERT_EQ(server_.subscribes().size(), 6);
  EXPECT_EQ(server_.subscribes().at(4).start().after_cursor(), "aaaaaaaa-1");
  EXPECT_EQ(server_.subscribes().at(5).start().after_cursor(), "aaaaaaaa-4");
}

TEST_F(UpstreamTest, ABatchThatWasMalformedOnceIsReadAgainWithoutAGap) {
  v1::Event bad = EventAt(2);
  bad.set_cursor("aaaaaaaa-9");
  server_.Add({{Started("aaaaaaaa-0"), Batch({EventAt(1)}), Progress("aaaaaaaa-1", true), Batch({bad, EventAt(3)})}});
  server_.Add({{Started("aaaaaaaa-1"), Batch({EventAt(2), EventAt(3)})}});
  Start();
  ASSERT_TRUE(Until([](const TailState& state) { return state.head == 3; }));
  EXPECT_EQ(tail_.state().generation, 1);
  EXPECT_EQ(tail_.events(), 3);
}

TEST_F(UpstreamTest, ReopensWithOtherFiltersAfterWhatTheTailHas) {
  server_.Add({{Started("aaaaaaaa-0"), Batch({EventAt(1), EventAt(2)}), Progress("aaaaaaaa-5", true)}});
  server_.Add({{Started("aaaaaaaa-5"), Batch({EventAt(6)})}});
  Start();
  ASSERT_TRUE(Until([](const TailState& state) { return state.ready && state.head == 5; }));
  const Coverage coverage = upstream_->Reopen({"a.>", "x"}, 3);
  EXPECT_EQ(coverage.generation, 1U);
  EXPECT_EQ(coverage.after, 5U);
  ASSERT_TRUE(Until([](const TailState& state) { return state.head == 6; }));
  const v1::SubscribeRequest request = server_.subscribes().at(1);
  EXPECT_THAT(request.filters(), testing::ElementsAre("a.>", "x"));
  EXPECT_EQ(request.start().after_cursor(), "aaaaaaaa-5");
  EXPECT_EQ(tail_.state().generation, 1) << "the tail goes on";
  EXPECT_EQ(tail_.events(), 3);
}

TEST_F(UpstreamTest, ReopensFromTheBeginningWhileNothingIsKnown) {
  Start();
  ASSERT_TRUE(Until([this](const TailState&) { return server_.subscribes().size() == 1; }));
  EXPECT_EQ(upstream_->Reopen({"x"}, 1).generation, 0U);
  // The old call must not take the new one's script.
  ASSERT_TRUE(Until([this](const TailState&) { return server_.subscribes().size() == 2 && server_.waiting() == 1; }));
  server_.Add({{Started("aaaaaaaa-0"), Batch({EventAt(1)}), Progress("aaaaaaaa-1", true)}});
  ASSERT_TRUE(Until([](const TailState& state) { return state.ready; }));
  EXPECT_TRUE(server_.subscribes().back().start().has_from_time());
}

}  // namespace
}  // namespace weir::edge
