// Segments that have ended: their postings on disk, and what is missing in them.
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "log/rocksdb_engine_fixture.h"
#include "log/rocksdb_format.h"
#include "log/segment_index.h"
#include "rocksdb/db.h"

namespace weir::log {
namespace {

TEST_F(RocksDbEngineTest, ClosedSegmentsHaveTheirPostingsOnDisk) {
  {
    const std::unique_ptr<LogEngine> log = Open();
    for (int i = 0; i < 35; ++i) {
      AppendNumbered(*log, i % 2 == 0 ? "even" : "odd", fmt::format("{}-", i), 10);
    }
  }
  {
    // However far indexing had come when the log was closed, the next opening catches up.
    const std::unique_ptr<LogEngine> log = Open();
    EXPECT_EQ(ReadTopic(*log, "even").size(), 180u);
    EXPECT_EQ(ReadTopic(*log, "odd").size(), 170u);
    // The next closed segment waits behind the others.
    AppendNumbered(*log, "even", "more", 600);
  }
  const std::unique_ptr<Inside> inside = LookInside();
  EXPECT_EQ(inside->Count(kSegments), 9u);
  EXPECT_GE(inside->Count(kPostings), 6u) << "of the first three segments, on two topics";
  std::string value;
  ASSERT_TRUE(
      inside->db->Get(rocksdb::ReadOptions(), inside->families[kPostings], format::PostingsKey(101, "even"), &value)
          .ok());
  TopicPostings expected = {{"test.v1.Note", {}}};
  for (uint32_t i = 0; i < 100; ++i) {
    if (i / 10 % 2 == 0) {
      expected[0].offsets.push_back(i);
    }
  }
  EXPECT_EQ(DecodePostings(value).value(), expected);
}

// As a power cut leaves them that takes back the events, and not the postings, which were in a file of their own: one
// for a segment that has ended and is not indexed by what is known, and some beyond.
TEST_F(RocksDbEngineTest, PostingsOfEventsThatArePastAreNotBelieved) {
  AppendNumbered(*Open(), "a.b", "x", 150);
  {
    const std::unique_ptr<Inside> inside = LookInside();
    std::string value;
    const rocksdb::ReadOptions read;
    ASSERT_TRUE(inside->db->Get(read, inside->families[kSegments], format::NumberKey(1), &value).ok());
    format::SegmentRecord record = *format::DecodeSegment(format::NumberKey(1), value);
    record.indexed = false;
    const rocksdb::WriteOptions write;
    ASSERT_TRUE(inside->db->Put(write, inside->families[kSegments], format::NumberKey(1), format::Encode(record)).ok());
    for (const uint64_t segment : {1, 101, 1001}) {
      ASSERT_TRUE(inside->db
                      ->Put(write, inside->families[kPostings], format::PostingsKey(segment, "gone"),
                            EncodePostings({{"test.v1.Note", {3}}}))
                      .ok());
    }
  }
  AppendNumbered(*Open(), "a.b", "y", 600);
  {
    const std::unique_ptr<LogEngine> log = Open();
    EXPECT_THAT(ReadTopic(*log, "gone"), testing::IsEmpty());
    EXPECT_EQ(ReadTopic(*log, "a.b").size(), 750u);
  }
  const std::unique_ptr<Inside> inside = LookInside();
  std::string value;
  for (const uint64_t segment : {1, 101, 1001}) {
    EXPECT_TRUE(
        inside->db
            ->Get(rocksdb::ReadOptions(), inside->families[kPostings], format::PostingsKey(segment, "gone"), &value)
            .IsNotFound())
        << segment;
  }
}

// RocksDB takes a file of postings over by linking it, and removes our name of it last. A process that ends in between
// leaves a name that is the database's own file.
TEST_F(RocksDbEngineTest, WhatAnInterruptedIndexingLeftIsNotWrittenOver) {
  AppendNumbered(*Open(), "a.b", "x", 250);
  AppendNumbered(*Open(), "a.b", "y", 100);
  {
    const std::unique_ptr<Inside> inside = LookInside();
    std::vector<rocksdb::LiveFileMetaData> files;
    inside->db->GetLiveFilesMetaData(&files);
    const auto postings = std::find_if(files.begin(), files.end(), [](const rocksdb::LiveFileMetaData& file) {
      return file.column_family_name == format::kPostings;
    });
    ASSERT_NE(postings, files.end());
    std::filesystem::create_hard_link(options_.directory + "/db" + postings->name, options_.directory + "/sealing.sst");
  }
  AppendNumbered(*Open(), "c.d", "z", 600);
  EXPECT_EQ(ReadTopic(*Open(), "a.b").size(), 350u);
  EXPECT_EQ(ReadTopic(*Open(), "c.d").size(), 600u);
}

TEST_F(RocksDbEngineTest, ASegmentWithoutPostingsIsScannedWhenTheLogIsOpened) {
  {
    const std::unique_ptr<LogEngine> log = Open();
    AppendNumbered(*log, "a.b", "x", 350);
  }
  {
    const std::unique_ptr<Inside> inside = LookInside();
    ASSERT_TRUE(inside->db
                    ->DeleteRange(rocksdb::WriteOptions(), inside->families[kPostings], format::NumberKey(101),
                                  format::NumberKey(201))
                    .ok());
    std::string value;
    ASSERT_TRUE(
        inside->db->Get(rocksdb::ReadOptions(), inside->families[kSegments], format::NumberKey(101), &value).ok());
    format::SegmentRecord record = *format::DecodeSegment(format::NumberKey(101), value);
    record.indexed = false;
    ASSERT_TRUE(
        inside->db
            ->Put(rocksdb::WriteOptions(), inside->families[kSegments], format::NumberKey(101), format::Encode(record))
            .ok());
  }
  EXPECT_EQ(ReadTopic(*Open(), "a.b").size(), 350u);
}

TEST_F(RocksDbEngineTest, AHoleIsDataLoss) {
  {
    const std::unique_ptr<LogEngine> log = Open();
    AppendNumbered(*log, "a.b", "x", 350);
  }
  {
    const std::unique_ptr<Inside> inside = LookInside();
    ASSERT_TRUE(inside->db->Delete(rocksdb::WriteOptions(), inside->families[kEvents], format::NumberKey(311)).ok());
    ASSERT_TRUE(inside->db->Delete(rocksdb::WriteOptions(), inside->families[kEvents], format::NumberKey(21)).ok());
  }
  // In the active segment for certain; in the first one when it was not indexed in time.
  ExpectRefused(absl::StatusCode::kDataLoss, " is missing");
}

TEST_F(RocksDbEngineTest, ReadingAcrossAHoleIsDataLoss) {
  {
    const std::unique_ptr<LogEngine> log = Open();
    AppendNumbered(*log, "a.b", "x", 150);
    AppendNumbered(*log, "a.b", "y", 500);  // at most four wait: the first segment is indexed
  }
  {
    const std::unique_ptr<Inside> inside = LookInside();
    ASSERT_TRUE(inside->db->Delete(rocksdb::WriteOptions(), inside->families[kEvents], format::NumberKey(21)).ok());
  }
  const std::unique_ptr<LogEngine> log = Open();
  EXPECT_EQ(log->Read({.after = 15}).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(log->Read({.after = 100}).ok());
}

// A look-up guesses how large chunks are.
TEST_F(RocksDbEngineTest, EventsOfATopicAreFoundInChunksOfAnySize) {
  std::mt19937 random(3);
  std::map<std::string, std::vector<uint64_t>> expected;
  for (int life = 0; life < 3; ++life) {
    const std::unique_ptr<LogEngine> log = Open();
    for (int i = 0; i < 120; ++i) {
      TestBatch batch;
      std::vector<std::string> topics;
      const size_t count = i % 40 < 20 ? 1 : 1 + random() % 40;
      for (size_t j = 0; j < count; ++j) {
        topics.push_back(fmt::format("t.{}", random() % 20));
        batch.Add({.topic = topics.back(),
                   .id = fmt::format("{}-{}-{}", life, i, j),
                   .payload = std::string(random() % 9 == 0 ? 5'000 : 20, 'x')});
      }
      const auto results = log->Append(batch.events());
      ASSERT_TRUE(results.ok());
      for (size_t j = 0; j < count; ++j) {
        expected[topics[j]].push_back((*results)[j].sequence);
      }
    }
    for (const auto& [topic, sequences] : expected) {
      EXPECT_EQ(ReadTopic(*log, topic), sequences);
      const Selection selection = Select({topic});
      const absl::StatusOr<Page> newest = log->Read({.after = UINT64_MAX,
                                                     .until = 1,
                                                     .selection = &selection,
                                                     .events_max = sequences.size(),
                                                     .newest_first = true});
      ASSERT_TRUE(newest.ok()) << newest.status();
      EXPECT_EQ(SequencesOf(*newest), std::vector<uint64_t>(sequences.rbegin(), sequences.rend()));
    }
  }
}

}  // namespace
}  // namespace weir::log
