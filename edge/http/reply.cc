#include "edge/http/reply.h"

#include <fmt/format.h>

#include "edge/http/static_files.h"

namespace weir::edge {

std::string Serialise(const Reply& reply, const ReplyContext& context) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n{}X-Content-Type-Options: nosniff\r\n", reply.status,
                                ReasonPhrase(reply.status), reply.headers);
  if (reply.is_stream) {
    // These are the headers of every stream, also of one that ends at once.
    out += "Content-Type: text/event-stream\r\nCache-Control: no-cache\r\nX-Accel-Buffering: no\r\n";
    out +=
        context.http11 ? "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" : "Connection: close\r\n\r\n";
    if (context.head_only) {
      return out;
    }
    return out + (context.http11 ? fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", reply.body.size(), reply.body) : reply.body);
  }
  out += fmt::format("Date: {}\r\n", HttpDate(absl::ToTimeT(context.now)));
  const size_t length = reply.body.empty() ? reply.length : reply.body.size();
  if (reply.status != 204 && reply.status != 304 && (!context.head_only || length > 0)) {
    out += fmt::format("Content-Length: {}\r\n", length);
  }
  if (!context.keep_alive || reply.close) {
    out += "Connection: close\r\n";
  } else if (!context.http11) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
  if (!context.head_only && reply.status != 204 && reply.status != 304) {
    out += reply.body;
  }
  return out;
}

Reply ProblemReply(const Problem& problem, std::string_view detail, std::string headers) {
  Reply reply;
  reply.status = problem.status;
  reply.headers = "Content-Type: application/problem+json\r\nCache-Control: no-store\r\n" + std::move(headers);
  reply.body = ProblemBody(problem, detail);
  return reply;
}

}  // namespace weir::edge
