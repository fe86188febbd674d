#include "tests/bench/bus_latency.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "tests/bench/publishing.h"
#include "tests/bench/quantiles.h"
#include "tests/support/system.h"
#include "weir/client.h"

namespace weir::bench {
namespace {

// Long enough for everything to be idle again.
constexpr absl::Duration kPause = absl::Milliseconds(10);
constexpr size_t kWarmUp = 50;
constexpr size_t kEvents = 200;  // a round

// The disk alone: a small write at the end of a file, and its sync.
class DiskSync {
 public:
  explicit DiskSync(const std::string& path) : file_(open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600)) {}
  ~DiskSync() { close(file_); }
  DiskSync(const DiskSync&) = delete;
  DiskSync& operator=(const DiskSync&) = delete;

  // Infinite when it fails.
  absl::Duration Write() const {
    const std::string bytes(400, 'x');
    const absl::Time start = absl::Now();
    const bool stored =
        write(file_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) && fdatasync(file_) == 0;
    return stored ? absl::Now() - start : absl::InfiniteDuration();
  }

 private:
  const int file_;
};

// A publisher, a server, an edge and a browser.
class Path {
 public:
  absl::Status Open(const std::vector<std::string>& flags) {
    system_.StartServer(flags);
    system_.StartEdge();
    if (!system_.WaitReady()) {
      return absl::UnavailableError("the edge did not become ready");
    }
    auto load = OpenReadersAt(system_.http_port(), 1, [this](size_t, uint64_t, int64_t nanos) {
      const std::lock_guard lock(mutex_);
      read_ = absl::FromUnixNanos(nanos);
      ++events_read_;
      changed_.notify_one();
    });
    if (!load.ok()) {
      return load.status();
    }
    load_ = *std::move(load);
    client_.emplace(ClientOptions{.server = system_.grpc_address()});
    publisher_.emplace(*client_);
    return absl::OkStatus();
  }

  // From publishing an event to reading it; infinite when it does not come.
  absl::Duration Send() {
    const absl::Time start = absl::Now();
    publisher_->Publish(event_);
    ++sent_;
    std::unique_lock lock(mutex_);
    const bool came = changed_.wait_for(lock, absl::ToChronoMilliseconds(testing::kPatience),
                                        [this] { return events_read_ == sent_; });
    return came ? read_ - start : absl::InfiniteDuration();
  }

 private:
  const v1::Event event_ = MakeEvent();
  testing::System system_;
  std::unique_ptr<load::StreamLoad> load_;
  std::optional<Client> client_;
  std::optional<Publisher> publisher_;
  uint64_t sent_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t events_read_ = 0;  // guarded by mutex_
  absl::Time read_;           // guarded by mutex_
};

}  // namespace

void MeasureDurableLatency(const Plan& plan, Report& report) {
  Path durable;
  Path memory;
  absl::Status status = durable.Open({"--engine", "rocksdb", "--sync", "always"});
  status.Update(memory.Open({"--engine", "memory"}));
  if (!status.ok()) {
    return report.Fail(status.ToString());
  }
  const testing::TempDir directory;
  const DiskSync disk(directory.File("sync"));
  std::vector<double> disk_micros;
  std::vector<double> durable_micros;
  std::vector<double> memory_micros;
  for (size_t i = 0; i < kWarmUp + plan.rounds * kEvents; ++i) {
    // In turn with the events: a disk and a processor that were idle answer later, and others use them, too.
    absl::SleepFor(kPause);
    const absl::Duration alone = disk.Write();
    if (i >= kWarmUp) {
      disk_micros.push_back(absl::ToDoubleMicroseconds(alone));
    }
    for (Path* path : {&durable, &memory}) {
      absl::SleepFor(kPause);
      const absl::Duration took = path->Send();
      if (took == absl::InfiniteDuration()) {
        return report.Fail("an event did not come");
      }
      if (i >= kWarmUp) {
        (path == &durable ? durable_micros : memory_micros).push_back(absl::ToDoubleMicroseconds(took));
      }
    }
  }
  const double durable_median = Percentile(durable_micros, 0.5);
  const double memory_median = Percentile(memory_micros, 0.5);
  report.Add({.figure = "publish → SSE bytes, one event on an idle system, p50",
              .values = {{"weir", fmt::format("{:.0f} µs", durable_median)},
                         {"log in memory", fmt::format("{:.0f} µs", memory_median)}},
              .aim = Aim{.measured = durable_median - memory_median,
                         .unit = "µs more than in memory",
                         .must = 300,
                         .reach = 200,
                         .at_least = false}});
  report.Add("… of which one write and fdatasync by themselves take, p50",
             fmt::format("{:.0f} µs", Percentile(disk_micros, 0.5)));
}

}  // namespace weir::bench
