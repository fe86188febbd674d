#include "edge/http/negotiate.h"

#include <gtest/gtest.h>

namespace weir::edge {
namespace {

Representation Of(std::string_view accept) { return Negotiate(accept).representation; }

TEST(NegotiateTest, StreamsToWhoeverDoesNotSay) {
  for (const std::string_view accept :
       {"", " ", "*/*", "text/event-stream", "Text/Event-Stream", "text/*", "text/event-stream;q=0.1",
        "text/event-stream, application/json", "application/json, text/event-stream",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/event-stream;q=1.000",
        "application/json;q=0.5, text/event-stream;q=0.6", "application/json;q=0, */*"}) {
    EXPECT_EQ(Of(accept), Representation::kStream) << accept;
  }
}

TEST(NegotiateTest, AnswersOnceToWhoeverAsksForJson) {
  for (const std::string_view accept :
       {"application/json", "APPLICATION/JSON", "application/*", "application/json; charset=utf-8",
        "application/json, text/plain, */*", "text/event-stream;q=0.5, application/json", "text/event-stream;q=0, */*",
        "text/event-stream; q=0 , application/json;q=0.001"}) {
    EXPECT_EQ(Of(accept), Representation::kPoll) << accept;
  }
}

TEST(NegotiateTest, RefusesWhatItCannotMake) {
  for (const std::string_view accept :
       {"text/html", "image/png, text/html", "*/*;q=0", "text/event-stream;q=0", "json", "/", "text/", "/json",
        "text/event-stream;q=2", "text/event-stream;q=1.5", "text/event-stream;q=x",
        "text/event-stream;q=", "application/json;q=0.1234", "application/json;q=-1"}) {
    EXPECT_EQ(Of(accept), Representation::kNone) << accept;
  }
}

TEST(NegotiateTest, KnowsItsFetchClientByTheParameter) {
  EXPECT_TRUE(Negotiate("text/event-stream; weir=1").fetch_client);
  EXPECT_TRUE(Negotiate("text/event-stream;weir=1;q=0.9, application/json;q=0.1").fetch_client);
  for (const std::string_view accept : {"", "*/*", "text/event-stream", "text/event-stream;weir=2",
                                        "text/event-stream;weir", "application/json;weir=1"}) {
    EXPECT_FALSE(Negotiate(accept).fetch_client) << accept;
  }
}

}  // namespace
}  // namespace weir::edge
