#include "clients/cpp/publish_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/event_view.h"

namespace weir::client {
namespace {

std::vector<std::string> EventsOf(const std::string& batch) {
  std::vector<std::string> events;
  EXPECT_TRUE(ForEachEvent(batch, [&events](std::string_view, std::string_view event) {
    events.emplace_back(event);
    return true;
  }));
  return events;
}

using Texts = std::vector<std::string>;

TEST(PublishQueue, BatchesAreBoundedByEvents) {
  PublishQueue queue({.batch_events_max = 2});
  for (const char* event : {"a", "b", "c"}) {
    queue.Push(event, {});
  }
  EXPECT_EQ(EventsOf(queue.TakeBatch()), (Texts{"a", "b"}));
  EXPECT_EQ(EventsOf(queue.TakeBatch()), (Texts{"c"}));
  EXPECT_EQ(queue.TakeBatch(), "");
}

TEST(PublishQueue, BatchesAreBoundedByBytesButHoldOneEventAtLeast) {
  PublishQueue queue({.batch_bytes_max = 250});
  const std::string large(300, 'l');
  const std::string small(100, 's');
  for (const std::string& event : {large, small, small, small}) {
    queue.Push(event, {});
  }
  EXPECT_EQ(EventsOf(queue.TakeBatch()), (Texts{large}));
  EXPECT_EQ(EventsOf(queue.TakeBatch()), (Texts{small, small}));
  EXPECT_EQ(EventsOf(queue.TakeBatch()), (Texts{small}));
}

TEST(PublishQueue, SendsAgainFromTheFirstUnanswered) {
  PublishQueue queue({});
  for (const char* event : {"a", "b", "c"}) {
    queue.Push(event, {});
  }
  queue.TakeBatch();
  queue.Pop(1);
  EXPECT_EQ(queue.sent(), 2U);
  queue.Rewind();
  EXPECT_EQ(EventsOf(queue.TakeBatch()), (Texts{"b", "c"}));
}

TEST(PublishQueue, NothingIsSentPastARefusedEvent) {
  PublishQueue queue({});
  queue.Push("a", {});
  queue.PushRefused({});
  queue.Push("b", {});
  EXPECT_EQ(EventsOf(queue.TakeBatch()), (Texts{"a"}));
  EXPECT_EQ(queue.TakeBatch(), "");
  EXPECT_FALSE(queue.front_is_refused());
  queue.Pop(1);
  EXPECT_TRUE(queue.front_is_refused());
  queue.Pop(1);
  EXPECT_EQ(EventsOf(queue.TakeBatch()), (Texts{"b"}));
}

TEST(PublishQueue, RoomIsBoundedByEventsAndByBytes) {
  PublishQueue events({.pending_events_max = 2});
  events.Push("a", {});
  EXPECT_TRUE(events.HasRoom(1));
  events.Push("b", {});
  EXPECT_FALSE(events.HasRoom(1));
  events.TakeBatch();
  EXPECT_FALSE(events.HasRoom(1)) << "sent is not answered";
  events.Pop(1);
  EXPECT_TRUE(events.HasRoom(1));

  PublishQueue bytes({.pending_bytes_max = 10});
  EXPECT_TRUE(bytes.HasRoom(11)) << "a large event passes alone";
  bytes.Push("12345", {});
  EXPECT_TRUE(bytes.HasRoom(5));
  EXPECT_FALSE(bytes.HasRoom(6));
}

}  // namespace
}  // namespace weir::client
