#include "tests/bench/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace weir::bench {
namespace {

// What a ratio may be worse than the record: machines drift, and three rounds do not resolve less.
constexpr double kTolerance = 0.15;
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

std::string Thousands(double value, int decimals) {
  std::string text = fmt::format("{:.{}f}", value, decimals);
  const size_t point = std::min(text.find('.'), text.size());
  for (size_t at = point; at > 3 + (value < 0 ? 1 : 0); at -= 3) {
    text.insert(at - 3, 1, ',');
  }
  return text;
}

void Report::Add(Row row) {
  std::string values;
  for (const auto& [target, value] : row.values) {
    values += fmt::format("  {} {}", target, value);
  }
  const std::string aim = row.aim ? fmt::format("  = {} ({})", Measured(*row.aim), Verdict(*row.aim)) : "";
  fmt::print(stderr, "{}:{}{}\n", row.figure, values, aim);
  rows_.push_back(std::move(row));
}

void Report::Fail(const std::string& why) {
  fmt::print(stderr, "weir-bench: {}\n", why);
  failed_ = true;
}

std::string Report::Table() const {
  std::vector<std::string> targets;
  bool aims = false;
  for (const Row& row : rows_) {
    aims = aims || row.aim.has_value();
    for (const auto& [target, value] : row.values) {
      if (std::find(targets.begin(), targets.end(), target) == targets.end()) {
        targets.push_back(target);
      }
    }
  }
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
  return table;
}

std::vector<std::string> Report::WorseThan(std::string_view table) const {
  std::vector<std::string> worse;
  for (const Row& row : rows_) {
    if (!row.aim || !row.aim->unit.starts_with("×")) {
      continue;
    }
    const std::optional<double> recorded = Recorded(table, row.figure, row.aim->unit);
    if (recorded && (row.aim->at_least ? row.aim->measured < *recorded * (1 - kTolerance)
                                       : row.aim->measured * (1 - kTolerance) > *recorded)) {
      worse.push_back(fmt::format("{}: {}, and {} is recorded", row.figure, Measured(*row.aim), Number(*recorded)));
    }
  }
  return worse;
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
