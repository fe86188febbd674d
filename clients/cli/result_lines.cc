#include "clients/cli/result_lines.h"

#include <utility>

namespace weir::cli {

uint64_t ResultLines::Reserve() {
  std::unique_lock<std::mutex> lock(mutex_);
  printed_.wait(lock, [this] { return lines_.size() < waiting_max_; });
  lines_.emplace_back();
  return first_ + lines_.size() - 1;
}

void ResultLines::Set(uint64_t place, std::string line) {
  const std::lock_guard<std::mutex> lock(mutex_);
  lines_[place - first_] = std::move(line);
  PrintReady();
}

void ResultLines::SetRest(const std::string& line) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (std::optional<std::string>& waiting : lines_) {
    if (!waiting.has_value()) {
      waiting = line;
    }
  }
  PrintReady();
}

// The mutex is held.
void ResultLines::PrintReady() {
  while (!lines_.empty() && lines_.front().has_value()) {
    print_(*lines_.front());
    lines_.pop_front();
    ++first_;
  }
  printed_.notify_all();
}

}  // namespace weir::cli
