#include "tests/bench/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>

namespace weir::bench {
namespace {

// What a ratio may be worse than the record: machines drift, and three rounds do not resolve less.
constexpr double kTolerance = 0.15;
// What still counts as flat: what grows with the size is ten and a hundred times as much.
constexpr double kFlat = 1.25;
constexpr std::string_view kEnd = "<!-- end -->";

std::string Number(double value) {
  const double size = std::abs(value);
  return size >= 1000 ? fmt::format("{:.0f}", value)
         : size >= 10 ? fmt::format("{:.1f}", value)
                      : fmt::format("{:.2f}", value);
}

bool Reaches(const Aim& aim, double goal) { return aim.at_least ? aim.measured >= goal : aim.measured <= goal; }

std::string Goal(const Aim& aim, double goal) {
  return goal == 0 ? "" : fmt::format("{} {}", aim.at_least ? "≥" : "≤", Number(goal));
}

std::string Verdict(const Aim& aim) {
  if (aim.must == 0) {
    return "";
  }
  return !Reaches(aim, aim.must) ? "**no**" : aim.reach != 0 && Reaches(aim, aim.reach) ? "reached" : "met";
}

std::string Measured(const Aim& aim) { return fmt::format("{} {}", Number(aim.measured), aim.unit); }

std::vector<std::string> Cells(std::string_view line) {
  std::vector<std::string> cells;
  while (!line.empty()) {
    const size_t bar = std::min(line.find('|'), line.size());
    std::string_view cell = line.substr(0, bar);
    line.remove_prefix(std::min(bar + 1, line.size()));
    while (cell.starts_with(' ')) {
      cell.remove_prefix(1);
    }
    while (cell.ends_with(' ')) {
      cell.remove_suffix(1);
    }
    cells.emplace_back(cell);
  }
  return cells;
}

// What the row of that figure shows with that unit.
std::optional<double> Recorded(std::string_view table, const std::string& figure, const std::string& unit) {
  while (!table.empty()) {
    const size_t end = std::min(table.find('\n'), table.size());
    const std::vector<std::string> cells = Cells(table.substr(0, end));
    table.remove_prefix(std::min(end + 1, table.size()));
    if (cells.size() < 2 || cells[1] != figure) {
      continue;
    }
    const auto cell =
        std::find_if(cells.begin() + 2, cells.end(), [&](const auto& c) { return c.ends_with(" " + unit); });
    if (cell != cells.end()) {
      return std::atof(cell->c_str());
    }
  }
  return std::nullopt;
}

struct Place {
  size_t begin;
  size_t end;
};

std::optional<Place> Find(std::string_view text, std::string_view name) {
  const std::string mark = fmt::format("<!-- bench {} -->\n", name);
  const size_t begin = text.find(mark);
  const size_t end = begin == std::string_view::npos ? begin : text.find(kEnd, begin);
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  return Place{begin + mark.size(), end};
}

}  // namespace

Aim Flat(const std::vector<double>& costs) {
  double worst = 0;
  double cheapest = costs.front();
  for (size_t i = 1; i < costs.size(); ++i) {
    worst = std::max(worst, costs[i] / cheapest);
    cheapest = std::min(cheapest, costs[i]);
  }
  return {.measured = worst, .unit = "× a smaller", .must = kFlat, .at_least = false};
}

std::string Thousands(double value, int decimals) {
  std::string text = fmt::format("{:.{}f}", value, decimals);
  const size_t point = std::min(text.find('.'), text.size());
  for (size_t at = point; at > 3 + (value < 0 ? 1 : 0); at -= 3) {
    text.insert(at - 3, 1, ',');
  }
  return text;
}

std::string Tally(const std::vector<std::string>& words) {
  std::map<std::string, size_t> counts;
  for (const std::string& word : words) {
    ++counts[word];
  }
  std::vector<std::pair<std::string, size_t>> order(counts.begin(), counts.end());
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (const auto& [word, count] : order) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", word);
    text += order.size() == 1 ? "" : fmt::format(" {} of {}", count, words.size());
  }
  return text;
}

void Report::Add(Row row) {
  std::string values;
  for (const auto& [target, value] : row.values) {
    values += fmt::format("  {} {}", target, value);
  }
  const std::string aim = row.aim ? fmt::format("  = {} {}", Measured(*row.aim), Verdict(*row.aim)) : "";
  fmt::print(stderr, "{}:{}{}\n", row.figure, values, aim);
  rows_.push_back(std::move(row));
}

void Report::Fail(const std::string& why) {
  fmt::print(stderr, "weir-bench: {}\n", why);
  failed_ = true;
}

void Report::Lacks(const std::string& target, const std::string& why) {
  if (std::any_of(lacks_.begin(), lacks_.end(),
                  [&](const Lack& lack) { return lack.target == target && lack.why == why; })) {
    return;
  }
  fmt::print(stderr, "{} has no figure: {}\n", target, why);
  lacks_.push_back({target, why});
}

std::vector<std::string> Report::Targets() const {
  std::vector<std::string> targets;
  for (const Row& row : rows_) {
    for (const auto& [target, value] : row.values) {
      if (std::find(targets.begin(), targets.end(), target) == targets.end()) {
        targets.push_back(target);
      }
    }
  }
  return targets;
}

std::string Report::Table() const {
  const std::vector<std::string> targets = Targets();
  const bool aims = std::any_of(rows_.begin(), rows_.end(), [](const Row& row) { return row.aim.has_value(); });
  std::string head = "| figure |";
  std::string rule = "|---|";
  for (const std::string& target : targets) {
    head += fmt::format(" {} |", target);
    rule += "---:|";
  }
  std::string table =
      head + (aims ? " measured | must | reach for | |\n" : "\n") + rule + (aims ? "---:|---:|---:|---|\n" : "\n");
  for (const Row& row : rows_) {
    table += fmt::format("| {} |", row.figure);
    for (const std::string& target : targets) {
      const auto it =
          std::find_if(row.values.begin(), row.values.end(), [&](const auto& v) { return v.first == target; });
      table += fmt::format(" {} |", it == row.values.end() ? "" : it->second);
    }
    if (row.aim) {
      table += fmt::format(" {} | {} | {} | {} |", Measured(*row.aim), Goal(*row.aim, row.aim->must),
                           Goal(*row.aim, row.aim->reach), Verdict(*row.aim));
    } else if (aims) {
      table += " | | | |";
    }
    table += "\n";
  }
  for (const Lack& lack : lacks_) {
    table += fmt::format("{}{} has no figure: {}.\n", &lack == &lacks_.front() ? "\n" : "", lack.target, lack.why);
  }
  return table;
}

const Row* Report::Find(const Ratio& ratio) const {
  const auto it = std::find_if(rows_.begin(), rows_.end(), [&](const Row& row) {
    return row.figure == ratio.figure && row.aim && row.aim->unit == "× " + ratio.against;
  });
  return it == rows_.end() ? nullptr : &*it;
}

Comparison Report::Compare(const std::vector<Ratio>& ratios, std::string_view table,
                           const std::string& document) const {
  Comparison result;
  for (const Ratio& ratio : ratios) {
    const Row* const row = Find(ratio);
    if (row == nullptr) {
      const auto lack =
          std::find_if(lacks_.begin(), lacks_.end(), [&](const Lack& each) { return each.target == ratio.against; });
      if (lack == lacks_.end()) {
        result.faults.push_back(fmt::format("{}: no ratio × {} was measured", ratio.figure, ratio.against));
      } else {
        result.skipped.push_back(fmt::format("{}: {} has no figure: {}", ratio.figure, lack->target, lack->why));
      }
      continue;
    }
    const Aim& aim = *row->aim;
    const std::optional<double> recorded = Recorded(table, row->figure, aim.unit);
    if (!recorded) {
      result.faults.push_back(
          fmt::format("{} has no '{}' {}: run ./dev bench --write", document, row->figure, aim.unit));
    } else if (aim.at_least ? aim.measured < *recorded * (1 - kTolerance)
                            : aim.measured > *recorded * (1 + kTolerance)) {
      result.faults.push_back(fmt::format("{}: {}, and {} is recorded", row->figure, Measured(aim), Number(*recorded)));
    }
  }
  return result;
}

std::optional<std::string> ReplaceSection(std::string_view text, std::string_view name, std::string_view section) {
  const std::optional<Place> place = Find(text, name);
  if (!place) {
    return std::nullopt;
  }
  return fmt::format("{}\n{}\n{}", text.substr(0, place->begin), section, text.substr(place->end));
}

std::optional<std::string_view> SectionOf(std::string_view text, std::string_view name) {
  const std::optional<Place> place = Find(text, name);
  if (!place) {
    return std::nullopt;
  }
  return text.substr(place->begin, place->end - place->begin);
}

}  // namespace weir::bench
