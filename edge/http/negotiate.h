// What a request wants to have: an event stream or one JSON answer. Pure; any thread.
//
// The weight of each form is that of the most specific media range that names it (RFC 9110, 12.5.1). The heavier one
// wins; between equals the more specifically named, and then the stream: so `*/*` is a stream, and
// `application/json, text/plain, */*`, which many HTTP libraries send by themselves, is a poll.
#ifndef WEIR_EDGE_HTTP_NEGOTIATE_H_
#define WEIR_EDGE_HTTP_NEGOTIATE_H_

#include <string_view>

namespace weir::edge {

enum class Representation { kStream, kPoll, kNone };

struct Negotiated {
  Representation representation = Representation::kStream;
  // `text/event-stream; weir=1`: a client that reads statuses, which a browser's own EventSource cannot.
  bool fetch_client = false;
};

// `accept` is the header's value, several joined by commas; empty when there is none. Malformed ranges count for
// nothing.
Negotiated Negotiate(std::string_view accept);

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_NEGOTIATE_H_
