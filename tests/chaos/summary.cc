#include "tests/chaos/summary.h"

#include <fmt/format.h>

namespace weir::chaos {
namespace {

// What a run comes down to.
struct Counts {
  explicit Counts(const RunResult& result) {
    for (const Published& published : result.history.published) {
      acknowledged += published.outcome == Published::Outcome::kAcknowledged ? 1 : 0;
      duplicates += published.duplicate ? 1 : 0;
      refused += published.outcome == Published::Outcome::kRefused ? 1 : 0;
    }
    for (const Reader& reader : result.history.readers) {
      connections += reader.connections.size();
      for (const ReaderConnection& connection : reader.connections) {
        for (const Item& item : connection.items) {
          shown += item.kind == Item::Kind::kEvent ? 1 : 0;
          gaps += item.kind == Item::Kind::kGap ? 1 : 0;
        }
      }
    }
    std::vector<std::string> names;
    for (const auto& [name, count] : result.faults) {
      faults += static_cast<size_t>(count);
      names.push_back(fmt::format("{} {}", count, name));
    }
    for (const std::string& name : names) {
      by_kind += (by_kind.empty() ? "" : ", ") + name;
    }
  }

  size_t acknowledged = 0, duplicates = 0, refused = 0, connections = 0, shown = 0, gaps = 0, faults = 0;
  std::string by_kind;
};

}  // namespace

std::string Summary(const RunResult& result) {
  const Counts counts(result);
  return fmt::format(
      "seed {}: {} events published, {} acknowledged ({} as duplicates), {} refused; {} faults ({}); {} readers, {} "
      "connections, {} events shown, {} gaps announced; {} violations",
      result.history.seed, result.history.published.size(), counts.acknowledged, counts.duplicates, counts.refused,
      counts.faults, counts.by_kind, result.history.readers.size(), counts.connections, counts.shown, counts.gaps,
      result.violations.size());
}

std::string TableHead() {
  return "| seed | events acknowledged | faults | connections | events shown | gaps announced | violations |\n"
         "|---|---|---|---|---|---|---|";
}

std::string TableRow(const RunResult& result) {
  const Counts counts(result);
  return fmt::format("| {} | {} | {} | {} | {} | {} | {} |", result.history.seed, counts.acknowledged, counts.faults,
                     counts.connections, counts.shown, counts.gaps, result.violations.size());
}

}  // namespace weir::chaos
