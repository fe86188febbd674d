// A disk that fails and a disk that is slow, under the real server: nothing that is not durable is acknowledged or
// shown.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "apps/dispatch/v1/dispatch.pb.h"
#include "tests/chaos/faultlib/fault_library.h"
#include "tests/support/system.h"
#include "weir/client.h"

namespace weir::testing {
namespace {

using nlohmann::json;

constexpr char kTopic[] = "dispatch.broadcast";

// A publisher of numbered events over one stream.
class Feed {
 public:
  Feed(const std::string& server, std::string name)
      : name_(std::move(name)), client_({.server = server}), publisher_(client_, Options()) {}

  void Publish(int count) {
    for (int i = 0; i < count; ++i) {
      apps::dispatch::v1::FlashMessage message;
      message.set_id(fmt::format("{}-{}", name_, published_++));
      publisher_.Publish({.topic = kTopic, .payload = message}, [this](const PublishOutcome& outcome) {
        const std::lock_guard lock(mutex_);
        EXPECT_TRUE(outcome.status.ok()) << outcome.status;
        cursors_.push_back(outcome.ack.cursor());
      });
    }
  }

  absl::Status Flush() { return publisher_.Flush(absl::Now() + absl::Seconds(60)); }
  const std::string& name() const { return name_; }
  int published() const { return published_; }
  // Of the acknowledged events, in order.
  std::vector<std::string> cursors() const {
    const std::lock_guard lock(mutex_);
    return cursors_;
  }
  // Why the stream was lost, each time.
  std::vector<std::string> losses() const {
    const std::lock_guard lock(mutex_);
    return losses_;
  }

 private:
  PublisherOptions Options() {
    PublisherOptions options;
    options.on_disconnected = [this](const absl::Status& status, absl::Duration) {
      const std::lock_guard lock(mutex_);
      losses_.push_back(absl::IsUnavailable(status) ? ErrorReason(status) : status.ToString());
    };
    return options;
  }

  const std::string name_;
  int published_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> cursors_;
  std::vector<std::string> losses_;
  Client client_;
  Publisher publisher_;
};

class FsyncTest : public ::testing::Test {
 protected:
  FsyncTest() {
    system_.SetServerEnvironment(library_.environment());
    system_.StartServer();
    system_.StartEdge();
    EXPECT_TRUE(system_.WaitReady());
  }

  int ServerSays(const std::string& target) {
    const absl::StatusOr<Response> response = Fetch(system_.server_admin_port(), target);
    return response.ok() ? response->status : -1;
  }

  // The log as (cursor, id) pairs.
  std::vector<std::pair<std::string, std::string>> Log() {
    const CommandResult listed = system_.Weir({"list", "--earliest", kTopic}, "", absl::Seconds(60));
    EXPECT_EQ(listed.exit_code, 0) << listed.err;
    std::vector<std::pair<std::string, std::string>> events;
    std::istringstream lines(listed.out);
    for (std::string line; std::getline(lines, line);) {
      const json event = json::parse(line);
      events.emplace_back(event["cursor"], event["data"]["id"]);
    }
    return events;
  }

  // Where the feed's events lie in the log; they must be there once each and in order, as far as they are there.
  static std::vector<std::string> CursorsOf(const Feed& feed,
                                            const std::vector<std::pair<std::string, std::string>>& log) {
    std::vector<std::string> cursors;
    for (const auto& [cursor, id] : log) {
      if (id.starts_with(feed.name() + "-")) {
        EXPECT_EQ(id, fmt::format("{}-{}", feed.name(), cursors.size()));
        cursors.push_back(cursor);
      }
    }
    return cursors;
  }

  TempDir dir_;
  chaos::FaultLibrary library_{dir_.File("board")};
  chaos::Board& disk_ = library_.board();
  System system_;
};

TEST_F(FsyncTest, AfterAFailedSyncNothingIsAcknowledgedUntilARestartAndNothingIsLost) {
  absl::StatusOr<SseStream> reader = SseStream::Open(system_.http_port(), "/api/sse");
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_TRUE(reader->Next().ok());
  std::deque<Feed> feeds;
  for (const char* name : {"a", "b", "c"}) {
    feeds.emplace_back(system_.grpc_address(), name).Publish(300);
  }
  for (Feed& feed : feeds) {
    ASSERT_TRUE(WaitUntil([&] { return feed.cursors().size() >= 100; }, kPatience));
  }

  disk_.syncs_to_fail = 1;  // the disk works again right afterwards, which must not matter
  for (Feed& feed : feeds) {
    feed.Publish(300);
  }
  for (Feed& feed : feeds) {
    ASSERT_TRUE(WaitUntil([&] { return feed.losses().size() >= 2; }, kPatience));
    EXPECT_THAT(feed.losses(), ::testing::Each("LOG_POISONED"));
  }
  EXPECT_EQ(disk_.syncs_failed, 1u);
  EXPECT_EQ(ServerSays("/healthz"), 503);
  EXPECT_EQ(ServerSays("/readyz"), 503);
  Client client({.server = system_.grpc_address()});
  v1::PublishRequest request;
  request.add_events()->set_topic(kTopic);
  request.mutable_events(0)->mutable_payload()->PackFrom(apps::dispatch::v1::FlashMessage());
  const auto refused = client.Publish(request, absl::Now() + absl::Seconds(20));
  EXPECT_TRUE(absl::IsUnavailable(refused.status())) << refused.status();
  EXPECT_EQ(ErrorReason(refused.status()), "LOG_POISONED");

  // No feed is told anything more, however often it comes back.
  std::vector<std::vector<std::string>> told;
  std::vector<size_t> losses;
  for (Feed& feed : feeds) {
    told.push_back(feed.cursors());
    losses.push_back(feed.losses().size());
    EXPECT_LT(told.back().size(), 600u);
  }
  for (size_t i = 0; i < feeds.size(); ++i) {
    ASSERT_TRUE(WaitUntil([&] { return feeds[i].losses().size() >= losses[i] + 2; }, kPatience));
    EXPECT_EQ(feeds[i].cursors(), told[i]);
  }
  // Reading goes on: whatever was acknowledged is there, and nothing is shown that was not.
  const auto poisoned_log = Log();
  for (size_t i = 0; i < feeds.size(); ++i) {
    EXPECT_EQ(CursorsOf(feeds[i], poisoned_log), told[i]);
  }

  system_.server().Signal(SIGTERM);
  const absl::StatusOr<int> exited = system_.server().Wait(kPatience);
  ASSERT_TRUE(exited.ok()) << exited.status();
  system_.StartServer();
  for (Feed& feed : feeds) {
    const absl::Status flushed = feed.Flush();
    ASSERT_TRUE(flushed.ok()) << flushed;
  }
  EXPECT_EQ(ServerSays("/healthz"), 200);
  const auto log = Log();
  EXPECT_EQ(log.size(), 3u * 600);
  for (size_t i = 0; i < feeds.size(); ++i) {
    const std::vector<std::string> cursors = feeds[i].cursors();
    EXPECT_EQ(cursors.size(), 600u);
    EXPECT_EQ(CursorsOf(feeds[i], log), cursors);
    EXPECT_TRUE(std::equal(told[i].begin(), told[i].end(), cursors.begin()));
  }
  // The reader saw the same, on one connection.
  for (const auto& [cursor, id] : log) {
    const absl::StatusOr<SseEvent> event = reader->NextNamed("flash_message");
    ASSERT_TRUE(event.ok()) << event.status();
    ASSERT_EQ(event->id, cursor);
    ASSERT_EQ(json::parse(event->data)["data"]["id"], id);
  }
}

TEST_F(FsyncTest, AfterAFullDiskOnlyARestartMakesTheLogTakeEventsAgain) {
  Feed feed(system_.grpc_address(), "a");
  feed.Publish(100);
  ASSERT_TRUE(feed.Flush().ok());
  absl::SleepFor(absl::Seconds(6));  // a file of messages that RocksDB had would be written every five
  disk_.no_space = true;
  feed.Publish(100);
  ASSERT_TRUE(WaitUntil([&] { return ServerSays("/healthz") == 503; }, kPatience));
  disk_.no_space = false;
  // RocksDB by itself looks for room every five seconds, and would go on, or fail at that.
  EXPECT_TRUE(absl::IsDeadlineExceeded(system_.server().Wait(absl::Seconds(8)).status()));
  EXPECT_EQ(ServerSays("/healthz"), 503);
  EXPECT_EQ(CursorsOf(feed, Log()), feed.cursors());

  system_.server().Signal(SIGTERM);
  const absl::StatusOr<int> exited = system_.server().Wait(kPatience);
  ASSERT_TRUE(exited.ok()) << exited.status();
  system_.StartServer();
  ASSERT_TRUE(feed.Flush().ok());
  EXPECT_EQ(feed.cursors().size(), 200u);
  EXPECT_EQ(CursorsOf(feed, Log()), feed.cursors());
}

TEST_F(FsyncTest, ASlowDiskDelaysAcknowledgementsAndNothingElse) {
  Feed feed(system_.grpc_address(), "a");
  feed.Publish(10);
  ASSERT_TRUE(feed.Flush().ok());
  disk_.sync_delay_millis = 300;
  const absl::Time start = absl::Now();
  feed.Publish(1);
  ASSERT_TRUE(feed.Flush().ok());
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(300));

  // A sync that does not end: nobody is told of the event, reader or publisher, and all else goes on.
  disk_.sync_delay_millis = 3'600'000;
  const uint64_t delayed = disk_.syncs_delayed;
  feed.Publish(1);
  ASSERT_TRUE(WaitUntil([&] { return disk_.syncs_delayed > delayed; }));
  feed.Publish(500);  // they wait together for the next sync
  EXPECT_EQ(Log().size(), 11u);
  absl::StatusOr<SseStream> reader = SseStream::Open(system_.http_port(), "/api/sse?start=earliest");
  ASSERT_TRUE(reader.ok()) << reader.status();
  for (int i = 0; i < 11; ++i) {
    ASSERT_TRUE(reader->NextNamed("flash_message").ok()) << i;
  }
  const absl::StatusOr<Response> poll =
      Fetch(system_.http_port(), "/api/sse?start=earliest", {"Accept: application/json"});
  ASSERT_TRUE(poll.ok()) << poll.status();
  EXPECT_EQ(json::parse(poll->body)["events"].size(), 11u);
  EXPECT_EQ(ServerSays("/healthz"), 200);
  EXPECT_EQ(feed.cursors().size(), 11u);

  const uint64_t syncs = disk_.syncs;
  disk_.sync_delay_millis = 0;
  ASSERT_TRUE(feed.Flush().ok());
  EXPECT_LE(disk_.syncs - syncs, 50u) << "what waits is not committed together";
  EXPECT_THAT(feed.losses(), ::testing::IsEmpty());
  const auto log = Log();
  EXPECT_EQ(log.size(), 512u);
  EXPECT_EQ(CursorsOf(feed, log), feed.cursors());
  for (int i = 11; i < 512; ++i) {
    ASSERT_TRUE(reader->NextNamed("flash_message").ok()) << i;
  }
}

}  // namespace
}  // namespace weir::testing
