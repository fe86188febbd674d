#include "clients/cli/line_reader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <string_view>

namespace weir::cli {
namespace {

class LineReaderTest : public testing::Test {
 protected:
  LineReaderTest() { EXPECT_EQ(pipe(ends_), 0); }
  ~LineReaderTest() override {
    Close();
    close(ends_[0]);
  }
  void Write(std::string_view text) {
    ASSERT_EQ(write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void Close() {
    if (ends_[1] >= 0) {
      close(ends_[1]);
      ends_[1] = -1;
    }
  }
  int fd() const { return ends_[0]; }

 private:
  int ends_[2] = {-1, -1};
};

TEST_F(LineReaderTest, GivesALineAsSoonAsItIsComplete) {
  LineReader reader(fd());
  Write("one\ntw");
  EXPECT_EQ(*reader.Next(), "one");
  Write("o\n\n");
  EXPECT_EQ(*reader.Next(), "two");
  EXPECT_EQ(*reader.Next(), "");
  Close();
  EXPECT_EQ(reader.Next().status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(reader.Next().status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(LineReaderTest, TheLastLineMayLackItsNewline) {
  LineReader reader(fd());
  Write("one\ntwo");
  Close();
  EXPECT_EQ(*reader.Next(), "one");
  EXPECT_EQ(*reader.Next(), "two");
  EXPECT_EQ(reader.Next().status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(LineReaderTest, ALineUpToTheBoundIsGiven) {
  LineReader reader(fd(), 5);
  Write("12345\n123456\n1\n");
  EXPECT_EQ(*reader.Next(), "12345");
  EXPECT_EQ(reader.Next().status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(*reader.Next(), "1");
}

TEST_F(LineReaderTest, AnEndlessLineIsPassedOver) {
  LineReader reader(fd(), 5);
  Write(std::string(1000, 'x'));
  Close();
  EXPECT_EQ(reader.Next().status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(reader.Next().status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(LineReaderTest, SaysWhenItCannotRead) {
  LineReader reader(-1);
  const absl::Status status = reader.Next().status();
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_NE(status.code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace weir::cli
