// What a benchmark has to say: rows of a table, and what went wrong. One thread.
#ifndef WEIR_TESTS_BENCH_REPORT_H_
#define WEIR_TESTS_BENCH_REPORT_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::bench {

// What a figure should be: a ratio (its unit begins with `×`) or an absolute value.
struct Aim {
  double measured = 0;
  std::string unit;  // `× floor`, `µs`
  double must = 0;
  double reach = 0;      // 0: no more than must
  bool at_least = true;  // else at most
};

struct Row {
  std::string figure;                                       // unique in its table
  std::vector<std::pair<std::string, std::string>> values;  // by target: {"weir", "1,234"}
  std::optional<Aim> aim = std::nullopt;
};

// `1,234.5`.
std::string Thousands(double value, int decimals);

class Report {
 public:
  // A row with Weir's value alone.
  void Add(std::string figure, std::string value) { Add(Row{std::move(figure), {{"weir", std::move(value)}}}); }
  void Add(Row row);
  void Fail(const std::string& why);

  const std::vector<Row>& rows() const { return rows_; }
  bool failed() const { return failed_; }

  // The rows in Markdown. A column for each target that has a value; those of the aims only where a row has one.
  std::string Table() const;
  // The ratios that are more than 15 % worse than those that `table` records under the same figure; one line each.
  std::vector<std::string> WorseThan(std::string_view table) const;

 private:
  std::vector<Row> rows_;
  bool failed_ = false;
};

// `text` with what is between `<!-- bench NAME -->` and the next `<!-- end -->` replaced; null when that is not there.
std::optional<std::string> ReplaceSection(std::string_view text, std::string_view name, std::string_view section);
// What is there now.
std::optional<std::string_view> SectionOf(std::string_view text, std::string_view name);

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_REPORT_H_
