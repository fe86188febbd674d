#include "tests/bench/bus_history.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "absl/time/clock.h"
#include "tests/bench/bus_publish_load.h"
#include "tests/bench/bus_subscribe_load.h"
#include "tests/bench/proc_stats.h"
#include "tests/bench/publishing.h"
#include "tests/bench/quantiles.h"
#include "tests/support/system.h"
#include "weir/client.h"

namespace weir::bench {
namespace {

using Channels = std::vector<std::shared_ptr<grpc::Channel>>;

constexpr uint64_t kEvents = 10'000'000;
constexpr uint64_t kTopicEvents = 1'000;
constexpr size_t kReplays = 21;
constexpr size_t kStarts = 3;
// After a kill this much was published since the last start.
constexpr uint64_t kBeforeKill = 100'000;
// One drop removes what was published within this long.
constexpr absl::Duration kDropped = absl::Seconds(30);
constexpr absl::Duration kPublishEvery = absl::Milliseconds(2);

// What the tables below a directory take of the disk. The write-ahead log has as much before as after: RocksDB has 140
// MB reserved for it.
uint64_t TableDiskBytes(const std::string& directory) {
  uint64_t bytes = 0;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    struct stat info {};
    if (it->path().extension() == ".sst" && stat(it->path().c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
      bytes += static_cast<uint64_t>(info.st_blocks) * 512;
    }
  }
  return bytes;
}

std::string Millions(uint64_t events) {
  return events < 1'000'000 ? fmt::format("{} k", events / 1'000) : fmt::format("{} M", events / 1'000'000);
}

class History {
 public:
  History(uint64_t events, Report& report) : events_(events), report_(report) {}

  absl::Status Run() {
    begin_ = absl::Now();
    absl::Status status = Start();
    for (const uint64_t target : {events_ / 100, events_ / 10, events_}) {
      status.Update(Grow(target));
    }
    if (status.ok()) {
      AddGrowth();
    }
    status.Update(Starts());
    status.Update(Drop());
    return status;
  }

 private:
  absl::Status Start(const std::vector<std::string>& more = {}) {
    std::vector<std::string> flags = {"--engine", "rocksdb", "--sync", "always"};
    flags.insert(flags.end(), more.begin(), more.end());
    channels_.clear();
    const absl::Time start = absl::Now();
    system_.StartServer(flags);
    ready_seconds_ = absl::ToDoubleSeconds(absl::Now() - start);
    absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = Connect(system_.grpc_address());
    if (channel.ok()) {
      channels_.push_back(*std::move(channel));
    }
    return channel.status();
  }

  absl::Status Stop() {
    system_.server().Signal(SIGTERM);
    return system_.server().Wait(testing::kPatience).status();
  }

  absl::Status Publish(EventMaker& maker, uint64_t events, double* acks_per_second = nullptr) {
    const absl::StatusOr<PublishResult> result = PublishWire(channels_.front(), maker, events, 64);
    if (!result.ok()) {
      return result.status();
    }
    if (acks_per_second != nullptr) {
      *acks_per_second = result->acks_per_second;
    }
    head_ = result->head;
    return absl::OkStatus();
  }

  // Publishes up to `target` events, on as many new topics as makes 1,000 events each, and reads one of them.
  absl::Status Grow(uint64_t target) {
    const uint64_t events = target - head_;
    const size_t topics = events / kTopicEvents;
    EventMaker maker(topics, users_);
    double acks = 0;
    const CpuTime before = CpuTimeOf(system_.server().pid());
    if (absl::Status status = Publish(maker, topics * kTopicEvents, &acks); !status.ok()) {
      return status;
    }
    const CpuTime after = CpuTimeOf(system_.server().pid());
    const double cpu = (after.seconds - before.seconds) * 1e6 / static_cast<double>(events);
    const std::string log = Millions(target);
    report_.Add(fmt::format("publish while the log grows to {} events: acks/s", log), Thousands(acks, 0));
    report_.Add(fmt::format("… server CPU per event, to {}", log), fmt::format("{:.2f} µs", cpu));
    report_.Add(fmt::format("… server memory with {}, PSS", log),
                fmt::format("{:.0f} MB", static_cast<double>(PssBytesOf(system_.server().pid())) / 1e6));
    const absl::StatusOr<double> replay = Replay(users_ + topics / 2);
    if (!replay.ok()) {
      return replay.status();
    }
    Row row{.figure = fmt::format("replay of one topic's 1,000 events among {}, warm", log),
            .values = {{"weir", fmt::format("{:.1f} ms", *replay * 1e3)}}};
    if (target == events_) {
      row.aim = Aim{.measured = *replay * 1e3, .unit = "ms", .must = 15, .reach = 5, .at_least = false};
    }
    report_.Add(std::move(row));
    users_ += topics;
    seconds_per_ack_.push_back(1 / acks);
    cpu_per_event_.push_back(cpu);
    replays_.push_back(*replay);
    return absl::OkStatus();
  }

  // How the larger logs compare with the smaller.
  void AddGrowth() {
    const std::string sizes =
        fmt::format("{}, {} and {} events", Millions(events_ / 100), Millions(events_ / 10), Millions(events_));
    report_.Add({.figure = fmt::format("growth, {}: time of an acknowledgement", sizes),
                 .values = {},
                 .aim = Flat(seconds_per_ack_)});
    report_.Add({.figure = "… server CPU per event", .values = {}, .aim = Flat(cpu_per_event_)});
    report_.Add({.figure = "… replay of one topic", .values = {}, .aim = Flat(replays_)});
  }

  // Seconds, the first time not counted.
  absl::StatusOr<double> Replay(size_t user) {
    Reading reading;
    reading.request.add_filters(EventMaker::TopicOf(user));
    reading.request.mutable_start()->mutable_earliest();
    reading.events = kTopicEvents;
    reading.dense = false;
    std::vector<double> seconds;
    for (size_t i = 0; i < kReplays; ++i) {
      const absl::StatusOr<double> took = ReadTogether(channels_, reading);
      if (!took.ok()) {
        return took.status();
      }
      seconds.push_back(*took);
    }
    seconds.erase(seconds.begin());
    return Percentile(seconds, 0.5);
  }

  absl::Status Starts() {
    std::vector<double> clean;
    std::vector<double> killed;
    EventMaker maker(1'000);
    for (size_t i = 0; i < kStarts; ++i) {
      absl::Status status = Stop();
      status.Update(Start());
      clean.push_back(ready_seconds_);
      if (status.ok()) {
        status.Update(Publish(maker, kBeforeKill));
      }
      system_.server().Kill();
      status.Update(Start());
      killed.push_back(ready_seconds_);
      if (!status.ok()) {
        return status;
      }
    }
    AddStart("a clean stop", Percentile(clean, 0.5), 0.2);
    AddStart("kill -9", Percentile(killed, 0.5), 1);
    return absl::OkStatus();
  }

  void AddStart(const std::string& after, double seconds, double must) {
    report_.Add({.figure = fmt::format("start with {} events in the log, after {}", Millions(events_), after),
                 .values = {{"weir", fmt::format("{:.2f} s", seconds)}},
                 .aim = Aim{.measured = seconds, .unit = "s", .must = must, .at_least = false}});
  }

  // Events fall due while the server looks only now and then: so that much is removed at one time, when a publisher is
  // at work. What was published in the first seconds is the first to be due.
  absl::Status Drop() {
    testing::WriteFile(system_.dir().File("server.yaml"),
                       fmt::format("retention: {{check_interval: {}s}}\n", absl::ToInt64Seconds(kDropped)));
    const int64_t age = absl::ToInt64Seconds(absl::Now() - begin_) + 2;
    absl::Status status = Stop();
    status.Update(Start({"--config", system_.dir().File("server.yaml"), "--retention-age", fmt::format("{}s", age)}));
    if (!status.ok()) {
      return status;
    }
    Client client({.server = system_.grpc_address()});
    const auto before = client.GetStatus(absl::Now() + testing::kPatience);
    if (!before.ok()) {
      return before.status();
    }
    const uint64_t disk_before = TableDiskBytes(system_.data_dir());
    double quiet_worst = 0;
    double drop_worst = 0;
    const absl::Time end = absl::Now() + kDropped + absl::Seconds(10);
    const absl::Time drop_from = absl::Now() + kDropped - absl::Seconds(3);
    for (absl::Time due = absl::Now(); due < end; due += kPublishEvery) {
      absl::SleepFor(due - absl::Now());
      v1::PublishRequest request;
      *request.add_events() = MakeEvent();
      const absl::Time start = absl::Now();
      if (absl::Status published = client.Publish(request, start + testing::kPatience).status(); !published.ok()) {
        return published;
      }
      double& worst = start < drop_from ? quiet_worst : drop_worst;
      worst = std::max(worst, absl::ToDoubleMilliseconds(absl::Now() - start));
    }
    const auto after = client.GetStatus(absl::Now() + testing::kPatience);
    if (!after.ok()) {
      return after.status();
    }
    if (after->earliest_cursor() == before->earliest_cursor()) {
      return absl::InternalError("no events were dropped");
    }
    const double dropped = static_cast<double>(before->stored_bytes()) - static_cast<double>(after->stored_bytes());
    const double share = dropped / static_cast<double>(before->stored_bytes());
    const double freed = static_cast<double>(disk_before) - static_cast<double>(TableDiskBytes(system_.data_dir()));
    const double back = freed / (share * static_cast<double>(disk_before));
    report_.Add({.figure = "what the disk has back of the space of events that were dropped",
                 .values = {{"weir", fmt::format("{:.0f} % of {:.2f} GB", back * 100, dropped / 1e9)}},
                 .aim = Aim{.measured = back, .unit = "of their share", .must = 0.95}});
    report_.Add({.figure = "the longest a publish took meanwhile",
                 .values = {{"weir", fmt::format("{:.1f} ms", drop_worst)}},
                 .aim = Aim{.measured = drop_worst, .unit = "ms", .must = 50, .reach = 20, .at_least = false}});
    report_.Add("… and in the half minute before", fmt::format("{:.1f} ms", quiet_worst));
    return absl::OkStatus();
  }

  const uint64_t events_;
  Report& report_;
  testing::System system_;
  Channels channels_;
  absl::Time begin_;
  uint64_t head_ = 0;
  size_t users_ = 0;
  double ready_seconds_ = 0;
  // By size of the log.
  std::vector<double> seconds_per_ack_;
  std::vector<double> cpu_per_event_;
  std::vector<double> replays_;
};

}  // namespace

void MeasureHistory(const Plan& plan, Report& report) {
  if (const absl::Status status = History(plan.quick ? kEvents / 10 : kEvents, report).Run(); !status.ok()) {
    report.Fail(status.ToString());
  }
}

}  // namespace weir::bench
