// Readers over a reload of the configuration: routes that the tail has not always covered, and routes that went.
#include <memory>

#include "base/revocations.h"
#include "edge/testing/fake_render.h"
#include "edge/testing/hub_harness.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// The tail has the topic `a` from the start, and `b` from a reload on, with which a route for it came.
class FanoutReloadTest : public testing::Test, public HubHarness {
 protected:
  FanoutReloadTest() {
    log.Add("a", "a1");
    log.Add("b", "b2");
    log.Add("b", "b3");
    tail.SetSchema(FakeSchema());
    tail.Reset(log.At(0), GapReason::kExpired);
    FeedOnly({"a"});
    tail.SetReady();
    Spin();
    tail.SetPresentations(2);
    new_route_ = std::make_shared<Route>(*route);
    new_route_->path = "/new";
    new_route_->presentation_index = 1;
    new_route_->coverage = {tail.state().generation, tail.state().head};
  }

  void FeedOnly(const std::vector<std::string>& filters) {
    const std::vector<v1::Event> events = log.After(fed_, filters);
    if (!events.empty()) {
      ASSERT_TRUE(tail.Append(BatchBytes(events)).ok());
    }
    fed_ = log.head();
    tail.Progress(log.At(fed_));
  }
  StreamRequest RequestNew(ReadStart start = {}) const {
    StreamRequest request = Request({"b"}, start);
    request.reader.route = new_route_;
    return request;
  }

  std::shared_ptr<Route> new_route_;

 private:
  uint64_t fed_ = 0;
};

TEST_F(FanoutReloadTest, ACursorBeforeTheNewFilterIsServedByTheServer) {
  const auto reader = Open(RequestNew(After(log.At(1))));
  ASSERT_TRUE(Until(*reader, 2));
  log.Add("b", "b4");
  FeedOnly({"a", "b"});
  ASSERT_TRUE(Until(*reader, 3));
  EXPECT_THAT(reader->data("t.Event"), ElementsAre("b2", "b3", "b4"));
  EXPECT_THAT(log.requests(), testing::SizeIs(1));
}

TEST_F(FanoutReloadTest, ACursorFromTheNewFilterOnIsServedByTheTail) {
  log.Add("b", "b4");
  FeedOnly({"a", "b"});
  Spin();
  const auto reader = Open(RequestNew(After(log.At(3))));
  ASSERT_TRUE(Until(*reader, 1));
  EXPECT_THAT(reader->data("t.Event"), ElementsAre("b4"));
  EXPECT_THAT(log.requests(), IsEmpty());
}

TEST_F(FanoutReloadTest, AReaderOfAnOldRouteHasTheWholeTail) {
  const auto reader = Open(Request({"a"}, After(log.At(0))));
  ASSERT_TRUE(Until(*reader, 1));
  EXPECT_THAT(reader->data("t.Event"), ElementsAre("a1"));
  EXPECT_THAT(log.requests(), IsEmpty());
}

TEST_F(FanoutReloadTest, APollBeforeTheNewFilterIsServedByTheServer) {
  PollRequest request;
  request.reader = RequestNew(After(log.At(1))).reader;
  EXPECT_THAT(PollOnce(request),
              testing::StartsWith(R"({"events":[{"id":"aaaaaaaa-2","event":"t.Event","data":"b2"},)"));
  EXPECT_THAT(log.requests(), testing::SizeIs(1));
}

TEST_F(FanoutReloadTest, ATailThatBeganAnewCoversTheRouteAgain) {
  tail.Reset(log.At(1), GapReason::kExpired);
  ASSERT_TRUE(tail.Append(BatchBytes(log.After(1, {"a", "b"}))).ok());
  Spin();
  const auto reader = Open(RequestNew(After(log.At(1))));
  ASSERT_TRUE(Until(*reader, 2));
  EXPECT_THAT(log.requests(), IsEmpty());
}

TEST_F(FanoutReloadTest, EndsTheReadersThatItIsToldAndNoOthers) {
  const auto stays = OpenAndStart(Request({"a"}));
  StreamRequest with_key = Request({"a"});
  with_key.reader.token.key = 7;
  const auto loses_key = OpenAndStart(std::move(with_key));
  const auto loses_route = OpenAndStart(RequestNew());
  PollRequest poll;
  poll.reader = RequestNew(After(log.At(3))).reader;
  poll.wait = absl::Seconds(30);
  std::string body;
  hub.Poll(poll, [&](const absl::StatusOr<std::string>& answer) { body = *answer; });
  Spin();

  bool done = false;
  hub.EndStreams(
      [this](const Route& r, const TokenMarks& token) {
        return &r == new_route_.get() || token.key == 7 ? Hub::Fate::kChanged : Hub::Fate::kStays;
      },
      absl::Seconds(2), [&] { done = true; });
  EXPECT_TRUE(done);
  for (TestReader* reader : {loses_key.get(), loses_route.get()}) {
    ASSERT_TRUE(Until(*reader, [&] { return reader->ended(); }));
    EXPECT_TRUE(reader->ended_cleanly());
    EXPECT_EQ(reader->blocks().back().event, "weir.draining");
    EXPECT_EQ(reader->blocks().back().id, "aaaaaaaa-3") << "where it resumes";
    EXPECT_LE(std::stoi(reader->blocks().back().retry), 2000);
  }
  Spin();
  EXPECT_EQ(body, R"({"events":[],"cursor":"aaaaaaaa-3","more":false,"gap":null})");
  EXPECT_EQ(hub.counters().closed[static_cast<size_t>(CloseReason::kReload)].get(), 2);
  log.Add("a", "a4");
  FeedOnly({"a", "b"});
  ASSERT_TRUE(Until(*stays, 1));
  EXPECT_THAT(stays->blocks(), testing::SizeIs(2));
}

TEST_F(FanoutReloadTest, TellsReadersOfARevokedTokenAndNoOthers) {
  const auto stays = OpenAndStart(Request({"a"}));
  StreamRequest with_token = Request({"a"});
  with_token.reader.token.subject = 7;
  PollRequest poll;
  poll.reader = Request({"a"}, After(log.At(3))).reader;
  poll.reader.token.subject = 7;
  poll.wait = absl::Seconds(30);
  const auto revoked = OpenAndStart(std::move(with_token));
  absl::Status polled;
  hub.Poll(poll, [&](const absl::StatusOr<std::string>& answer) { polled = answer.status(); });
  Spin();

  bool done = false;
  hub.EndStreams([](const Route&,
                    const TokenMarks& token) { return token.subject == 7 ? Hub::Fate::kRevoked : Hub::Fate::kStays; },
                 absl::Seconds(2), [&] { done = true; });
  EXPECT_TRUE(done);
  ASSERT_TRUE(Until(*revoked, [&] { return revoked->ended(); }));
  EXPECT_TRUE(revoked->ended_cleanly());
  EXPECT_EQ(revoked->blocks().back().event, "weir.auth_expired");
  EXPECT_EQ(revoked->blocks().back().data, R"({"reason":"revoked"})");
  Spin();
  EXPECT_TRUE(IsTokenRevoked(polled)) << polled;
  EXPECT_EQ(hub.counters().closed[static_cast<size_t>(CloseReason::kRevoked)].get(), 1);
  EXPECT_EQ(hub.open_streams(), 1);
}

// More than one turn ends, in every order of those that stay and those that go.
TEST_F(FanoutReloadTest, AsksAboutEveryReaderOnce) {
  std::vector<std::unique_ptr<TestReader>> readers;
  constexpr int kReaders = 300;
  for (int i = 0; i < kReaders; ++i) {
    readers.push_back(Open(i % 7 < 3 ? Request({"a"}) : RequestNew()));
  }
  size_t stay = 0;
  int asked = 0;
  bool done = false;
  hub.EndStreams(
      [&](const Route& r, const TokenMarks&) {
        ++asked;
        stay += &r == route.get() ? 1 : 0;
        return &r != route.get() ? Hub::Fate::kGone : Hub::Fate::kStays;
      },
      absl::ZeroDuration(), [&] { done = true; });
  ASSERT_TRUE(Until([&] { return done; }));
  EXPECT_EQ(asked, kReaders);
  EXPECT_EQ(hub.open_streams(), stay);
}

TEST_F(FanoutReloadTest, ReadersThatStayAreLookedAtInOneTurn) {
  std::vector<std::unique_ptr<TestReader>> readers;
  for (int i = 0; i < 300; ++i) {
    readers.push_back(Open(Request({"a"})));
  }
  bool done = false;
  hub.EndStreams([](const Route&, const TokenMarks&) { return Hub::Fate::kStays; }, absl::ZeroDuration(),
                 [&] { done = true; });
  EXPECT_TRUE(done);
  EXPECT_EQ(hub.open_streams(), readers.size());
}

}  // namespace
}  // namespace weir::edge
