// What happened in one run, as those outside saw it: what every publisher was told, what every reader was shown, and
// what the log holds at the end. Plain data; nothing in it comes from inside the programs.
//
// Event ids are unique over all topics of a history, so that an id names its event also where a route shows no topic.
// `at` is the order in which things were recorded, over all threads: what has a larger one was begun later.
#ifndef WEIR_TESTS_CHAOS_HISTORY_H_
#define WEIR_TESTS_CHAOS_HISTORY_H_

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/cursor.h"

namespace weir::chaos {

// Stands for an event's content: equal for equal texts, and in every process (FNV-1a).
uint64_t ContentOf(std::string_view text);

struct Published {
  enum class Outcome : uint8_t { kUnknown, kAcknowledged, kRefused };

  // Events of one stream that were not refused lie in the log in this order. Stream 0 promises none: unary calls of
  // their own, and what was published a second time on purpose.
  uint64_t stream = 0;
  uint64_t order = 0;
  std::string topic;
  std::string event_id;
  uint64_t content = 0;
  Outcome outcome = Outcome::kUnknown;
  // When acknowledged.
  Cursor cursor{};
  bool duplicate = false;
  // When refused: the reason.
  std::string reason{};
};

// One thing that a reader was shown.
struct Item {
  enum class Kind : uint8_t {
    kConnected,   // the reader is connected; reading goes on after `cursor`
    kEvent,       // an event at `cursor`
    kProgress,    // everything up to `cursor` was shown: a heartbeat's id, a poll's cursor, a progress of gRPC
    kGap,         // events after `requested` may be missing; reading goes on after `cursor`
    kUnreadable,  // something that no reader should be shown; `text` is it
  };

  Kind kind = Kind::kConnected;
  Cursor cursor{};
  std::string text{};                 // an event's id; a gap's reason
  uint64_t content = 0;               // of an event
  std::optional<Cursor> requested{};  // of a gap
  uint64_t at = 0;
};

enum class Transport : uint8_t { kGrpc, kSse, kPoll };
std::string_view TransportName(Transport transport);

// A stretch of reading without interruption. A run of polls is one: its cursor never leaves the reader.
struct ReaderConnection {
  Transport transport = Transport::kSse;
  size_t edge = 0;  // not of kGrpc
  // The cursor that the reader gave; absent: it had none, and began at `start`.
  std::optional<Cursor> asked{};
  std::string start = "latest";  // or `earliest`
  uint64_t at = 0;
  std::vector<Item> items{};
};

struct Reader {
  std::string name;
  // What it may see, and wants to: topic filters without placeholders.
  std::vector<std::string> filters;
  std::vector<ReaderConnection> connections;
};

// An event as the log held it at the end.
struct Stored {
  Cursor cursor{};
  std::string topic;
  std::string event_id;
  uint64_t content = 0;
};

// What the server said of its log while the run went on.
struct LogStatus {
  uint64_t at = 0;  // before it was asked
  Cursor earliest;  // reading from the beginning starts after it
  Cursor head;
};

// Something that has a stated bound.
struct Measurement {
  std::string what;               // `edge0 resident bytes`
  std::optional<uint64_t> value;  // the largest; null: it was looked for, and never found
  uint64_t bound = 0;
};

struct History {
  uint64_t seed = 0;
  // True when the run allows the log to remove old events.
  bool trims = false;
  std::vector<Published> published;
  std::vector<Reader> readers;
  // The log's lives, the oldest first: one, unless the run recreated the log.
  std::vector<Epoch> epochs;
  // In the order of `at`; the last one is of the end.
  std::vector<LogStatus> statuses;
  // What ListEvents gave at the end, in its order.
  std::vector<Stored> log;
  std::vector<Measurement> measurements;
};

// Everything, a line each, for people who look for the cause of a violation.
void Write(const History& history, std::ostream& out);

}  // namespace weir::chaos

#endif  // WEIR_TESTS_CHAOS_HISTORY_H_
