// Judges a history by what Weir promises (docs/guarantees.md). Each property is a function of its own and looks at the
// history alone; a history without violations of any is what the promises allow. Pure; one thread.
//
// The log as far as anybody saw it is put together from what is in it at the end, from acknowledgements and from what
// readers were shown: so events that retention has removed meanwhile are judged too.
#ifndef WEIR_TESTS_CHAOS_CHECKER_H_
#define WEIR_TESTS_CHAOS_CHECKER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/chaos/history.h"

namespace weir::chaos {

struct Violation {
  std::string property;
  std::string what;
};

class Checker {
 public:
  // The history must outlive it.
  explicit Checker(const History& history);

  // Every property below. Of each at most ten violations are described.
  std::vector<Violation> CheckAll();

  // Within a connection the cursors shown never go back, and every event's is beyond all that was shown before it.
  // Events of one publisher's stream that are in the log lie there in the order in which they were published.
  void Ordered();
  // A place in the log holds one event with one content, whoever tells of it, and an event is at one place in each life
  // of the log: a second publication is acknowledged as a duplicate, with the place of the first, and only when its
  // content is the same. A reader is shown a place at most once on a connection, and at most once overall, for it
  // resumes by cursor.
  void Unique();
  // From where it began to the last cursor that it was given, a reader was shown every event of the log that its
  // filters match, unless a gap covers it.
  void Complete();
  // A gap is announced only when the log no longer had all that follows the cursor that it names, for retention had
  // removed it or the log was recreated, and it skips no more than that.
  void Justified();
  // What was acknowledged, or shown to a reader, is in the log at the end, at that cursor, unless retention has removed
  // all up to there, or the log was recreated. (That it is the same event with the same content is judged by Unique.)
  void Durable();
  // A reader that gives a cursor is connected at that cursor, or is told of a gap after it at once. One that asks for
  // everything begins before the first event of the log that it wants.
  void Resumable();
  // A reader is shown only events whose topic its filters match.
  void Isolated();
  // Nothing is in the log or shown that nobody published, its content is what was published, and what was refused is
  // nowhere.
  void Honest();
  // What has a bound could be measured, and stayed below it.
  void Bounded();
  // When all faults were over, every publisher was answered, no event of a stream was refused (those that must be are
  // of none), and every reader was shown the end of the log.
  void Live();

 private:
  struct Entry {
    std::string_view event_id;
    uint64_t content = 0;
    std::string_view told_by;
  };
  // What is known of one event id.
  struct Origin {
    std::string_view topic;
    std::vector<uint64_t> contents;  // of every publication that was not refused
  };
  // A life of the log.
  struct Life {
    std::map<uint64_t, Entry> entries;
    std::unordered_map<std::string_view, uint64_t> places;  // by event id
  };
  // The sequences that a reader wants, per life.
  using Wanted = std::vector<std::vector<uint64_t>>;

  void Learn(const Cursor& cursor, std::string_view event_id, uint64_t content, std::string_view told_by);
  void Report(std::string_view property, std::string what);
  // The index of the epoch in History::epochs; lives_.size() when it is none of them.
  size_t LifeOf(const Epoch& epoch) const;
  // Whether `a` is an earlier place than `b`, by lives and then by sequences.
  bool Before(const Cursor& a, const Cursor& b) const;
  // The first status that was begun after `at`; the last one when there is none.
  const LogStatus& StatusAfter(uint64_t at) const;

  Wanted WantedBy(const Reader& reader) const;
  // The wanted events after `from` and up to `to`, which itself counts when `including`.
  std::vector<uint64_t> Between(const Wanted& wanted, const Cursor& from, const Cursor& to, bool including) const;
  // Where the reader stands after its last item; null when it was never connected. Reports what it missed when
  // `report`.
  std::optional<Cursor> WalkThrough(const Reader& reader, const Wanted& wanted, bool report);
  void JustifyGap(const Reader& reader, const Item& gap);
  void OrderedReaders();
  void OrderedPublishers();

  const History& history_;
  std::vector<Life> lives_;
  std::unordered_map<std::string_view, Origin> origins_;
  std::vector<std::string> conflicts_;  // between those who told of the log
  std::vector<Violation> violations_;
};

// All violations of a history.
std::vector<Violation> Check(const History& history);

}  // namespace weir::chaos

#endif  // WEIR_TESTS_CHAOS_CHECKER_H_
