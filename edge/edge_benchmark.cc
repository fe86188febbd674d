// What an event costs on its way through the tail, and a block's frame; without rendering and sockets.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "edge/framing.h"
#include "edge/tail.h"
#include "edge/testing/fake_log.h"
#include "edge/testing/fake_render.h"

namespace weir::edge {
namespace {

constexpr size_t kBatchEvents = 64;

std::shared_ptr<const std::string> BatchFrom(FakeLog& log) {
  const uint64_t before = log.head();
  for (size_t i = 0; i < kBatchEvents; ++i) {
    log.Add("users." + std::to_string(i) + ".notifications", std::string(250, 'x'));
  }
  return BatchBytes(log.After(before, {">"}));
}

// Batches, made beforehand, of one log.
std::vector<std::shared_ptr<const std::string>> Batches(FakeLog& log, size_t count) {
  std::vector<std::shared_ptr<const std::string>> batches;
  for (size_t i = 0; i < count; ++i) {
    batches.push_back(BatchFrom(log));
  }
  return batches;
}

void Begin(Tail& tail, const FakeLog& log) {
  tail.SetSchema(FakeSchema());
  tail.Reset(log.At(0), GapReason::kExpired);
  tail.SetReady();
}

// Per event: what the upstream's thread does.
void TailAppend(benchmark::State& state) {
  FakeLog log;
  const auto batches = Batches(log, 256);
  size_t next = batches.size();
  std::unique_ptr<Tail> tail;
  for (auto _ : state) {
    if (next == batches.size()) {
      state.PauseTiming();
      tail = std::make_unique<Tail>(TailOptions{});
      Begin(*tail, log);
      next = 0;
      state.ResumeTiming();
    }
    if (!tail->Append(batches[next++]).ok()) {
      state.SkipWithError("not appended");
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBatchEvents));
}
BENCHMARK(TailAppend);

// Per event: what each hub does to see it.
void TailRead(benchmark::State& state) {
  FakeLog log;
  Tail tail({});
  Begin(tail, log);
  for (const auto& batch : Batches(log, 64)) {
    if (!tail.Append(batch).ok()) {
      state.SkipWithError("not appended");
    }
  }
  uint64_t events = 0;
  for (auto _ : state) {
    TailReader reader = tail.ReaderAfter(tail.state().generation, 0);
    while (reader.Next() == TailReader::Step::kEvent) {
      benchmark::DoNotOptimize(reader.event().topic);
      ++events;
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(events));
}
BENCHMARK(TailRead);

// Per event: a block of that many, as one chunk.
void BlockOfFrames(benchmark::State& state) {
  const std::string frame(300, 'x');
  Block block;
  for (auto _ : state) {
    block.Clear();
    for (int64_t i = 0; i < state.range(0); ++i) {
      block.body() += frame;
    }
    benchmark::DoNotOptimize(block.Finish(true));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BlockOfFrames)->Arg(1)->Arg(32);

}  // namespace
}  // namespace weir::edge
