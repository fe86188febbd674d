// One line out for each line in, in the order of the lines in, whatever the order of the results. Any thread.
#ifndef WEIR_CLIENTS_CLI_RESULT_LINES_H_
#define WEIR_CLIENTS_CLI_RESULT_LINES_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

namespace weir::cli {

class ResultLines {
 public:
  // `print` is called with one line at a time.
  explicit ResultLines(std::function<void(const std::string&)> print, size_t waiting_max = 64 * 1024)
      : print_(std::move(print)), waiting_max_(waiting_max) {}

  // The place of the next line. Waits while `waiting_max` lines have a place and are not printed.
  uint64_t Reserve();
  // The line of a place; prints it and those behind it that are ready, or keeps it until those before it are.
  void Set(uint64_t place, std::string line);
  // The same line for every place that has none yet.
  void SetRest(const std::string& line);

 private:
  void PrintReady();

  const std::function<void(const std::string&)> print_;
  const size_t waiting_max_;
  std::mutex mutex_;
  std::condition_variable printed_;
  std::deque<std::optional<std::string>> lines_;  // guarded by mutex_
  uint64_t first_ = 0;                            // guarded by mutex_: the place of lines_[0]
};

}  // namespace weir::cli

#endif  // WEIR_CLIENTS_CLI_RESULT_LINES_H_
