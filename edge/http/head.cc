#include "edge/http/head.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>

namespace weir::edge {
namespace {

namespace http = boost::beast::http;

constexpr std::string_view kEnd = "\r\n\r\n";

std::string_view View(boost::beast::string_view text) { return {text.data(), text.size()}; }

// Empty lines before a request are to be ignored (RFC 9112, 2.2).
std::string_view WithoutLeadingLines(std::string_view bytes) {
  const size_t begin = bytes.find_first_not_of("\r\n");
  return begin == std::string_view::npos ? std::string_view() : bytes.substr(begin);
}

// Takes a header that may come once. Returns false when it comes more often.
bool TakeOnce(const http::fields& fields, boost::beast::string_view name, std::string& out) {
  const auto range = fields.equal_range(name);
  if (range.first == range.second) {
    return true;
  }
  out = View(range.first->value());
  return std::next(range.first) == range.second;
}

std::string Joined(const http::fields& fields, boost::beast::string_view name, const char* separator = ",") {
  std::string out;
  const auto range = fields.equal_range(name);
  for (auto it = range.first; it != range.second; ++it) {
    out += out.empty() ? "" : separator;
    out += View(it->value());
  }
  return out;
}

// Whether a list, `keep-alive, Upgrade`, has that word, in any case.
bool HasToken(const std::string& list, boost::beast::string_view token) {
  return http::token_list(boost::beast::string_view(list)).exists(token);
}

}  // namespace

size_t HeadSize(std::string_view bytes, size_t seen) {
  const size_t lead = bytes.size() - WithoutLeadingLines(bytes).size();
  const size_t from = std::max(lead, seen < kEnd.size() ? 0 : seen - kEnd.size());
  const size_t end = bytes.find(kEnd, from);
  return end == std::string_view::npos ? 0 : end + kEnd.size();
}

bool MayBeRequest(std::string_view bytes) {
  const std::string_view line = WithoutLeadingLines(bytes);
  return line.empty() || (line[0] >= 'A' && line[0] <= 'Z') || (line[0] >= 'a' && line[0] <= 'z');
}

std::variant<RequestHead, HeadFault> ParseHead(std::string_view bytes) {
  if (const auto fault = FaultInBytes(bytes, 0)) {
    return *fault;
  }
  bytes = WithoutLeadingLines(bytes);
  if (const auto fault = FaultInLines(bytes)) {
    return *fault;
  }
  http::request_parser<http::empty_body> parser;
  parser.skip(true);  // the body is never read
  parser.header_limit(static_cast<uint32_t>(std::min<size_t>(bytes.size() + 1, UINT32_MAX)));
  boost::beast::error_code error;
  parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
  if (error || !parser.is_header_done()) {
    return HeadFault{problem::kBadRequest, "the request's head is malformed"};
  }
  const auto& message = parser.get();
  RequestHead head;
  head.method = View(message.method_string());
  head.target = View(message.target());
  head.http11 = message.version() >= 11;
  head.keep_alive = message.keep_alive();
  std::string length;
  std::string encoding;
  const bool once = TakeOnce(message, "Content-Length", length) && TakeOnce(message, "Transfer-Encoding", encoding) &&
                    TakeOnce(message, "Host", head.host) && TakeOnce(message, "Authorization", head.authorization) &&
                    TakeOnce(message, "Last-Event-ID", head.last_event_id) &&
                    TakeOnce(message, "Origin", head.origin) &&
                    TakeOnce(message, "Sec-Fetch-Site", head.sec_fetch_site) &&
                    TakeOnce(message, "Sec-WebSocket-Key", head.websocket_key) &&
                    TakeOnce(message, "Sec-WebSocket-Version", head.websocket_version);
  if (!once) {
    return HeadFault{problem::kBadRequest,
                     "one of Authorization, Content-Length, Host, Last-Event-ID, Origin, Sec-Fetch-Site, "
                     "Sec-WebSocket-Key, Sec-WebSocket-Version and Transfer-Encoding is given more than once"};
  }
  const bool has_length = message.count(http::field::content_length) > 0;
  const bool has_encoding = message.count(http::field::transfer_encoding) > 0;
  if (has_length && (has_encoding || !IsContentLength(length))) {
    return HeadFault{problem::kBadRequest, "Content-Length must be a number, and not stand beside Transfer-Encoding"};
  }
  if (has_encoding && (!head.http11 || !boost::beast::iequals(encoding, "chunked"))) {
    return HeadFault{problem::kBadRequest, "Transfer-Encoding must be `chunked`, of HTTP/1.1"};
  }
  if ((head.http11 && message.count(http::field::host) == 0) || !IsHost(head.host)) {
    return HeadFault{problem::kBadRequest, "HTTP/1.1 needs a Host header, `NAME` or `NAME:PORT`"};
  }
  head.has_body = has_encoding || length.find_first_not_of('0') != length.npos;
  head.accept = Joined(message, "Accept");
  head.cookie = Joined(message, "Cookie", "; ");
  head.forwarded_for = Joined(message, "X-Forwarded-For");
  head.if_none_match = Joined(message, "If-None-Match");
  head.if_modified_since = Joined(message, "If-Modified-Since");
  head.preflight = head.method == "OPTIONS" && message.count(http::field::access_control_request_method) > 0;
  head.upgrade =
      HasToken(Joined(message, "Connection"), "upgrade") && HasToken(Joined(message, "Upgrade"), "websocket");
  head.websocket_protocols = Joined(message, "Sec-WebSocket-Protocol");
  return head;
}

}  // namespace weir::edge
