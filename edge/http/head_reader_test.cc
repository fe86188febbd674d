#include "edge/http/head_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::edge {
namespace {

constexpr size_t kHeadBytesMax = 64;

std::string Request(const std::string& target) { return "GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n"; }

// Gives it the bytes in pieces, as they might come; the targets of the requests, or the statuses of faults.
std::vector<std::string> Read(const std::string& bytes, size_t piece, std::string& kept) {
  std::vector<std::string> found;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    HeadReader heads(kept, std::string_view(bytes).substr(at, piece), kHeadBytesMax);
    const size_t before = found.size();
    while (const auto next = heads.Next()) {
      const auto* const fault = std::get_if<HeadFault>(&*next);
      found.push_back(fault != nullptr ? std::to_string(fault->problem.status) : std::get<RequestHead>(*next).target);
    }
    EXPECT_EQ(heads.took(), found.size() > before);
    heads.Keep();
    EXPECT_EQ(heads.empty(), kept.empty());
  }
  return found;
}

TEST(HeadReaderTest, FindsEachRequestHoweverTheBytesCome) {
  const std::string bytes = Request("/a") + "\r\n" + Request("/b") + Request("/c");
  const std::vector<std::string> all = {"/a", "/b", "/c"};
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    std::string kept;
    EXPECT_EQ(Read(bytes, piece, kept), all) << piece;
    EXPECT_EQ(kept, "");
    EXPECT_EQ(Read(bytes + "GET /d", piece, kept), all) << piece;
    EXPECT_EQ(kept, "GET /d");
  }
}

TEST(HeadReaderTest, WhatIsWrongIsSeenAsEarlyAsItCanBe) {
  const std::vector<std::string> bad = {"400"};
  const std::vector<std::string> large = {"431"};
  for (const size_t piece : {1, 7, 1000}) {
    std::string kept;
    EXPECT_EQ(Read("\x16\x03\x01", 1000, kept), bad);
    EXPECT_EQ(kept, "") << "nothing behind it counts";
    EXPECT_EQ(Read("GET / HTTP/1.1\r\nHost: h\nX", 1000, kept), bad) << "not complete, and not to become good";
    EXPECT_EQ(Read("GET /" + std::string(kHeadBytesMax - 4, 'x'), piece, kept), large);
    kept.clear();
    const std::string largest = Request("/" + std::string(kHeadBytesMax - Request("/").size(), 'x'));
    EXPECT_EQ(Read(largest, piece, kept).at(0).size(), largest.size() - Request("").size());
  }
}

// After its turn a connection looks at what it kept, without anything new.
TEST(HeadReaderTest, GoesOnWithWhatWasKept) {
  std::string kept;
  const std::string both = Request("/a") + Request("/b");
  HeadReader first(kept, both, kHeadBytesMax);
  EXPECT_TRUE(first.Next());
  first.Keep();
  EXPECT_EQ(kept, Request("/b"));
  HeadReader second(kept, {}, kHeadBytesMax);
  const auto next = second.Next();
  ASSERT_TRUE(next);
  EXPECT_EQ(std::get<RequestHead>(*next).target, "/b");
  second.Keep();
  EXPECT_EQ(kept, "");
}

}  // namespace
}  // namespace weir::edge
