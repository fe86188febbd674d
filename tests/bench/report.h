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
  std::string unit;      // `× floor`, `µs`
  double must = 0;       // 0: nothing is asked of it; it is compared alone
  double reach = 0;      // 0: no more than must
  bool at_least = true;  // else at most
};

// That a cost stays what it is when there is ten and a hundred times as much: by size, the smallest first; of all sizes
// the one that is dearest against the cheapest of the smaller ones.
Aim Flat(const std::vector<double>& costs);

struct Row {
  std::string figure;                                       // unique in its table
  std::vector<std::pair<std::string, std::string>> values;  // by target: {"weir", "1,234"}
  std::optional<Aim> aim = std::nullopt;
};

// A ratio that is compared with the record: the row of that figure, and whom Weir's is divided by.
struct Ratio {
  std::string figure;
  std::string against;
};

struct Comparison {
  std::vector<std::string> faults;
  std::vector<std::string> skipped;
};

// `1,234.5`.
std::string Thousands(double value, int decimals);
// How often each word is there, the most frequent first: `machine 2 of 3, target 1 of 3`; alone when there is no other.
std::string Tally(const std::vector<std::string>& words);

class Report {
 public:
  // A row with Weir's value alone.
  void Add(std::string figure, std::string value) { Add(Row{std::move(figure), {{"weir", std::move(value)}}}); }
  void Add(Row row);
  void Fail(const std::string& why);
  // A target other than Weir has no figure, or not all; said below the table, once for each reason.
  void Lacks(const std::string& target, const std::string& why);

  const std::vector<Row>& rows() const { return rows_; }
  // Those that have a value, in the order of their columns.
  std::vector<std::string> Targets() const;
  bool failed() const { return failed_; }

  // The rows in Markdown. A column for each target that has a value; those of the aims only where a row has one. Below
  // it what others lack.
  std::string Table() const;
  // The ratios against those that `table`, of the file `document`, records under the same figure. It is a fault when
  // one is more than 15 % worse, is not recorded, or was not measured; one that a target lacks is skipped.
  Comparison Compare(const std::vector<Ratio>& ratios, std::string_view table, const std::string& document) const;

 private:
  struct Lack {
    std::string target;
    std::string why;
  };

  const Row* Find(const Ratio& ratio) const;

  std::vector<Row> rows_;
  std::vector<Lack> lacks_;
  bool failed_ = false;
};

// `text` with what is between `<!-- bench NAME -->` and the next `<!-- end -->` replaced; null when that is not there.
std::optional<std::string> ReplaceSection(std::string_view text, std::string_view name, std::string_view section);
// What is there now.
std::optional<std::string_view> SectionOf(std::string_view text, std::string_view name);

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_REPORT_H_
