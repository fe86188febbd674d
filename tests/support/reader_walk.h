// What readers of a log were given, walked beside what was written to it: the judgement that every test of the promise
// "every retained matching event, in order, once, or an explicit gap first" makes. Pure; one thread.
#ifndef WEIR_TESTS_SUPPORT_READER_WALK_H_
#define WEIR_TESTS_SUPPORT_READER_WALK_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cursor.h"
#include "tests/support/naive_topics.h"

namespace weir::test {

// All that was ever written, over all lives of a log, without retention.
class WrittenLog {
 public:
  explicit WrittenLog(std::string_view epoch) { Begin(epoch); }

  // Another life.
  void Begin(std::string_view epoch) { lives_.push_back({*Epoch::Parse(epoch), {}, 0}); }
  // The next event of the present life; `text` is how it is recognised.
  void Add(std::string topic, std::string text) {
    lives_.back().events.emplace(++head_[lives_.size()], std::pair(std::move(topic), std::move(text)));
  }
  // Numbers that are no events.
  void Skip(uint64_t count) { head_[lives_.size()] += count; }
  // Retention may have removed everything up to here.
  void Trim(uint64_t sequence) { lives_.back().trimmed_to = std::max(lives_.back().trimmed_to, sequence); }

  size_t lives() const { return lives_.size(); }
  Cursor Head(size_t life) const {
    const auto it = head_.find(life + 1);
    return {lives_[life].epoch, it == head_.end() ? 0 : it->second};
  }
  Cursor Head() const { return Head(lives_.size() - 1); }

 private:
  friend class ReaderWalk;
  struct Life {
    Epoch epoch;
    std::map<uint64_t, std::pair<std::string, std::string>> events;
    uint64_t trimmed_to;
  };

  // lives() when there is none.
  size_t LifeOf(const Cursor& cursor) const {
    size_t life = 0;
    while (life < lives_.size() && !(lives_[life].epoch == cursor.epoch)) {
      ++life;
    }
    return life;
  }

  std::vector<Life> lives_;
  std::map<size_t, uint64_t> head_;
};

// One reader's way, over all its connections.
class ReaderWalk {
 public:
  // The written log must outlive it.
  ReaderWalk(const WrittenLog& written, std::vector<std::string> filters)
      : written_(&written), filters_(std::move(filters)) {}

  // It asked to be given what follows, or was told that it begins here.
  void Begin(const Cursor& at) {
    if (at_.has_value()) {
      EXPECT_EQ(at.ToString(), at_->ToString()) << "it begins elsewhere than it asked";
    }
    at_ = at;
  }

  // It was given an event.
  void Event(const Cursor& id, std::string_view text) {
    ASSERT_TRUE(Reach(id, id.sequence - 1));
    ASSERT_GT(id.sequence, at_->sequence) << "twice";
    const auto& events = written_->lives_[written_->LifeOf(id)].events;
    const auto it = events.find(id.sequence);
    ASSERT_TRUE(it != events.end() && Wants(it->second.first)) << id.ToString() << " is not for this reader";
    ASSERT_EQ(it->second.second, text);
    at_ = id;
    ++events_;
  }

  // It was told that it has everything up to here.
  void Progress(const Cursor& id) {
    ASSERT_TRUE(Reach(id, id.sequence));
    at_ = id;
  }

  // It was told that events may be missing up to here. `other_epoch`: because the log has another life.
  void Gap(const Cursor& id, bool other_epoch) {
    ASSERT_TRUE(at_.has_value());
    const size_t life = written_->LifeOf(id);
    ASSERT_LT(life, written_->lives());
    if (other_epoch) {
      ASSERT_GT(life, written_->LifeOf(*at_));
    } else {
      ASSERT_EQ(life, written_->LifeOf(*at_)) << "the log has another life, and the gap does not say so";
      ASSERT_GE(id.sequence, at_->sequence);
    }
    ASSERT_LE(id.sequence, written_->lives_[life].trimmed_to) << "a gap over what is retained";
    at_ = id;
    ++gaps_;
  }

  const std::optional<Cursor>& at() const { return at_; }
  // It was given everything that it wants.
  bool complete() const { return at_.has_value() && Reach(written_->Head(), written_->Head().sequence); }
  size_t events() const { return events_; }
  size_t gaps() const { return gaps_; }
  const std::vector<std::string>& filters() const { return filters_; }

 private:
  bool Wants(const std::string& topic) const {
    return std::any_of(filters_.begin(), filters_.end(),
                       [&](const std::string& filter) { return NaiveMatches(filter, topic); });
  }

  // Whether it may now be at `id`, having been given nothing since, though it wants everything up to `until`.
  ::testing::AssertionResult Reach(const Cursor& id, uint64_t until) const {
    if (!at_.has_value() || !(id.epoch == at_->epoch)) {
      return ::testing::AssertionFailure() << "no gap before another life of the log: " << id.ToString();
    }
    if (id.sequence < at_->sequence) {
      return ::testing::AssertionFailure() << id.ToString() << " after " << at_->ToString() << ": order, or twice";
    }
    const auto& events = written_->lives_[written_->LifeOf(id)].events;
    for (auto it = events.upper_bound(at_->sequence); it != events.end() && it->first <= until; ++it) {
      if (Wants(it->second.first)) {
        return ::testing::AssertionFailure()
               << it->first << " is lost, between " << at_->ToString() << " and " << until;
      }
    }
    return ::testing::AssertionSuccess();
  }

  const WrittenLog* written_;
  std::vector<std::string> filters_;
  std::optional<Cursor> at_;
  size_t events_ = 0;
  size_t gaps_ = 0;
};

}  // namespace weir::test

#endif  // WEIR_TESTS_SUPPORT_READER_WALK_H_
