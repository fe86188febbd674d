// One browser's stream, as its hub sees it: a socket and a cursor. Owned and used by one hub's thread.
//
// There may be very many, and nearly all are idle: a session has no buffer, no timer, no parser and no coroutine. What
// only some need (bytes the kernel did not take, a read of history) hangs off it while it is needed.
#ifndef WEIR_EDGE_SESSION_H_
#define WEIR_EDGE_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/cursor.h"
#include "edge/connection_counts.h"
#include "edge/history.h"
#include "edge/hub.h"
#include "edge/token_bucket.h"
#include "edge/websocket/client_frames.h"

namespace weir::edge {

struct Channel;
struct Session;

// A read of history under way: dropped when its asker goes.
struct HistoryTicket {
  Session* session = nullptr;  // or
  uint64_t poll = 0;
};

// A stream waits for its socket.
struct Output {
  std::shared_ptr<const std::string> bytes;  // what is to be sent then; null: nothing that was begun
  size_t offset = 0;
  int64_t since_ms = 0;  // when the kernel last took a byte
  int64_t begun_ms = 0;  // when the wait began
};

// A session that is not in the tail: it has not started yet, or reads history.
struct CatchUp {
  ReadStart start;                                  // until the session has started
  std::shared_ptr<const BoundData> connected_data;  // until then
  std::shared_ptr<HistoryTicket> ticket;            // a read is under way
  std::shared_ptr<const HistoryPage> page;          // being written
  size_t page_next = 0;                             // an event of it
  bool gap_due = false;                             // the page's
  std::string page_token;                           // of reading that a cursor does not describe: see KeepsToken
  Cursor asked_after;                               // by the last read
  bool asked_by_cursor = false;
  uint32_t asked_generation = 0;  // the tail's, by the last read
  int64_t ask_at_ms = 0;          // the server is not asked again before
};

// What its client has sent and was not answered yet: a message in part, or more than there was room to answer.
struct Incoming {
  ClientFrames frames;
  std::string waiting;         // at most what is received at once
  int64_t due_ms = INT64_MAX;  // what has begun in `frames`; while its client is not heard the time stands still
};

// What a session that is a WebSocket has besides.
struct WebSocket {
  TokenJudge* judge = nullptr;
  Identity identity = {};
  WebSocketLimits limits;
  TokenBucket messages;
  std::vector<std::string> allowed;  // what these cover it may subscribe to
  std::unique_ptr<Incoming> incoming;
  uint8_t unanswered = 0;  // pings
  uint8_t pongs_due = 0;   // of these and of those before
  bool unread = false;     // the socket has bytes: they are read when there is room for an answer
};

struct Session {
  enum class State : uint8_t {
    kBehind,  // has a cursor of its own: goes on when its output is gone
    kParked,  // waits for the tail to begin or to reach its cursor, or for its turn to ask the server
    kLive,    // caught up: the hub's place is its place, and its channel writes for it
  };

  explicit Session(Transport t) : transport(std::move(t)) {}

  Transport transport;
  Channel* channel = nullptr;
  ConnectionCounts::Entry* connections = nullptr;
  ConnectionCounts::Held address;
  Cursor cursor;  // what it was given; meaningless before it started and while it is live
  std::unique_ptr<Output> output;
  std::unique_ptr<CatchUp> catch_up;
  std::shared_ptr<const BoundData> heartbeat_data;
  std::unique_ptr<WebSocket> web_socket;  // null: SSE
  int64_t opened_ms = 0;
  int64_t ends_ms = INT64_MAX;  // the token's end, its greatest age, or its turn in a drain
  int64_t heartbeat_ms = 0;     // the next one
  TokenMarks token;
  uint32_t slot = 0;          // in the hub's sessions
  uint32_t place = 0;         // in the channel's readers, or in the hub's parked sessions
  uint32_t generation = 0;    // the tail's, when the cursor was given; 0: the reader came with it
  uint32_t written_mark = 0;  // what TcpProgress said at the last heartbeat
  uint8_t pending = 0;        // operations that will still call back
  State state = State::kBehind;
  bool started = false;    // the first block is written
  bool resumed = false;    // came with a cursor, not yet counted
  bool told_away = false;  // that the upstream is not there
  bool draining = false;
  bool aged = false;  // ends_ms is its greatest age
  bool closed = false;
};
static_assert(sizeof(Session) <= 208, "there may be very many");

}  // namespace weir::edge

#endif  // WEIR_EDGE_SESSION_H_
