#include "tests/chaos/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <utility>

#include "absl/time/clock.h"
#include "base/topic.h"
#include "tests/chaos/applications.h"
#include "tests/chaos/faults.h"
#include "tests/chaos/machine.h"
#include "tests/chaos/proxy.h"
#include "tests/chaos/publishers.h"
#include "tests/chaos/readers.h"
#include "tests/chaos/simple_fault.h"
#include "tests/chaos/status_watch.h"
#include "tests/chaos/world.h"
#include "tests/support/system.h"
#include "weir/client.h"

namespace weir::chaos {
namespace {

constexpr size_t kEdges = 2;
constexpr size_t kReaders = 14;
constexpr uint64_t kServerTailBytes = 1 << 20;
constexpr uint64_t kEdgeTailBytes = 1 << 20;
constexpr uint64_t kBatchBytesMax = 1 << 20;  // an edge's tail is bounded give or take one
constexpr uint64_t kQueueEvents = 2048;

using Kind = RunOptions::Kind;

Kind KindOf(const RunOptions& options) {
  if (options.kind != Kind::kOfSeed) {
    return options.kind;
  }
  return std::array{Kind::kPlain, Kind::kTrims, Kind::kPlain, Kind::kRecreates}[options.seed % 4];
}

std::string ServerYaml(Kind kind, uint64_t retained_bytes) {
  return fmt::format(R"(
retention: {{age: 0s, bytes_max: {}, check_interval: 1s}}
limits:
  tail_bytes_max: {}
  publish_queue_events_max: {}
  publish_queue_bytes_max: 4MiB
  grpc_bytes_max: 64MiB
  free_space_bytes_min: 32MiB
)",
                     kind == Kind::kTrims ? retained_bytes : 0, kServerTailBytes, kQueueEvents);
}

std::string EdgeYaml() {
  return fmt::format(R"(
tail: {{bytes_max: {}, history: 10s}}
limits: {{send_buffer_bytes: 8KiB, slow_reader_timeout: 2s, history_reads_max: 4}}
drain: {{window: 300ms, retry_max: 500ms}}
{})",
                     kEdgeTailBytes, RoutesYaml());
}

// The most resident memory of a process so far; null when it has gone.
std::optional<uint64_t> PeakResidentBytes(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) {
      return std::stoull(line.substr(6)) * 1024;
    }
  }
  return std::nullopt;
}

class Run {
 public:
  explicit Run(const RunOptions& options)
      : options_(options),
        kind_(KindOf(options)),
        random_(options.seed),
        world_(options.dir, kEdges, EdgeYaml(), ServerYaml(kind_, options.retained_bytes)),
        machine_(world_, options.dir) {
    result_.history.seed = options.seed;
    result_.history.trims = kind_ == Kind::kTrims;
  }

  RunResult Do() {
    absl::Status status = Start();
    if (status.ok()) {
      StartPublishers();
      StartReaders();
      status = InflictFaults();
    }
    if (status.ok()) {
      status = Heal();
    }
    Collect();
    if (status.ok()) {
      result_.violations = Check(result_.history);
    } else {  // without the end of the log there is nothing to judge by
      result_.violations = {{"run", std::string(status.message())}};
    }
    return std::move(result_);
  }

 private:
  absl::Status Start() {
    MakeFaults();
    if (absl::Status status = world_.StartServer(); !status.ok()) {
      return status;
    }
    hops_.push_back(std::make_unique<Proxy>(world_.server().port()));
    for (size_t i = 0; i < kEdges; ++i) {
      hops_.push_back(std::make_unique<Proxy>(world_.server().port()));
      world_.set_upstream_port(i, hops_.back()->port());
      if (absl::Status status = world_.StartEdge(i); !status.ok()) {
        return status;
      }
    }
    for (size_t i = 0; i < kEdges; ++i) {
      hops_.push_back(std::make_unique<Proxy>(world_.edge(i).port()));
    }
    std::vector<Proxy*> hops;
    for (const auto& hop : hops_) {
      hops.push_back(hop.get());
    }
    AddFaults(ConnectionFaults(hops));
    watch_ = std::make_unique<StatusWatch>(Address(world_.server().port()), Now());
    return faults_.empty() ? absl::InvalidArgumentError("no fault is left to inflict") : absl::OkStatus();
  }

  void MakeFaults() {
    AddFaults(ProcessFaults());
    AddFaults(machine_.MakeFaults());
    Faults special;
    if (kind_ == Kind::kRecreates) {
      special.push_back(RecreateLogFault());
    }
    if (!options_.only.empty()) {
      special.push_back(machine_.MakeForgetSync());
    }
    AddFaults(std::move(special));
  }

  void AddFaults(Faults more) {
    for (auto& fault : more) {
      const bool wanted = options_.only.empty() ||
                          std::count(options_.only.begin(), options_.only.end(), std::string(fault->name())) > 0;
      if (const std::string why = fault->Unavailable(); wanted && !why.empty()) {
        result_.unavailable[std::string(fault->name())] = why;
      } else if (wanted) {
        faults_.push_back(std::move(fault));
      }
    }
  }

  static std::string Address(uint16_t port) { return fmt::format("127.0.0.1:{}", port); }
  std::function<uint64_t()> Now() {
    return [this] { return ++order_; };
  }

  void StartPublishers() {
    const auto settings = [&](uint64_t number, uint16_t port, double events_per_second) {
      return PublisherSettings{Address(port), number, random_(), events_per_second};
    };
    publishers_.push_back(MakeStreamPublisher(settings(1, world_.server().port(), 200)));
    publishers_.push_back(MakeStreamPublisher(settings(2, hops_[0]->port(), 200)));
    publishers_.push_back(MakeUnaryPublisher(settings(3, hops_[0]->port(), 100)));
  }

  std::string TokenOf(const View& view) {
    if (view.subject.empty()) {
      return "";
    }
    std::string& token = tokens_[view.subject + " " + view.tenant];
    if (token.empty()) {
      std::vector<std::string> argv = {testing::BinaryPath("weir"),
                                       "token",
                                       "--key",
                                       options_.dir + "/secret",
                                       "--sub",
                                       view.subject,
                                       "--ttl",
                                       "24h"};
      if (!view.tenant.empty()) {
        argv.insert(argv.end(), {"--claim", "tenant_id=" + view.tenant});
      }
      const std::string out = testing::RunCommand(argv).out;
      token = out.substr(0, out.find('\n'));
    }
    return token;
  }

  void StartReaders() {
    using enum Transport;
    const std::vector<std::vector<Transport>> habits = {{kSse}, {kGrpc, kSse, kPoll}, {kPoll}, {kSse, kPoll}, {kGrpc}};
    for (size_t i = 0; i < kReaders; ++i) {
      ReaderSettings settings;
      settings.name = fmt::format("reader{}", i);
      settings.view = Views()[i < Views().size() ? i : 0];
      settings.token = TokenOf(settings.view);
      settings.transports = habits[(i + options_.seed) % habits.size()];
      settings.slow = i % 4 == 0;
      for (size_t edge = 0; edge < kEdges; ++edge) {
        settings.edges.emplace_back(edge, world_.edge(edge).port());
        if (!settings.slow) {  // a hop's buffers would hide the slowness
          settings.edges.emplace_back(edge, hops_[1 + kEdges + edge]->port());
        }
      }
      settings.server = Address(random_() % 2 == 0 ? world_.server().port() : hops_[0]->port());
      settings.away = i % 3 == 0 ? absl::Seconds(10) : absl::Milliseconds(200);
      settings.from_earliest = random_() % 3 == 0;
      settings.stay = absl::Seconds(static_cast<double>(1 + random_() % 12));
      settings.seed = random_();
      settings.now = Now();
      readers_.push_back(std::make_unique<ReaderLoad>(std::move(settings)));
    }
  }

  absl::Status InflictFaults() {
    const absl::Time end = absl::Now() + options_.duration;
    // Those that are asked for by name all come, however few a slow machine has time for.
    while (absl::Now() < end || (!options_.only.empty() && result_.faults.size() < faults_.size())) {
      Pause(absl::Milliseconds(static_cast<int64_t>(100 + random_() % 2500)));
      absl::Status status = InflictOne(*faults_[random_() % faults_.size()]);
      if (status.ok()) {
        status = CheckHealth(world_);
      }
      if (!status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

  absl::Status InflictOne(Fault& fault) {
    const int times = ++result_.faults[std::string(fault.name())];
    absl::Status status = absl::OkStatus();
    if (fault.name() == "recreate-log") {
      status = AwaitLives(static_cast<size_t>(times));
    }
    if (status.ok()) {
      status = fault.Inflict(world_, random_);
    }
    return status.ok()
               ? status
               : absl::Status(status.code(), fmt::format("{}: {}", fault.name(), std::string(status.message())));
  }

  // Before the log is recreated once more: a life that the watch misses could not be told from an invented one.
  absl::Status AwaitLives(size_t lives) {
    return testing::WaitUntil([&] { return watch_->lives() >= lives; })
               ? absl::OkStatus()
               : absl::DeadlineExceededError("the server does not tell its status");
  }

  // Waits, and measures meanwhile.
  void Pause(absl::Duration duration) {
    const absl::Time end = absl::Now() + duration;
    Measure();
    absl::SleepFor(end - absl::Now());
  }

  void Measure() {
    const auto note = [&](const std::string& what, std::optional<uint64_t> value, uint64_t bound) {
      Measurement& measurement = measurements_[what];
      measurement = {what, std::max(measurement.value, value), bound};  // null is less than any
    };
    const auto metric = [](const Node& node, const std::string& name) -> std::optional<uint64_t> {
      const std::optional<double> value = testing::System::FindMetric(node.admin_port(), name);
      return value ? std::optional(static_cast<uint64_t>(*value)) : std::nullopt;
    };
    Node& server = world_.server();
    note("the server's resident bytes", PeakResidentBytes(server.process().pid()), options_.server_resident_bytes_max);
    note("the server's tail's bytes", metric(server, "weir_tail_bytes"), kServerTailBytes);
    note("events in the server's queue", metric(server, "weir_publish_queue_events"), kQueueEvents);
    for (size_t i = 0; i < kEdges; ++i) {
      Node& edge = world_.edge(i);
      note("an edge's resident bytes", PeakResidentBytes(edge.process().pid()), options_.edge_resident_bytes_max);
      note("an edge's tail's bytes", metric(edge, "weir_edge_tail_bytes"), kEdgeTailBytes + kBatchBytesMax);
    }
  }

  absl::Status Heal() {
    const absl::Time deadline = absl::Now() + options_.heal_max;
    if (absl::Status status = CheckHealth(world_); !status.ok()) {
      return status;
    }
    for (const auto& publisher : publishers_) {
      publisher->Stop();
    }
    testing::WaitUntil(
        [&] { return std::all_of(publishers_.begin(), publishers_.end(), [](const auto& p) { return p->done(); }); },
        deadline - absl::Now());
    for (const auto& publisher : publishers_) {
      publisher->End();
    }
    watch_->End();
    if (!testing::WaitUntil([&] { return watch_->Ask(); }, deadline - absl::Now()) || !ReadLog(deadline)) {
      return absl::DeadlineExceededError("the log cannot be read when all faults are over");
    }
    for (const auto& reader : readers_) {
      reader->SetGoal(GoalOf(*reader));
    }
    testing::WaitUntil(
        [&] { return std::all_of(readers_.begin(), readers_.end(), [](const auto& r) { return r->done(); }); },
        std::max(absl::Seconds(10), deadline - absl::Now()));
    for (const auto& reader : readers_) {
      reader->End();
    }
    Measure();
    return testing::WaitUntil([&] { return watch_->Ask(); })  // retention may have gone on meanwhile
               ? absl::OkStatus()
               : absl::DeadlineExceededError("the server does not tell its status when all is over");
  }

  // Everything that the log holds, page by page. False when that did not end in time.
  bool ReadLog(absl::Time deadline) {
    std::vector<Stored>& log = result_.history.log;
    v1::ListEventsRequest request;
    request.add_filters(std::string(">"));
    request.set_page_size(1000);
    while (absl::Now() < deadline) {
      const absl::StatusOr<v1::ListEventsResponse> page =
          watch_->client().ListEvents(request, absl::Now() + absl::Seconds(20));
      if (!page.ok()) {
        absl::SleepFor(absl::Milliseconds(100));
        continue;
      }
      for (const v1::Event& event : page->events()) {
        log.push_back({Cursor::Parse(event.cursor()).value_or(Cursor()), event.topic(), event.id(),
                       ContentOf(TextOf(event).value_or(""))});
      }
      if (page->next_page_token().empty()) {
        return true;
      }
      request.set_page_token(page->next_page_token());
    }
    return false;
  }

  // The last event of the log that the reader wants.
  Cursor GoalOf(const ReaderLoad& reader) {
    const std::vector<LogStatus>& statuses = watch_->statuses();
    Cursor goal{statuses.empty() ? Epoch() : statuses.back().head.epoch, 0};
    for (const Stored& stored : result_.history.log) {
      if (std::any_of(reader.filters().begin(), reader.filters().end(),
                      [&](const std::string& filter) { return FilterMatches(filter, stored.topic); })) {
        goal = stored.cursor;
      }
    }
    return goal;
  }

  void Collect() {
    History& history = result_.history;
    for (const auto& publisher : publishers_) {
      publisher->End();
      std::vector<Published> record = publisher->TakeRecord();
      history.published.insert(history.published.end(), std::make_move_iterator(record.begin()),
                               std::make_move_iterator(record.end()));
    }
    for (const auto& reader : readers_) {
      reader->End();
      history.readers.push_back(reader->TakeRecord());
    }
    if (watch_ != nullptr) {
      watch_->End();
      history.statuses = std::move(watch_->statuses());
      history.epochs = std::move(watch_->epochs());
    }
    for (const auto& [what, measurement] : measurements_) {
      history.measurements.push_back(measurement);
    }
  }

  const RunOptions options_;
  const Kind kind_;
  std::mt19937_64 random_;
  std::atomic<uint64_t> order_ = 0;
  RunResult result_;
  std::map<std::string, std::string> tokens_;
  std::map<std::string, Measurement> measurements_;
  World world_;
  Machine machine_;
  std::vector<std::unique_ptr<Proxy>> hops_;  // to the server for clients and for each edge; to each edge for readers
  Faults faults_;
  std::unique_ptr<StatusWatch> watch_;
  std::vector<std::unique_ptr<PublisherLoad>> publishers_;
  std::vector<std::unique_ptr<ReaderLoad>> readers_;
};

}  // namespace

RunResult RunOnce(const RunOptions& options) { return Run(options).Do(); }

}  // namespace weir::chaos
