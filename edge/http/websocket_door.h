// A WebSocket between its upgrade and its first message, which says who it is. Bytes in, bytes out; Connection has the
// socket and the clock.
//
// It answers pings, as many as a WebSocket may send at once, and takes exactly one message: `auth`. Whoever sends
// another, or too much, is told and closed. It keeps at most one message. One thread.
#ifndef WEIR_EDGE_HTTP_WEBSOCKET_DOOR_H_
#define WEIR_EDGE_HTTP_WEBSOCKET_DOOR_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/time/time.h"
#include "edge/http/front_desk.h"
#include "edge/token_bucket.h"
#include "edge/websocket/client_frames.h"

namespace weir::edge {

class WebSocketDoor {
 public:
  WebSocketDoor(PendingWebSocket pending, WebSocketLimits limits) : pending_(std::move(pending)), limits_(limits) {}

  struct Step {
    std::string out;                      // frames to send
    bool closes = false;                  // the last ones
    bool too_many = false;                // because the client has said too much
    std::optional<StreamRequest> stream;  // admitted: `out`, all bytes that are left and what may be said are in it
  };
  // What has come. After a step that closes or admits it is of no further use.
  Step Take(std::string_view bytes, FrontDesk& desk, absl::Time now, TokenBucket::Instant instant);

  // What is sent when no first message came in time, and when the edge is about to end.
  static std::string TooLate();
  static std::string GoingAway();

 private:
  void TakeMessage(std::string_view text, FrontDesk& desk, absl::Time now, Step& step) const;

  const PendingWebSocket pending_;
  const WebSocketLimits limits_;
  TokenBucket messages_;
  ClientFrames frames_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_WEBSOCKET_DOOR_H_
