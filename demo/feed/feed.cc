#include "demo/feed/feed.h"

#include <memory>
#include <mutex>
#include <utility>

#include "base/logging.h"
#include "base/text.h"
#include "demo/feed/schedule.h"
#include "demo/feed/sources.h"
#include "fmt/format.h"
#include "weir/client.h"

namespace weir::demo {
namespace {

constexpr absl::Duration kTrickleInterval = absl::Seconds(4);
constexpr absl::Duration kImageInterval = absl::Milliseconds(400);  // a step of one of three requests
constexpr absl::Duration kReportInterval = absl::Seconds(10);
constexpr absl::Duration kFullWait = absl::Milliseconds(50);
constexpr absl::Duration kFlushWait = absl::Seconds(5);

// What became of the events so far, and of the server. Any thread.
class Tally {
 public:
  void Add(const std::string& topic, const PublishOutcome& outcome) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (outcome.status.ok()) {
      ++stored_;
      cursor_ = outcome.ack.cursor();
      if (away_) {
        away_ = false;
        spdlog::info("the server is back");
      }
    } else if (!absl::IsAborted(outcome.status) && ++refused_ == 1) {
      spdlog::warn("an event on {} was refused: {} {}", topic, ErrorReason(outcome.status), Message(outcome.status));
    }
  }

  void Away(const absl::Status& status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!away_) {
      away_ = true;
      spdlog::warn("the server is away, events wait for it ({})", Message(status));
    }
  }

  std::string Report() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return fmt::format("{} events stored, {} refused{}{}", stored_, refused_, cursor_.empty() ? "" : ", the last at ",
                       cursor_);
  }

  bool none_refused() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return refused_ == 0;
  }

 private:
  mutable std::mutex mutex_;
  uint64_t stored_ = 0;
  uint64_t refused_ = 0;
  std::string cursor_;
  bool away_ = false;
};

// Hands the event to the publisher, waiting for room. False when told to stop meanwhile.
bool Publish(Publisher& publisher, const v1::Event& event, Tally& tally, const absl::Notification& stop) {
  const auto done = [&tally, topic = event.topic()](const PublishOutcome& outcome) { tally.Add(topic, outcome); };
  while (!publisher.TryPublish(event, done).ok()) {
    if (stop.WaitForNotificationWithTimeout(kFullWait)) {
      return false;
    }
  }
  return true;
}

// The images first: they come more often than the others.
std::vector<std::unique_ptr<Source>> TrickleOf(const FeedOptions& options) {
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(MakeImageSource(options.users.front()));
  for (size_t i = 0; i < options.tenants.size(); ++i) {
    sources.push_back(MakeGoalSource(options.tenants[i], 2 * i));
  }
  for (const std::string& user : options.users) {
    sources.push_back(MakeNotificationSource(user));
  }
  return sources;
}

}  // namespace

bool RunFeed(const FeedOptions& options, std::vector<apps::vehicles::v1::Vehicle> cars,
             const absl::Notification& stop) {
  spdlog::info("publishing {} cars to {}, one update every {}{}", cars.size(), options.server,
               absl::FormatDuration(options.interval),
               options.all_apps ? ", and three other applications' events" : "");
  Tally tally;
  ClientOptions connection{.server = options.server, .tls = options.tls, .name = "weir-demo-feed"};
  if (!options.token_file.empty()) {
    connection.token = TokenFromFile(options.token_file);
  }
  Client client(connection);
  Publisher publisher(
      client, {.on_disconnected = [&tally](const absl::Status& status, absl::Duration) { tally.Away(status); }});

  const absl::Time start = absl::Now();
  Schedule schedule;
  VehicleSource vehicles(std::move(cars), options.vehicles_per_update_max, 1);
  schedule.Add(start, options.interval);
  std::vector<std::unique_ptr<Source>> others;
  if (options.all_apps) {
    others = TrickleOf(options);
    for (size_t i = 0; i < others.size(); ++i) {
      schedule.Add(start + kTrickleInterval * static_cast<double>(i) / static_cast<double>(others.size()),
                   i == 0 ? kImageInterval : kTrickleInterval);
    }
  }

  uint64_t updates = 0;
  absl::Time next_report = start + kReportInterval;
  while (!stop.WaitForNotificationWithTimeout(schedule.next_time() - absl::Now())) {
    const absl::Time now = absl::Now();
    const size_t due = schedule.next();
    Source& source = due == 0 ? static_cast<Source&>(vehicles) : *others[due - 1];
    if (!Publish(publisher, source.Next(now), tally, stop)) {
      break;
    }
    schedule.Served(due, now);
    if (due == 0 && (++updates == options.count || (options.once && vehicles.at_end()))) {
      break;
    }
    if (now >= next_report) {
      spdlog::info("{}", tally.Report());
      next_report = now + kReportInterval;
    }
  }
  const absl::Status flushed = publisher.Flush(absl::Now() + kFlushWait);
  spdlog::info("{}", tally.Report());
  if (!flushed.ok()) {
    spdlog::error("{} events were not stored: the server did not answer", publisher.pending());
  }
  return flushed.ok() && tally.none_refused();
}

}  // namespace weir::demo
