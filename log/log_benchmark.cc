// What the log takes and gives, in events a second: batches of 512 events of about 300 bytes on 1,000 topics.
#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "fmt/format.h"
#include "log/log_testing.h"
#include "log/memory_engine.h"
#include "log/rocksdb_engine.h"
#include "log/rocksdb_testing.h"

namespace weir::log {
namespace {

constexpr size_t kBatch = 512;
constexpr size_t kTopics = 1'000;

enum class Engine : int64_t { kMemory, kRocksDb, kRocksDbWithoutSync };

std::unique_ptr<LogEngine> MakeLog(Engine engine, const TempDirectory& directory) {
  if (engine == Engine::kMemory) {
    return MakeMemoryLog({});
  }
  RocksDbOptions options;
  options.directory = directory.Sub("log");
  options.sync = engine == Engine::kRocksDb ? SyncMode::kAlways : SyncMode::kNever;
  return *OpenRocksDbLog(options);
}

// Batches whose ids are new each time.
class Source {
 public:
  explicit Source(size_t topics = kTopics) {
    for (size_t i = 0; i < topics; ++i) {
      topics_.push_back(fmt::format("tenants.t{}.updates", i));
    }
    std::mt19937 random(1);
    std::string payload(200, ' ');
    for (std::string& tail : tails_) {
      std::generate(payload.begin(), payload.end(), [&] { return static_cast<char>(' ' + random() % 64); });
      tail = TailOf("bench.v1.Update", payload);
    }
    events_.resize(kBatch);
    ids_.resize(kBatch);
  }

  std::span<const NewEvent> Next(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      ids_[i] = fmt::format("018f4d6e-7c00-7000-8000-{:012}", ++next_);
      events_[i] = {.topic = topics_[next_ * 7 % topics_.size()],
                    .id = ids_[i],
                    .time = {},
                    .tail = tails_[next_ % tails_.size()]};
    }
    return {events_.data(), count};
  }

 private:
  std::array<std::string, 997> tails_;  // they do not compress
  std::vector<std::string> topics_;
  std::vector<std::string> ids_;
  std::vector<NewEvent> events_;
  uint64_t next_ = 0;
};

void Append(benchmark::State& state) {
  const TempDirectory directory;
  const std::unique_ptr<LogEngine> log = MakeLog(static_cast<Engine>(state.range(0)), directory);
  const auto count = static_cast<size_t>(state.range(1));
  Source source;
  for (auto _ : state) {
    const auto results = log->Append(source.Next(count));
    if (!results.ok()) {
      state.SkipWithError(results.status().ToString().c_str());
      return;
    }
    if (log->bounds().bytes > uint64_t{2} << 30) {
      state.PauseTiming();
      log->Trim({.bytes_max = 512 << 20}).IgnoreError();
      state.ResumeTiming();
    }
  }
  const auto events = static_cast<int64_t>(log->bounds().head);
  state.SetItemsProcessed(events);
  state.counters["bytes/event"] =
      static_cast<double>(log->bounds().bytes) / static_cast<double>(log->bounds().head - log->bounds().earliest + 1);
}
BENCHMARK(Append)
    ->ArgNames({"engine", "batch"})
    ->ArgsProduct({{static_cast<int64_t>(Engine::kMemory), static_cast<int64_t>(Engine::kRocksDb),
                    static_cast<int64_t>(Engine::kRocksDbWithoutSync)},
                   {1, 64, kBatch}})
    ->UseRealTime()
    ->MinTime(3);

// Pages of 256 over half a million events: everything, or one topic of a thousand.
void Read(benchmark::State& state) {
  const TempDirectory directory;
  const std::unique_ptr<LogEngine> log = MakeLog(static_cast<Engine>(state.range(0)), directory);
  Source source;
  while (log->bounds().head < 500'000) {
    log->Append(source.Next(kBatch)).status().IgnoreError();
  }
  const Selection selection{*FilterSet::Parse({state.range(1) != 0 ? "tenants.t5.updates" : ">"}), {}};
  ReadRequest request{.selection = &selection};
  int64_t events = 0;
  for (auto _ : state) {
    const absl::StatusOr<Page> page = log->Read(request);
    events += static_cast<int64_t>(page->events.size());
    request.after = page->read_to < log->bounds().head ? page->read_to : 0;
  }
  state.SetItemsProcessed(events);
}
BENCHMARK(Read)
    ->ArgNames({"engine", "one_topic"})
    ->ArgsProduct({{static_cast<int64_t>(Engine::kMemory), static_cast<int64_t>(Engine::kRocksDb)}, {0, 1}})
    ->UseRealTime();

// All thousand events of one topic, in pages of 256, among others that do not compress: warm.
void History(benchmark::State& state) {
  const TempDirectory directory;
  const std::unique_ptr<LogEngine> log = MakeLog(static_cast<Engine>(state.range(0)), directory);
  const auto all = static_cast<uint64_t>(state.range(1));
  Source source(all / 1'000);
  while (log->bounds().head < all) {
    log->Append(source.Next(std::min<uint64_t>(kBatch, all - log->bounds().head))).status().IgnoreError();
  }
  const Selection selection{*FilterSet::Parse({"tenants.t5.updates"}), {}};
  int64_t events = 0;
  for (auto _ : state) {
    for (ReadRequest request{.selection = &selection}; request.after < log->bounds().head;) {
      const absl::StatusOr<Page> page = log->Read(request);
      events += static_cast<int64_t>(page->events.size());
      request.after = page->read_to;
    }
  }
  state.SetItemsProcessed(events);
}
BENCHMARK(History)
    ->ArgNames({"engine", "events"})
    ->Args({static_cast<int64_t>(Engine::kMemory), 1'000'000})
    ->ArgsProduct({{static_cast<int64_t>(Engine::kRocksDbWithoutSync)}, {100'000, 1'000'000, 10'000'000}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

// Opening a log of two million events after a clean stop.
void Start(benchmark::State& state) {
  const TempDirectory directory;
  {
    const std::unique_ptr<LogEngine> log = MakeLog(Engine::kRocksDbWithoutSync, directory);
    Source source;
    while (log->bounds().head < 2'000'000) {
      log->Append(source.Next(kBatch)).status().IgnoreError();
    }
  }
  for (auto _ : state) {
    std::unique_ptr<LogEngine> log = MakeLog(Engine::kRocksDb, directory);
    state.PauseTiming();
    log.reset();
    state.ResumeTiming();
  }
}
BENCHMARK(Start)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace weir::log

BENCHMARK_MAIN();
