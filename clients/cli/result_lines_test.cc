#include "clients/cli/result_lines.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace weir::cli {
namespace {

using Lines = std::vector<std::string>;

class ResultLinesTest : public testing::Test {
 protected:
  std::function<void(const std::string&)> Print() {
    return [this](const std::string& line) { printed_.push_back(line); };
  }
  Lines printed_;
};

TEST_F(ResultLinesTest, LinesComeInTheOrderOfTheirPlaces) {
  ResultLines lines(Print());
  const uint64_t first = lines.Reserve();
  const uint64_t second = lines.Reserve();
  const uint64_t third = lines.Reserve();
  lines.Set(third, "3");
  lines.Set(second, "2");
  EXPECT_EQ(printed_, Lines{});
  lines.Set(first, "1");
  EXPECT_EQ(printed_, (Lines{"1", "2", "3"}));
  lines.Set(lines.Reserve(), "4");
  EXPECT_EQ(printed_.back(), "4");
}

TEST_F(ResultLinesTest, TheRestGetsOneLineEach) {
  ResultLines lines(Print());
  lines.Reserve();
  const uint64_t second = lines.Reserve();
  lines.Reserve();
  lines.Set(second, "2");
  lines.SetRest("lost");
  EXPECT_EQ(printed_, (Lines{"lost", "2", "lost"}));
}

TEST_F(ResultLinesTest, ReserveWaitsWhileTooManyAreOpen) {
  ResultLines lines(Print(), 1);
  const uint64_t first = lines.Reserve();
  std::thread other([&lines] { lines.Set(lines.Reserve(), "2"); });
  lines.Set(first, "1");
  other.join();
  EXPECT_EQ(printed_, (Lines{"1", "2"}));
}

}  // namespace
}  // namespace weir::cli
