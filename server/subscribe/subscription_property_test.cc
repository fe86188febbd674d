// Subscriptions over random interleavings of appends, retention, slow sinks, failing reads, readers that go and come
// back by cursor, and restarts with another log: every reader gets every matching event that is retained, in order,
// once, or a gap first. The waker and the worker pool are the real ones, with their threads.
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "log/log_testing.h"
#include "log/memory_engine.h"
#include "server/subscribe/subscription.h"
#include "server/testing.h"
#include "tests/support/property.h"
#include "tests/support/reader_walk.h"

namespace weir::server {
namespace {

using test::Random;
using test::ReaderWalk;
using test::WrittenLog;

const std::vector<std::vector<std::string>> kFilters = {{"a.1"}, {"a.1", "b.2"}, {"a.*"}, {">"}, {"c.9"}};

// Keeps one message until the reader takes it: a reader as slow as it wants.
class HeldMessage final : public SubscriptionSink {
 public:
  void Write(WireMessage message) override {
    v1::SubscribeResponse response;
    EXPECT_TRUE(response.ParseFromString(message.ToString()));
    const std::lock_guard lock(mutex_);
    EXPECT_FALSE(held_.has_value()) << "two writes at once";
    held_ = std::move(response);
    changed_.notify_all();
  }
  void Finish(const std::optional<Fault>&) override {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    changed_.notify_all();
  }
  std::optional<v1::SubscribeResponse> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(held_, std::nullopt);
  }
  bool finished() const {
    const std::lock_guard lock(mutex_);
    return finished_ && !held_.has_value();
  }
  // False when neither a message nor the end comes.
  bool Await() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [this] { return held_.has_value() || finished_; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<v1::SubscribeResponse> held_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

// One life of the server: a log in memory and what serves it.
struct Life {
  explicit Life(size_t tail_bytes_max) : tail(tail_bytes_max, 0) {
    log.SetObserver([this](std::span<const log::ChunkPtr> chunks) {
      tail.Append(chunks);
      waker.Notify(chunks.back()->last_sequence());
    });
  }

  log::TestClock log_clock;
  SimulatedClock clock;
  ScriptedLog log{log::MakeMemoryLog({.log = log::TestLogOptions(log_clock)})};
  const std::shared_ptr<const EventTypes> types = TestTypes();
  const TypesInForce in_force{types};
  LiveTail tail;
  SubscriptionCounts counts;
  Waker waker{0, clock.clock()};
  WorkerPool pool{2};
  const SubscriptionContext context{.log = log,
                                    .tail = tail,
                                    .waker = waker,
                                    .pool = pool,
                                    .types = in_force,
                                    .now = clock.clock(),
                                    .counts = counts};
};

struct Reader {
  Reader(const WrittenLog& written, std::vector<std::string> filters) : walk(written, std::move(filters)) {}

  ReaderWalk walk;
  bool slow = false;
  std::unique_ptr<HeldMessage> sink;  // null: it is away
  std::shared_ptr<Subscription> subscription;
};

class World {
 public:
  explicit World(Random& random) : random_(random) {
    NewLife();
    written_.emplace(life_->log.bounds().epoch.text());
  }
  ~World() { EndAll(); }

  void Round() {
    Append();
    if (random_.OneIn(12)) {
      Trim();
    }
    if (random_.OneIn(10)) {
      life_->log.FailReads(absl::UnavailableError("busy"));
    } else if (random_.OneIn(3)) {
      life_->log.FailReads(absl::OkStatus());
    }
    if (random_.OneIn(60)) {
      EndAll();
      NewLife();
      written_->Begin(life_->log.bounds().epoch.text());
    }
    if (random_.OneIn(3)) {
      Arrive();
    }
    for (Reader& reader : readers_) {
      for (size_t messages = random_.Below(reader.slow ? 2 : 6); messages > 0; --messages) {
        Take(reader);
      }
      if (random_.OneIn(40)) {
        End(reader);
      } else if (random_.OneIn(3)) {
        Return(reader);
      }
    }
    if (random_.OneIn(8)) {
      life_->clock.Advance(absl::Seconds(10));
    }
  }

  // Every reader reads to the end.
  void Settle() {
    life_->log.FailReads(absl::OkStatus());
    for (Reader& reader : readers_) {
      while (!reader.walk.complete() && !::testing::Test::HasFailure()) {
        Return(reader);
        ASSERT_TRUE(reader.sink->Await()) << "nothing more came";
        Take(reader);
      }
    }
  }

  size_t events() const {
    size_t sum = 0;
    for (const Reader& reader : readers_) {
      sum += reader.walk.events();
    }
    return sum;
  }
  size_t gaps() const {
    size_t sum = 0;
    for (const Reader& reader : readers_) {
      sum += reader.walk.gaps();
    }
    return sum;
  }

 private:
  void NewLife() {
    life_ = nullptr;
    life_ = std::make_unique<Life>(random_.OneIn(2) ? 1 : random_.Below(200'000));
  }

  void Append() {
    log::TestBatch batch;
    for (size_t count = random_.Below(60); count > 0; --count) {
      const std::string topic = random_.Text("abc", 1) + "." + random_.Text("0123", 1);
      const std::string id = "e" + std::to_string(next_id_++);
      batch.Add({.topic = topic, .id = id, .payload = std::string(random_.Below(300), 'x')});
      written_->Add(topic, id);
    }
    if (!batch.events().empty()) {
      ASSERT_TRUE(life_->log.Append(batch.events()).ok());
    }
    ASSERT_EQ(life_->log.bounds().head, written_->Head().sequence);
    life_->log_clock.Advance(absl::Seconds(1));
  }

  void Trim() {
    ASSERT_TRUE(life_->log.Trim({.age_max = absl::Seconds(1 + random_.Below(20))}).ok());
    written_->Trim(life_->log.bounds().earliest - 1);
  }

  void Arrive() {
    Reader& reader = readers_.emplace_back(*written_, random_.Pick(kFilters));
    reader.slow = random_.OneIn(2);
    if (random_.OneIn(2)) {
      const size_t lives = written_->lives();
      Cursor start = written_->Head(lives - 1 - (random_.OneIn(4) ? random_.Below(lives) : 0));
      start.sequence -= std::min<uint64_t>(start.sequence, random_.Below(random_.OneIn(2) ? start.sequence + 1 : 40));
      reader.walk.Begin(start);
    }
    Return(reader);
  }

  void Return(Reader& reader) {
    if (reader.sink != nullptr && !reader.sink->finished()) {
      return;
    }
    v1::SubscribeRequest request;
    for (const std::string& filter : reader.walk.filters()) {
      request.add_filters(filter);
    }
    if (reader.walk.at().has_value()) {
      request.mutable_start()->set_after_cursor(reader.walk.at()->ToString());
    } else if (random_.OneIn(2)) {
      request.mutable_start()->mutable_earliest();
    }
    request.set_max_batch_events(static_cast<uint32_t>(1 + random_.Below(40)));
    request.mutable_progress_interval()->set_seconds(5);
    FaultOr<SubscriptionOptions> options = ReadSubscribeRequest(request, *life_->types);
    ASSERT_TRUE(options.ok()) << options.fault().message;
    reader.subscription = nullptr;
    reader.sink = std::make_unique<HeldMessage>();
    reader.subscription = std::make_shared<Subscription>(life_->context, "s", *std::move(options), *reader.sink);
    reader.subscription->Begin();
  }

  // What is there, if anything is.
  void Take(Reader& reader) {
    if (reader.sink == nullptr) {
      return;
    }
    const std::optional<v1::SubscribeResponse> response = reader.sink->Take();
    if (!response.has_value()) {
      return;
    }
    Walk(reader.walk, *response);
    reader.subscription->OnWritten(true);
  }

  static Cursor CursorIn(const std::string& text) { return Cursor::Parse(text).value(); }

  static void Walk(ReaderWalk& walk, const v1::SubscribeResponse& response) {
    switch (response.kind_case()) {
      case v1::SubscribeResponse::kStarted:
        // With a gap to come it names the place after it.
        if (!walk.at().has_value()) {
          walk.Begin(CursorIn(response.started().cursor()));
        }
        break;
      case v1::SubscribeResponse::kGap:
        walk.Progress(CursorIn(response.gap().requested_cursor()));
        walk.Gap(CursorIn(response.gap().resume_cursor()), response.gap().reason() == v1::Gap::REASON_OTHER_EPOCH);
        break;
      case v1::SubscribeResponse::kBatch:
        for (const v1::Event& event : response.batch().events()) {
          walk.Event(CursorIn(event.cursor()), event.id());
        }
        break;
      case v1::SubscribeResponse::kProgress:
        walk.Progress(CursorIn(response.progress().cursor()));
        break;
      default:
        FAIL() << response.ShortDebugString();
    }
  }

  // The reader goes away; what is in flight is lost with it.
  static void End(Reader& reader) {
    if (reader.sink == nullptr) {
      return;
    }
    reader.subscription->Cancel();
    while (!reader.sink->finished()) {
      ASSERT_TRUE(reader.sink->Await());
      if (reader.sink->Take().has_value()) {
        reader.subscription->OnWritten(false);
      }
    }
    reader.subscription = nullptr;
    reader.sink = nullptr;
  }

  void EndAll() {
    for (Reader& reader : readers_) {
      End(reader);
    }
  }

  Random& random_;
  std::optional<WrittenLog> written_;
  std::unique_ptr<Life> life_;
  std::list<Reader> readers_;
  int next_id_ = 0;
};

TEST(SubscriptionProperty, EveryReaderGetsEverythingOnceInOrderOrAGap) {
  size_t events = 0;
  size_t gaps = 0;
  test::ForAll(3, [&](Random& random) {
    World world(random);
    for (int round = 0; round < 150 && !::testing::Test::HasFailure(); ++round) {
      world.Round();
    }
    world.Settle();
    events += world.events();
    gaps += world.gaps();
  });
  EXPECT_GT(events, 1000u);
  EXPECT_GT(gaps, 0u);
}

}  // namespace
}  // namespace weir::server
