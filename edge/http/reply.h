// An ordinary answer, and its bytes. Pure; any thread.
#ifndef WEIR_EDGE_HTTP_REPLY_H_
#define WEIR_EDGE_HTTP_REPLY_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "edge/http/problem.h"

namespace weir::edge {

struct Reply {
  int status = 200;
  std::string headers = {};  // each line with CR LF; those of framing, connection and date come by themselves
  std::string body = {};
  bool is_stream = false;  // the body is a whole event stream: chunked, so that its end is seen to be clean
  bool close = false;      // the connection cannot go on after it
  size_t length = 0;       // of a body that was not made, for HEAD
  // Why the client is to come back later; null: that is not what it is told.
  const Problem* sent_away = nullptr;
};

// How the request of an answer was made.
struct ReplyContext {
  bool http11 = true;
  bool keep_alive = true;
  bool head_only = false;  // HEAD
  absl::Time now;
};

// The bytes to send. Whether the connection goes on is `context.keep_alive && !reply.close`, and stands in the bytes; a
// stream of HTTP/1.0 always ends it.
std::string Serialise(const Reply& reply, const ReplyContext& context);

// An answer of `application/problem+json`. `headers` as in Reply.
Reply ProblemReply(const Problem& problem, std::string_view detail, std::string headers = "");

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_REPLY_H_
