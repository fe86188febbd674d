#include "edge/websocket/client_message.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string FaultOf(std::string_view text) {
  const ClientMessage message = ReadClientMessage(text);
  const auto* const bad = std::get_if<BadMessage>(&message);
  return bad == nullptr ? "" : bad->detail;
}

TEST(ClientMessage, ReadsWhatAClientMaySay) {
  const auto bare = std::get<AuthMessage>(ReadClientMessage(R"({"type":"auth"})"));
  EXPECT_FALSE(bare.token || bare.cursor || bare.start || bare.filters);
  const auto full = std::get<AuthMessage>(ReadClientMessage(
      R"( {"filters":["a.*","b"],"token":"t","cursor":"abcdefgh-12","start":"latest","type":"auth"} )"));
  EXPECT_EQ(full.token, "t");
  EXPECT_EQ(full.cursor, "abcdefgh-12");
  EXPECT_EQ(full.start, "latest");
  EXPECT_THAT(*full.filters, ElementsAre("a.*", "b"));
  EXPECT_TRUE(std::holds_alternative<PingMessage>(ReadClientMessage(R"({"type":"ping"})")));
  const auto more = std::get<SubscribeMessage>(ReadClientMessage(R"({"type":"subscribe","filters":["a"]})"));
  EXPECT_TRUE(more.adds);
  EXPECT_THAT(more.filters, ElementsAre("a"));
  EXPECT_TRUE(std::get<AuthMessage>(ReadClientMessage(R"({"type":"auth","filters":[]})")).filters->empty());
  EXPECT_FALSE(std::get<SubscribeMessage>(ReadClientMessage(R"({"type":"unsubscribe","filters":["a"]})")).adds);
}

TEST(ClientMessage, RefusesEverythingElseWithAReason) {
  for (const std::string_view text : {"", "{", "nonsense", "[]", "1", "null", R"("auth")", R"({"type":"ping"}{})"}) {
    EXPECT_THAT(FaultOf(text), HasSubstr("JSON object")) << text;
  }
  const std::string ping = R"({"type":"ping"})";
  for (const std::string& text : {ping + '\0', ping + '\0' + "more", "\xEF\xBB\xBF" + ping}) {
    EXPECT_THAT(FaultOf(text), HasSubstr("JSON object")) << text;
  }
  EXPECT_THAT(FaultOf("{}"), HasSubstr("`type`"));
  EXPECT_THAT(FaultOf(R"({"type":1})"), HasSubstr("`type`"));
  EXPECT_THAT(FaultOf(R"({"type":"publish"})"), AllOf(HasSubstr("`type` is unknown"), Not(HasSubstr("publish"))));
  EXPECT_THAT(FaultOf(R"({"type":"auth","token":1})"), HasSubstr("`token` must be a string"));
  EXPECT_THAT(FaultOf(R"({"type":"auth","cursor":null})"), HasSubstr("`cursor` must be a string"));
  EXPECT_THAT(FaultOf(R"({"type":"auth","filter":["a"]})"),
              HasSubstr("`auth` has a member that is none of `type`, `token`, `cursor`, `start`, `filters`"));
  EXPECT_THAT(FaultOf(R"({"type":"ping","id":1})"), HasSubstr("none of `type`"));
  EXPECT_THAT(FaultOf(R"({"type":"subscribe"})"), HasSubstr("`filters`"));
  EXPECT_THAT(FaultOf(R"({"type":"auth","type":"ping"})"), HasSubstr("more than once"));
  EXPECT_THAT(FaultOf(R"({"type":"auth","token":"a","token":"b"})"), HasSubstr("more than once"));
  for (const std::string_view filters : {R"("a")", "[1]", R"(["a",null])", "{}"}) {
    const std::string message = R"({"type":"auth","filters":)" + std::string(filters) + "}";
    EXPECT_THAT(FaultOf(message), HasSubstr("at most 64 strings")) << message;
  }
  std::string many = R"({"type":"subscribe","filters":["a")";
  for (size_t i = 1; i < kWebSocketFiltersMax; ++i) {
    many += R"(,"a")";
  }
  EXPECT_EQ(FaultOf(many + "]}"), "");
  EXPECT_THAT(FaultOf(many + R"(,"a"]})"), HasSubstr("at most 64"));
}

TEST(ClientMessage, SurvivesDepth) {
  EXPECT_NE(FaultOf(std::string(16 * 1024, '[')), "");
  std::string deep = R"({"type":"ping","a":)" + std::string(8000, '[') + std::string(8000, ']') + "}";
  EXPECT_THAT(FaultOf(deep), HasSubstr("none of `type`"));
}

}  // namespace
}  // namespace weir::edge
