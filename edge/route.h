// A compiled route, and what one request for it asks: the seam between http/ (which reads requests) and the hubs (which
// serve readers). Plain data; const after it is made, any thread.
#ifndef WEIR_EDGE_ROUTE_H_
#define WEIR_EDGE_ROUTE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "base/cursor.h"
#include "base/text.h"
#include "base/token_marks.h"
#include "edge/connection_counts.h"
#include "edge/render/presentation.h"
#include "edge/required_claims.h"
#include "edge/template.h"
#include "edge/token_bucket.h"

namespace weir::edge {

struct ReadStart {
  enum class Kind { kLatest, kEarliest, kLast, kTime, kAfter, kMalformedCursor };
  Kind kind = Kind::kLatest;
  Cursor cursor;    // kAfter
  absl::Time time;  // kTime
};

// From where on the tail can show a route: it has all events after `after` there, with a place for them as the route
// shows them. Counts in that generation only; in a later one the tail can show the route as far as it reaches.
struct Coverage {
  uint32_t generation = 0;
  uint64_t after = 0;
};

struct Route {
  std::string path;
  std::vector<FilterTemplate> filters;
  bool auth_required = false;
  RequiredClaims required;  // of the token
  bool stopped = false;     // for good: nobody is served
  TextSet types;            // full names; empty: all
  // Which of the edge's distinct presentations: routes that show events alike share one, and its rendered frames.
  uint32_t presentation_index = 0;
  std::shared_ptr<const Presentation> presentation;
  // The same as messages of a WebSocket; null: the route has none.
  uint32_t message_presentation_index = 0;
  std::shared_ptr<const Presentation> message_presentation;
  std::string connected_event = "weir.connected";
  DataTemplate connected_data;
  absl::Duration heartbeat_interval = absl::Seconds(25);
  std::string heartbeat_event;  // empty: a comment line
  DataTemplate heartbeat_data;
  std::string gap_event = "weir.gap";
  std::string upstream_event;                        // empty: not announced
  ReadStart::Kind start = ReadStart::Kind::kLatest;  // kLatest, kEarliest or kLast
  absl::Duration replay_max = absl::InfiniteDuration();
  absl::Duration retry = absl::Seconds(2);
  Coverage coverage;  // of a route that came with a reload
};

// One reader, as http/ understood its request. Everything is checked.
struct ReaderRequest {
  std::shared_ptr<const Route> route;
  std::vector<std::string> filters;  // concrete; sorted, unique
  ReadStart start;
  bool resumed = false;                         // it came with a cursor: counts as a reconnection
  std::string principal;                        // of the token, see PrincipalOf; empty without one
  absl::Time expires = absl::InfiniteFuture();  // the token's end
  TokenMarks token;
  absl::Duration age_max = absl::InfiniteDuration();  // of a stream, whatever its token
};

// Why what a WebSocket's client said is refused, and the connection closed.
struct Refusal {
  uint16_t close_code;  // edge/websocket/frames.h
  std::string_view reason;
  std::string detail;
};

// What tells principals apart: a digest of what a route takes from a token.
using Identity = std::array<unsigned char, 32>;

// A token that takes the place of the one before.
struct Renewal {
  absl::Time expires;  // as the token says
  absl::Time ends;     // when it stops counting
  TokenMarks token;
  absl::Duration age_max = absl::InfiniteDuration();  // the same
};

// Judges the tokens of open WebSockets: FrontDesk does. On the hub's thread; it must outlive the hub's event loop.
class TokenJudge {
 public:
  virtual ~TokenJudge() = default;
  virtual std::variant<Renewal, Refusal> Renew(const Route& route, const Identity& identity,
                                               const std::optional<std::string>& token, absl::Time now) = 0;
};

// What one client may say on a WebSocket.
struct WebSocketLimits {
  size_t messages_per_minute = 0;  // pings and unasked pongs among them; 0: any number
  // From the first byte of a message, or of a control frame by itself, to the last.
  absl::Duration message_timeout = absl::InfiniteDuration();
};

// What a stream that is a WebSocket has besides: it was upgraded, and its first message was taken.
struct WebSocketRequest {
  TokenJudge* judge = nullptr;
  Identity identity = {};
  WebSocketLimits limits;
  TokenBucket messages;              // as far as the client has emptied it
  std::vector<std::string> allowed;  // it may read what these cover; sorted, unique
  std::string answer;                // frames that come first
  std::string received;              // what the client has sent since
};

struct StreamRequest {
  ReaderRequest reader;
  bool chunked = true;        // false for HTTP/1.0: the stream is not framed
  bool fetch_client = false;  // Accept had `weir=1`: it understands statuses
  std::string extra_headers;  // CORS, each `Name: value\r\n`
  std::shared_ptr<const BoundData> connected_data;
  std::shared_ptr<const BoundData> heartbeat_data;  // null: a comment line, or a ping
  std::optional<WebSocketRequest> web_socket;       // null: SSE
  ConnectionCounts::Held address;                   // counts the connection for its address
};

struct PollRequest {
  ReaderRequest reader;
  bool has_cursor = false;  // without a cursor and start: no events and the current cursor
  size_t limit = 100;       // 1 to 1,000
  absl::Duration wait;      // up to 60 s: answers as soon as there is an event
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_ROUTE_H_
