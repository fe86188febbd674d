#include "log/record_file.h"

#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "log/crc32c.h"
#include "log/rocksdb_testing.h"

namespace weir::log {
namespace {

using testing::ElementsAreArray;

// Writes records as RocksDB does.
std::string FileOf(const std::vector<std::string>& records) {
  constexpr size_t kBlock = 32'768;
  std::string out;
  for (const std::string& record : records) {
    std::string_view rest = record;
    bool first = true;
    do {
      const size_t left = kBlock - out.size() % kBlock;
      if (left < 7) {
        out.append(left, '\0');
        continue;
      }
      const std::string_view piece = rest.substr(0, left - 7);
      rest.remove_prefix(piece.size());
      const int type = first ? (rest.empty() ? 1 : 2) : (rest.empty() ? 4 : 3);
      const std::string body = std::string(1, static_cast<char>(type)).append(piece);
      const uint32_t crc = MaskedCrc32c(body);
      out.append(reinterpret_cast<const char*>(&crc), 4);
      out.push_back(static_cast<char>(piece.size() & 0xff));
      out.push_back(static_cast<char>(piece.size() >> 8));
      out.append(body);
      first = false;
    } while (!rest.empty());
  }
  return out;
}

class RecordFileTest : public testing::Test {
 protected:
  RecordFile Read(const std::string& bytes) {
    records_.clear();
    std::ofstream(temp_.Sub("file"), std::ios::binary) << bytes;
    const auto file =
        ReadRecordFile(temp_.Sub("file"), [&](uint64_t, std::string_view record) { records_.emplace_back(record); });
    EXPECT_TRUE(file.ok()) << file.status();
    return *file;
  }

  TempDirectory temp_;
  std::vector<std::string> records_;
};

const std::vector<std::string> kRecords = {std::string(100, 'a'), std::string(70'000, 'b'), "c",
                                           std::string(30'000, 'd'), std::string(5, 'e')};

TEST(Crc32c, IsThatOfTheStandard) {
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(Crc32c("6789", Crc32c("12345")), 0xe3069283U);
}

TEST_F(RecordFileTest, ReadsWholeRecordsAcrossBlocks) {
  const std::string bytes = FileOf(kRecords);
  const RecordFile file = Read(bytes);
  EXPECT_TRUE(file.whole());
  EXPECT_EQ(file.records, 5u);
  EXPECT_EQ(file.bytes, bytes.size());
  EXPECT_THAT(records_, ElementsAreArray(kRecords));
}

TEST_F(RecordFileTest, AnEmptyFileIsWhole) { EXPECT_TRUE(Read("").whole()); }

TEST_F(RecordFileTest, WhateverItsCutLosesTheRecordsBehindTheCutOnly) {
  const std::string bytes = FileOf(kRecords);
  for (size_t size = 0; size < bytes.size(); size += 397) {
    const RecordFile file = Read(bytes.substr(0, size));
    EXPECT_FALSE(file.record_after_damage.has_value()) << size;
    EXPECT_LE(file.whole_bytes, size);
    EXPECT_EQ(file.bytes, size);
    ASSERT_LE(records_.size(), kRecords.size());
    for (size_t i = 0; i < records_.size(); ++i) {
      ASSERT_EQ(records_[i], kRecords[i]);
    }
  }
}

TEST_F(RecordFileTest, AWrongByteBeforeTheLastRecordIsDamage) {
  const std::string bytes = FileOf(kRecords);
  for (size_t at = 0; at < bytes.size() - 12; at += 1'009) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    const RecordFile file = Read(damaged);
    EXPECT_FALSE(file.whole()) << at;
    EXPECT_TRUE(file.record_after_damage.has_value()) << at;
    EXPECT_EQ(file.bytes, bytes.size());
  }
}

TEST_F(RecordFileTest, AWrongLengthInTheLastRecordIsDamageToo) {
  std::string bytes = FileOf(kRecords);
  bytes[bytes.size() - 7] = '\x7f';
  EXPECT_TRUE(Read(bytes).record_after_damage.has_value());
}

TEST_F(RecordFileTest, ZerosBetweenRecordsAreDamage) {
  std::string bytes = FileOf(kRecords);
  const size_t at = FileOf({kRecords[0]}).size();
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), 40'000, '\0');
  const RecordFile file = Read(bytes);
  EXPECT_EQ(file.whole_bytes, at);
  EXPECT_TRUE(file.record_after_damage.has_value());
}

TEST_F(RecordFileTest, GarbageOrZerosAtTheEndAreNoRecord) {
  const std::string bytes = FileOf(kRecords);
  std::mt19937_64 random(7);
  std::string garbage;
  while (garbage.size() < 100'000) {
    garbage.push_back(static_cast<char>(random()));
  }
  for (const std::string& rest : {garbage, std::string(50'000, '\0')}) {
    const RecordFile file = Read(bytes + rest);
    EXPECT_EQ(file.whole_bytes, bytes.size());
    EXPECT_FALSE(file.record_after_damage.has_value());
    EXPECT_EQ(file.records, 5u);
  }
}

}  // namespace
}  // namespace weir::log
