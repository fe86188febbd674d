// The server's rules of delivery, seen over gRPC from outside: retries, order under faults, progress, and the hand-over
// between reading the log and being live.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <functional>
#include <latch>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "apps/dispatch/v1/dispatch.pb.h"
#include "base/cursor.h"
#include "tests/chaos/faultlib/fault_library.h"
#include "tests/support/system.h"
#include "weir/client.h"

namespace weir::testing {
namespace {

v1::Event Flash(const std::string& topic, const std::string& text, const std::string& id = "") {
  apps::dispatch::v1::FlashMessage message;
  message.set_text(text);
  v1::Event event;
  event.set_topic(topic);
  event.set_id(id);
  event.mutable_payload()->PackFrom(message);
  return event;
}

std::string TextOf(const v1::Event& event) {
  apps::dispatch::v1::FlashMessage message;
  EXPECT_TRUE(event.payload().UnpackTo(&message));
  return message.text();
}

// What a subscriber was given, in order. Any thread.
struct Heard {
  std::mutex mutex;
  std::vector<std::pair<uint64_t, std::string>> events;  // sequence, text
  std::vector<std::pair<uint64_t, size_t>> progress;     // up to where, and how many events had come
  int gaps = 0;
  absl::Status failed;

  SubscriberCallbacks Callbacks(absl::Duration pause = absl::ZeroDuration()) {
    SubscriberCallbacks callbacks;
    callbacks.on_events = [this, pause](const v1::EventBatch& batch) {
      {
        const std::lock_guard<std::mutex> lock(mutex);
        for (const v1::Event& event : batch.events()) {
          events.emplace_back(event.sequence(), TextOf(event));
        }
      }
      if (pause > absl::ZeroDuration()) {
        absl::SleepFor(pause);  // a slow reader
      }
    };
    callbacks.on_progress = [this](const v1::Progress& said) {
      const std::lock_guard<std::mutex> lock(mutex);
      progress.emplace_back(Cursor::Parse(said.cursor())->sequence, events.size());
    };
    callbacks.on_gap = [this](const v1::Gap&) {
      const std::lock_guard<std::mutex> lock(mutex);
      ++gaps;
    };
    callbacks.on_failed = [this](const absl::Status& status) {
      const std::lock_guard<std::mutex> lock(mutex);
      failed = status;
    };
    return callbacks;
  }
  size_t count() {
    const std::lock_guard<std::mutex> lock(mutex);
    return events.size();
  }
};

SubscriberOptions Reading(const std::string& filter, const std::string& after = "") {
  SubscriberOptions options;
  options.filters = {filter};
  options.progress_interval = absl::Seconds(1);
  if (after.empty()) {
    options.start.mutable_earliest();
  } else {
    options.start.set_after_cursor(after);
  }
  return options;
}

class ServerRulesTest : public ::testing::Test {
 protected:
  void StartServer(const std::string& config = "log_level: info") {
    WriteFile(system_.dir().File("server.yaml"), config);
    system_.StartServer({"--config", system_.dir().File("server.yaml")});
  }
  std::unique_ptr<Client> NewClient() const {
    return std::make_unique<Client>(ClientOptions{.server = system_.grpc_address()});
  }
  // The outcome of one event, published alone.
  static PublishOutcome PublishOne(Client& client, const v1::Event& event) {
    v1::PublishRequest request;
    *request.add_events() = event;
    const absl::StatusOr<v1::PublishResponse> response = client.Publish(request, absl::Now() + kPatience);
    if (!response.ok()) {
      return {response.status(), {}};
    }
    const v1::PublishResult& result = response->results(0);
    if (result.has_error()) {
      return {absl::Status(static_cast<absl::StatusCode>(result.error().code()), result.error().message()), {}};
    }
    return {absl::OkStatus(), result.ack()};
  }
  // All retained events of the filter.
  std::vector<v1::Event> List(const std::string& filter) const {
    Client client({.server = system_.grpc_address()});
    v1::ListEventsRequest request;
    request.add_filters(filter);
    request.mutable_start()->mutable_earliest();
    request.set_page_size(1000);
    std::vector<v1::Event> events;
    while (true) {
      const absl::StatusOr<v1::ListEventsResponse> page = client.ListEvents(request, absl::Now() + kPatience);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) {
        return events;
      }
      events.insert(events.end(), page->events().begin(), page->events().end());
      if (page->next_page_token().empty()) {
        return events;
      }
      request.set_page_token(page->next_page_token());
    }
  }
  double Metric(const std::string& name) const { return System::Metric(system_.server_admin_port(), name); }

  TempDir dir_;
  chaos::FaultLibrary faults_{dir_.File("board")};  // in servers that are given its environment
  System system_;
};

// Publishes the same event from many connections at once, half of them by streams; `text_of` says each one's content.
std::vector<PublishOutcome> PublishAtOnce(const System& system, const std::string& id,
                                          const std::function<std::string(int)>& text_of) {
  constexpr int kPublishers = 12;
  std::vector<PublishOutcome> outcomes(kPublishers);
  std::latch together(kPublishers);
  std::vector<std::thread> threads;
  for (int i = 0; i < kPublishers; ++i) {
    threads.emplace_back([&, i] {
      Client client({.server = system.grpc_address()});
      const v1::Event event = Flash("dispatch.once", text_of(i), id);
      Publisher publisher(client);
      together.arrive_and_wait();
      if (i % 2 == 0) {
        v1::PublishRequest request;
        *request.add_events() = event;
        const absl::StatusOr<v1::PublishResponse> response = client.Publish(request, absl::Now() + kPatience);
        if (!response.ok()) {
          outcomes[static_cast<size_t>(i)].status = response.status();
        } else if (response->results(0).has_error()) {
          outcomes[static_cast<size_t>(i)].status =
              absl::Status(static_cast<absl::StatusCode>(response->results(0).error().code()), "");
        } else {
          outcomes[static_cast<size_t>(i)].ack = response->results(0).ack();
        }
      } else {
        publisher.Publish(
            event, [&outcomes, i](const PublishOutcome& outcome) { outcomes[static_cast<size_t>(i)] = outcome; });
        EXPECT_TRUE(publisher.Flush(absl::Now() + kPatience).ok());
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  return outcomes;
}

TEST_F(ServerRulesTest, DuplicatesAtTheSameMomentAreOneEventAndOneAck) {
  StartServer();
  constexpr int kIds = 10;
  for (int n = 0; n < kIds; ++n) {
    const auto outcomes = PublishAtOnce(system_, "id-" + std::to_string(n), [](int) { return "same"; });
    int first = 0;
    for (const PublishOutcome& outcome : outcomes) {
      ASSERT_TRUE(outcome.status.ok()) << outcome.status;
      EXPECT_EQ(outcome.ack.cursor(), outcomes[0].ack.cursor());
      EXPECT_EQ(outcome.ack.sequence(), outcomes[0].ack.sequence());
      EXPECT_EQ(outcome.ack.id(), "id-" + std::to_string(n));
      EXPECT_EQ(outcome.ack.publish_time().SerializeAsString(), outcomes[0].ack.publish_time().SerializeAsString());
      first += outcome.ack.duplicate() ? 0 : 1;
    }
    EXPECT_EQ(first, 1);
  }
  EXPECT_EQ(List("dispatch.once").size(), kIds);
}

TEST_F(ServerRulesTest, OfDifferentContentsUnderOneIdAtTheSameMomentOneIsStored) {
  StartServer();
  for (int n = 0; n < 10; ++n) {
    const std::string id = "id-" + std::to_string(n);
    const auto text_of = [](int i) { return std::string(1, static_cast<char>('a' + i % 3)); };
    const auto outcomes = PublishAtOnce(system_, id, text_of);
    std::set<std::string> stored;
    std::set<std::string> cursors;
    for (size_t i = 0; i < outcomes.size(); ++i) {
      if (outcomes[i].status.ok()) {
        stored.insert(text_of(static_cast<int>(i)));
        cursors.insert(outcomes[i].ack.cursor());
      } else {
        EXPECT_TRUE(absl::IsAlreadyExists(outcomes[i].status)) << outcomes[i].status;
      }
    }
    EXPECT_EQ(stored.size(), 1U);
    EXPECT_EQ(cursors.size(), 1U);
    const std::vector<v1::Event> events = List("dispatch.once");
    ASSERT_EQ(events.size(), static_cast<size_t>(n + 1));
    EXPECT_EQ(TextOf(events.back()), *stored.begin());
  }
}

TEST_F(ServerRulesTest, AnIdIsRememberedForItsTimeAlsoOverARestart) {
  constexpr char kConfig[] = "limits: {idempotence_age: 1h}";
  system_.SetServerEnvironment(faults_.environment());
  StartServer(kConfig);
  const v1::Event event = Flash("dispatch.once", "text", "id");
  const PublishOutcome first = PublishOne(*NewClient(), event);
  ASSERT_TRUE(first.status.ok()) << first.status;
  const auto set_clock = [&](absl::Duration offset) {
    faults_.board().clock_offset_millis = absl::ToInt64Milliseconds(offset);
  };
  const auto restart_at = [&](absl::Duration offset) {
    set_clock(offset);
    system_.server().Kill();
    StartServer(kConfig);
  };
  for (const absl::Duration age : {absl::ZeroDuration(), absl::Minutes(50)}) {
    restart_at(age);
    const PublishOutcome again = PublishOne(*NewClient(), event);
    ASSERT_TRUE(again.status.ok()) << again.status;
    EXPECT_TRUE(again.ack.duplicate()) << age;
    EXPECT_EQ(again.ack.cursor(), first.ack.cursor());
  }
  restart_at(absl::Minutes(70));
  const PublishOutcome late = PublishOne(*NewClient(), event);
  ASSERT_TRUE(late.status.ok()) << late.status;
  EXPECT_FALSE(late.ack.duplicate());
  EXPECT_GT(late.ack.sequence(), first.ack.sequence());
  // The same while it runs.
  set_clock(absl::Minutes(140));
  const auto client = NewClient();
  EXPECT_TRUE(WaitUntil([&] { return !PublishOne(*client, event).ack.duplicate(); }));
}

TEST_F(ServerRulesTest, AnIdIsRememberedForItsNumberOfEventsAlsoOverARestart) {
  StartServer("limits: {idempotence_events_max: 20}");
  const v1::Event event = Flash("dispatch.once", "text", "id");
  const PublishOutcome first = PublishOne(*NewClient(), event);
  for (int i = 0; i < 9; ++i) {
    ASSERT_TRUE(PublishOne(*NewClient(), Flash("dispatch.other", std::to_string(i))).status.ok());
  }
  system_.server().Kill();
  StartServer("limits: {idempotence_events_max: 20}");
  const auto client = NewClient();
  const PublishOutcome again = PublishOne(*client, event);
  EXPECT_TRUE(again.ack.duplicate());
  EXPECT_EQ(again.ack.cursor(), first.ack.cursor());
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(PublishOne(*client, Flash("dispatch.other", std::to_string(i))).status.ok());
  }
  EXPECT_FALSE(PublishOne(*client, event).ack.duplicate());
}

// Streams pipeline against a queue of a few events, unary calls crowd it, and the server is killed meanwhile.
TEST_F(ServerRulesTest, NoFaultLetsALaterEventOfAStreamOvertakeAnEarlierOne) {
  const std::string config = "limits: {publish_queue_events_max: 64}";
  system_.SetServerEnvironment(faults_.environment());
  faults_.board().sync_delay_millis = 100;  // until the queue was full once
  StartServer(config);
  constexpr int kStreams = 3;
  constexpr int kEvents = 4000;
  std::atomic<int> acknowledged = 0;
  std::atomic<bool> over = false;
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int stream = 0; stream < kStreams; ++stream) {
    threads.emplace_back([&, stream] {
      Client client({.server = system_.grpc_address()});
      Publisher publisher(client, {.batch_events_max = 16});
      uint64_t last = 0;
      for (int i = 0; i < kEvents; ++i) {
        publisher.Publish(Flash("dispatch.stream" + std::to_string(stream), std::to_string(i)),
                          [&](const PublishOutcome& outcome) {
                            ASSERT_TRUE(outcome.status.ok()) << outcome.status;
                            EXPECT_GT(outcome.ack.sequence(), last);
                            last = outcome.ack.sequence();
                            ++acknowledged;
                          });
      }
      EXPECT_TRUE(publisher.Flush(absl::Now() + absl::Minutes(2)).ok());
    });
  }
  for (int crowd = 0; crowd < 4; ++crowd) {
    threads.emplace_back([&] {
      Client client({.server = system_.grpc_address()});
      v1::PublishRequest request;
      for (int i = 0; i < 40; ++i) {
        *request.add_events() = Flash("dispatch.crowd", "x");
      }
      while (!over) {
        refused += absl::IsResourceExhausted(client.Publish(request, absl::Now() + kPatience).status()) ? 1 : 0;
      }
    });
  }
  EXPECT_TRUE(WaitUntil([&] { return refused > 0; }));
  // From here on the disk sets no pace: what is written survives the end of a process without a sync.
  faults_.board().ignore_syncs = true;
  faults_.board().sync_delay_millis = 0;
  for (int kills = 1; kills <= 3; ++kills) {
    EXPECT_TRUE(WaitUntil([&] { return acknowledged >= kills * kStreams * kEvents / 4; }, kPatience));
    system_.server().Kill();
    StartServer(config);
  }
  for (int stream = 0; stream < kStreams; ++stream) {
    threads[static_cast<size_t>(stream)].join();
  }
  over = true;
  for (size_t i = kStreams; i < threads.size(); ++i) {
    threads[i].join();
  }
  for (int stream = 0; stream < kStreams; ++stream) {
    const std::vector<v1::Event> events = List("dispatch.stream" + std::to_string(stream));
    ASSERT_EQ(events.size(), static_cast<size_t>(kEvents));
    for (int i = 0; i < kEvents; ++i) {
      ASSERT_EQ(TextOf(events[static_cast<size_t>(i)]), std::to_string(i));
    }
  }
}

// A reader whose filter hardly ever matches keeps a cursor that retention does not overtake, and that never claims an
// event which it has not been given.
TEST_F(ServerRulesTest, ARareReadersCursorAdvancesNeverExpiresAndNeverRunsAhead) {
  StartServer("retention: {bytes_max: 256KiB, check_interval: 1s}");
  const auto client = NewClient();
  ASSERT_TRUE(PublishOne(*client, Flash("dispatch.noise", "first")).status.ok());
  Heard rare;
  Heard never;
  SubscriberOptions reading = Reading("dispatch.rare");
  reading.gap_policy = v1::GAP_POLICY_FAIL;
  SubscriberOptions never_reading = Reading("dispatch.never");
  never_reading.gap_policy = v1::GAP_POLICY_FAIL;
  auto rare_reader = std::make_unique<Subscriber>(*client, reading, rare.Callbacks());
  auto never_reader = std::make_unique<Subscriber>(*client, never_reading, never.Callbacks());
  ASSERT_TRUE(WaitUntil([&] { return !never_reader->cursor().empty() && !rare_reader->cursor().empty(); }, kPatience));
  const std::string began = never_reader->cursor();

  std::map<uint64_t, std::string> published;
  const std::string noise(1000, 'x');
  int number = 0;
  // On, until retention has passed where both began, and further.
  ASSERT_TRUE(WaitUntil(
      [&] {
        v1::PublishRequest request;
        for (int i = 0; i < 200; ++i) {
          *request.add_events() = Flash("dispatch.noise", noise);
        }
        const std::string text = std::to_string(number++);
        *request.add_events() = Flash("dispatch.rare", text);
        const auto response = client->Publish(request, absl::Now() + kPatience);
        if (response.ok()) {
          published[response->results(200).ack().sequence()] = text;
        }
        return Metric("weir_log_earliest_sequence") > 2000;
      },
      kPatience));
  const auto reached = [](const Subscriber& reader, uint64_t sequence) {
    const std::optional<Cursor> cursor = Cursor::Parse(reader.cursor());
    return cursor && cursor->sequence >= sequence;
  };
  const uint64_t last = published.rbegin()->first;
  EXPECT_TRUE(WaitUntil([&] { return reached(*rare_reader, last) && reached(*never_reader, last); }, kPatience));
  const std::string rare_cursor = rare_reader->cursor();
  const std::string never_cursor = never_reader->cursor();
  rare_reader.reset();
  never_reader.reset();

  EXPECT_EQ(never.events.size(), 0U);
  std::vector<std::pair<uint64_t, std::string>> expected(published.begin(), published.end());
  EXPECT_EQ(rare.events, expected);
  ASSERT_FALSE(rare.progress.empty());
  for (const auto& [up_to, given] : rare.progress) {
    const auto due = static_cast<size_t>(std::distance(published.begin(), published.upper_bound(up_to)));
    EXPECT_GE(given, due) << "progress to " << up_to << " before an event that lies there";
  }
  // The place where they began is gone; where they are is not.
  Heard expired;
  SubscriberOptions from_the_beginning = Reading("dispatch.never", began);
  from_the_beginning.gap_policy = v1::GAP_POLICY_FAIL;
  const Subscriber old_reader(*client, from_the_beginning, expired.Callbacks());
  EXPECT_TRUE(WaitUntil(
      [&] {
        const std::lock_guard<std::mutex> lock(expired.mutex);
        return absl::IsOutOfRange(expired.failed);
      },
      kPatience));
  Heard resumed;
  SubscriberOptions on = Reading("dispatch.rare", never_cursor);
  on.gap_policy = v1::GAP_POLICY_FAIL;
  const Subscriber again(*client, on, resumed.Callbacks());
  ASSERT_TRUE(PublishOne(*client, Flash("dispatch.rare", "after")).status.ok());
  EXPECT_TRUE(WaitUntil([&] { return resumed.count() > 0; }, kPatience));
  EXPECT_EQ(resumed.events.back().second, "after");
  EXPECT_TRUE(resumed.failed.ok()) << resumed.failed;
  EXPECT_TRUE(rare.failed.ok() && never.failed.ok()) << rare.failed << never.failed;
}

// Readers begin everywhere, fall out of a small tail and come back into it, while publishers go on.
TEST_F(ServerRulesTest, ReadersPassBetweenTheLogAndTheTailUnderLoadAndMissNothing) {
  StartServer("limits: {tail_bytes_max: 64KiB}");
  constexpr int kPublishers = 2;
  constexpr int kEvents = 6000;
  constexpr size_t kReaders = 8;
  Heard heard[kReaders];
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::unique_ptr<Subscriber>> readers;
  std::atomic<int> acknowledged = 0;
  std::vector<std::thread> publishers;
  for (int n = 0; n < kPublishers; ++n) {
    publishers.emplace_back([&, n] {
      Client client({.server = system_.grpc_address()});
      Publisher publisher(client, {.batch_events_max = 16});
      for (int i = 0; i < kEvents; ++i) {
        publisher.Publish(Flash("dispatch.p" + std::to_string(n), std::to_string(i)),
                          [&](const PublishOutcome& outcome) {
                            EXPECT_TRUE(outcome.status.ok()) << outcome.status;
                            ++acknowledged;
                          });
      }
      EXPECT_TRUE(publisher.Flush(absl::Now() + absl::Minutes(2)).ok());
    });
  }
  for (size_t i = 0; i < kReaders; ++i) {
    // Each begins a little later than the one before; every other reads slowly, and some one publisher's events only.
    EXPECT_TRUE(WaitUntil([&] { return acknowledged >= static_cast<int>(i) * kPublishers * kEvents / 10; }, kPatience));
    clients.push_back(NewClient());
    readers.push_back(std::make_unique<Subscriber>(*clients.back(), Reading(i % 3 == 0 ? "dispatch.p1" : "dispatch.*"),
                                                   heard[i].Callbacks(absl::Milliseconds(i % 2 == 0 ? 0 : 5))));
  }
  for (std::thread& publisher : publishers) {
    publisher.join();
  }
  for (size_t i = 0; i < kReaders; ++i) {
    std::vector<std::pair<uint64_t, std::string>> expected;
    for (const v1::Event& event : List(i % 3 == 0 ? "dispatch.p1" : "dispatch.*")) {
      expected.emplace_back(event.sequence(), TextOf(event));
    }
    EXPECT_TRUE(WaitUntil([&] { return heard[i].count() >= expected.size(); }, kPatience)) << i;
    readers[i].reset();
    EXPECT_EQ(heard[i].events, expected) << i;
    EXPECT_EQ(heard[i].gaps, 0);
  }
}

// Its machine is gone, or its process stands still: nothing says so but that it no longer answers.
TEST_F(ServerRulesTest, ASubscriberThatVanishedIsNoticed) {
  StartServer();
  absl::StatusOr<Process> reader = Process::Start(
      {BinaryPath("weir"), "subscribe", "--server", system_.grpc_address(), ">"}, system_.dir().File("reader.log"));
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_TRUE(WaitUntil([&] { return Metric("weir_subscriptions") == 1; }, kPatience));
  reader->Signal(SIGSTOP);
  EXPECT_TRUE(WaitUntil([&] { return Metric("weir_subscriptions") == 0; }, kPatience));
  reader->Signal(SIGCONT);
  // And it comes back by itself.
  EXPECT_TRUE(WaitUntil([&] { return Metric("weir_subscriptions") == 1; }, kPatience));
}

// A browser that is given nothing but heartbeats can come back after retention has passed by where it began.
TEST_F(ServerRulesTest, NamedHeartbeatsKeepAnIdleBrowsersCursorAlive) {
  StartServer("retention: {bytes_max: 256KiB, check_interval: 1s}");
  // The edge's own memory must not be what saves the reader: it reaches back no further than the edge's start.
  WriteFile(system_.edge_config_path(), "tail: {history: 1ms}\n" + FiveRoutesYaml());
  system_.StartEdge();
  ASSERT_TRUE(system_.WaitReady());
  const std::string target = "/api/notifications/stream?token=" + system_.Token("ann");
  absl::StatusOr<SseStream> idle = SseStream::Open(system_.http_port(), target);
  ASSERT_TRUE(idle.ok()) << idle.status();
  const absl::StatusOr<SseEvent> connected = idle->Next();
  ASSERT_TRUE(connected.ok()) << connected.status();
  const std::string began = connected->id;

  const auto client = NewClient();
  v1::PublishRequest request;
  for (int i = 0; i < 200; ++i) {
    *request.add_events() = Flash("dispatch.noise", std::string(1000, 'x'));
  }
  uint64_t last = 0;
  ASSERT_TRUE(WaitUntil(
      [&] {
        const auto response = client->Publish(request, absl::Now() + kPatience);
        last = response.ok() ? response->results(199).ack().sequence() : last;
        return Metric("weir_log_earliest_sequence") > 1000;
      },
      kPatience));
  std::string id;
  ASSERT_TRUE(WaitUntil(
      [&] {
        const absl::StatusOr<SseEvent> beat = idle->NextNamed("heartbeat", kPatience);
        id = beat.ok() ? beat->id : "";
        const std::optional<Cursor> cursor = Cursor::Parse(id);
        return cursor && cursor->sequence >= last;
      },
      kPatience))
      << id;
  EXPECT_EQ(idle->raw().find("weir.gap"), std::string::npos);

  system_.edge().Kill();
  system_.StartEdge();
  ASSERT_TRUE(system_.WaitReady());
  absl::StatusOr<SseStream> back = SseStream::Open(system_.http_port(), target, {"Last-Event-ID: " + id});
  absl::StatusOr<SseStream> late = SseStream::Open(system_.http_port(), target, {"Last-Event-ID: " + began});
  ASSERT_TRUE(back.ok() && late.ok());
  system_.Publish("users.ann.notifications", "apps.notifications.v1.Notification", {{"id", "1"}});
  const absl::StatusOr<SseEvent> event = back->NextNamed("notification", kPatience);
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(back->raw().find("weir.gap"), std::string::npos);
  // Without the heartbeats' ids it would have met a gap.
  EXPECT_TRUE(late->NextNamed("weir.gap", kPatience).ok());
}

}  // namespace
}  // namespace weir::testing
