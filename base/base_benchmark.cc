// What it costs to find whom an event concerns, and to write and read a cursor.
#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <vector>

#include "base/cursor.h"
#include "base/filter.h"

namespace weir {
namespace {

void MatchExact(benchmark::State& state) {
  FilterIndex<size_t> index;
  std::vector<std::string> topics;
  for (size_t i = 0; i < static_cast<size_t>(state.range(0)); ++i) {
    topics.push_back("users." + std::to_string(i) + ".notifications");
    index.Insert(topics.back(), i);
  }
  size_t next = 0;
  size_t found = 0;
  for (auto _ : state) {
    index.ForEachMatch(topics[next], [&](size_t value) { found += value; });
    next = (next + 7919) % topics.size();
  }
  benchmark::DoNotOptimize(found);
}
BENCHMARK(MatchExact)->Arg(1)->Arg(1'000)->Arg(100'000);

// Each event concerns one of them.
void MatchWildcards(benchmark::State& state) {
  FilterIndex<size_t> index;
  std::vector<std::string> topics;
  for (size_t i = 0; i < static_cast<size_t>(state.range(0)); ++i) {
    const std::string tenant = "tenants." + std::to_string(i);
    topics.push_back(tenant + ".goals.42");
    index.Insert(i % 2 == 0 ? tenant + ".>" : tenant + ".*.42", i);
  }
  size_t next = 0;
  size_t found = 0;
  for (auto _ : state) {
    index.ForEachMatch(topics[next], [&](size_t value) { found += value; });
    next = (next + 7919) % topics.size();
  }
  benchmark::DoNotOptimize(found);
}
BENCHMARK(MatchWildcards)->Arg(1)->Arg(1'000)->Arg(100'000);

void CursorWrite(benchmark::State& state) {
  const Cursor cursor{*Epoch::Parse("k3v9q0zd"), 1'234'567};
  std::array<char, Cursor::kTextBytesMax> text{};
  for (auto _ : state) {
    benchmark::DoNotOptimize(cursor.Write(text.data()));
  }
}
BENCHMARK(CursorWrite);

void CursorParse(benchmark::State& state) {
  const std::string text = "k3v9q0zd-1234567";
  for (auto _ : state) {
    benchmark::DoNotOptimize(Cursor::Parse(text));
  }
}
BENCHMARK(CursorParse);

}  // namespace
}  // namespace weir
