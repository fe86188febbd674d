#include <memory>
#include <string>

#include "edge/testing/hub_harness.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

using Kind = ReadStart::Kind;
using testing::ElementsAre;

class UpstreamEventTest : public testing::Test, public HubHarness {
 protected:
  UpstreamEventTest() {
    route->upstream_event = "weir.upstream";
    log.Fill(tail, 0);
    SetUpstream(true);
  }
  void SetUpstream(bool connected) {
    now += absl::Seconds(1);
    tail.SetUpstream(connected, now);
    Spin();
  }
  static std::string Data(const char* state, const char* since) {
    return std::string(R"({"state":")") + state + R"(","since":"2023-11-14T22:13:)" + since + R"(.000Z"})";
  }
};

TEST_F(UpstreamEventTest, TellsOpenStreamsThatTheServerWentAndCame) {
  const auto reader = OpenAndStart(Request({"a"}));
  SetUpstream(false);
  SetUpstream(false);
  SetUpstream(true);
  log.Add("a", "1");
  Feed();
  ASSERT_TRUE(Until(*reader, 1));
  EXPECT_THAT(reader->data("weir.upstream"), ElementsAre(Data("disconnected", "22"), Data("connected", "24")));
  EXPECT_EQ(reader->body().find("weir.upstream\nid:"), std::string::npos);
  EXPECT_EQ(reader->blocks().back().event, "t.Event");
}

TEST_F(UpstreamEventTest, TellsAStreamThatOpensMeanwhileAfterItsFirstBlock) {
  SetUpstream(false);
  const auto latest = OpenAndStart(Request({"a"}));
  const auto resumed = OpenAndStart(Request({"a"}, After(log.At(0))));
  const auto earliest = OpenAndStart(Request({"a"}, From(Kind::kEarliest)));
  for (const auto* reader : {&latest, &resumed, &earliest}) {
    ASSERT_GE((*reader)->blocks().size(), 2);
    EXPECT_EQ((*reader)->blocks()[0].event, "weir.connected");
    EXPECT_EQ((*reader)->blocks()[1].event, "weir.upstream");
    EXPECT_EQ((*reader)->blocks()[1].id, "");
    EXPECT_EQ((*reader)->blocks()[1].data, Data("disconnected", "22"));
  }
}

TEST_F(UpstreamEventTest, SaysNothingToAStreamThatOpensWhileAllIsWellNorOnOtherRoutes) {
  const auto reader = OpenAndStart(Request({"a"}));
  route = std::make_shared<Route>(*route);
  route->upstream_event.clear();
  const auto other = OpenAndStart(Request({"a"}));
  SetUpstream(false);
  Until(*reader, [&] { return reader->blocks().size() == 2; });
  other->Read();
  EXPECT_EQ(reader->blocks().size(), 2);
  EXPECT_EQ(other->blocks().size(), 1);
}

TEST_F(UpstreamEventTest, TellsTheParkedToo) {
  const auto reader = OpenAndStart(Request({"a"}, After(log.At(4))));
  SetUpstream(false);
  ASSERT_TRUE(Until(*reader, [&] { return reader->blocks().size() == 2; }));
  EXPECT_EQ(reader->blocks()[1].event, "weir.upstream");
}

TEST_F(UpstreamEventTest, AReaderWithBytesOnTheirWayIsToldAfterThem) {
  const auto reader = Open(Request({"a"}), 4096);
  Until(*reader, [&] { return !reader->blocks().empty(); });
  const std::string large(2 * 1024 * 1024, 'x');
  log.Add("a", large);
  Feed();
  ASSERT_EQ(hub.counters().lagging.get(), 1);
  SetUpstream(false);
  ASSERT_TRUE(
      Until(*reader, [&] { return reader->raw().size() > large.size() && !reader->data("weir.upstream").empty(); }));
  EXPECT_EQ(reader->blocks()[1].data.size(), large.size());
  EXPECT_EQ(reader->blocks()[2].event, "weir.upstream");
}

}  // namespace
}  // namespace weir::edge
