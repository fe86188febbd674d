// What a benchmark has to say: rows of the table, and what went wrong. One thread.
#ifndef WEIR_TESTS_BENCH_REPORT_H_
#define WEIR_TESTS_BENCH_REPORT_H_

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace weir::bench {

class Report {
 public:
  struct Row {
    std::string what;
    std::string value;
  };

  void Add(std::string what, std::string value) {
    fmt::print(stderr, "{}: {}\n", what, value);
    rows_.push_back({std::move(what), std::move(value)});
  }
  void Fail(const std::string& why) {
    fmt::print(stderr, "weir-bench: {}\n", why);
    failed_ = true;
  }

  const std::vector<Row>& rows() const { return rows_; }
  bool failed() const { return failed_; }

 private:
  std::vector<Row> rows_;
  bool failed_ = false;
};

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_REPORT_H_
