// Server-Sent Events read as the standard says (https://html.spec.whatwg.org/multipage/server-sent-events.html), all
// line ends and oddities included, for tests of what we write. Pure.
#ifndef WEIR_TESTS_SUPPORT_SSE_PARSER_H_
#define WEIR_TESTS_SUPPORT_SSE_PARSER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::test {

struct SseMessage {
  std::string event;              // empty: `message`
  std::optional<std::string> id;  // what this block set
  std::string data;
  std::optional<uint64_t> retry;

  friend bool operator==(const SseMessage&, const SseMessage&) = default;
};

struct SseText {
  std::vector<SseMessage> messages;  // what a client dispatches
  int dropped = 0;                   // blocks that had a field, but no data: clients show nothing
  int comments = 0;
  int unknown = 0;       // fields that no client knows, or whose value it ignores
  bool complete = true;  // ends where a block ends
};

inline SseText ParseSse(std::string_view bytes) {
  SseText text;
  SseMessage message;
  bool has_data = false;
  bool has_field = false;
  if (bytes.starts_with("\xEF\xBB\xBF")) {
    bytes.remove_prefix(3);
  }
  while (!bytes.empty()) {
    const size_t end = bytes.find_first_of("\r\n");
    if (end == std::string_view::npos) {
      text.complete = false;
      return text;
    }
    const std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(end + (bytes.substr(end).starts_with("\r\n") ? 2 : 1));
    if (line.empty()) {
      if (has_data) {
        text.messages.push_back(message);
      } else if (has_field) {
        ++text.dropped;
      }
      message = SseMessage();
      has_data = has_field = false;
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == 0) {
      ++text.comments;
      continue;
    }
    const std::string_view field = line.substr(0, colon);
    std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
    if (value.starts_with(' ')) {
      value.remove_prefix(1);
    }
    has_field = true;
    if (field == "event") {
      message.event = value;
    } else if (field == "data") {
      message.data += (has_data ? "\n" : "") + std::string(value);
      has_data = true;
    } else if (field == "id" && value.find('\0') == std::string_view::npos) {
      message.id = value;
    } else if (field == "retry" && !value.empty() && value.find_first_not_of("0123456789") == std::string_view::npos) {
      message.retry = std::stoull(std::string(value));
    } else {
      ++text.unknown;
    }
  }
  text.complete = !has_field;
  return text;
}

// The body of a chunked HTTP/1.1 message (RFC 9112, 7.1); null when it is not framed well. `ended`: the last chunk
// came.
inline std::optional<std::string> Unchunked(std::string_view bytes, bool* ended = nullptr) {
  std::string body;
  bool last = false;
  while (!bytes.empty() && !last) {
    size_t size = 0;
    size_t digits = 0;
    for (; digits < bytes.size(); ++digits) {
      const size_t digit = std::string_view("0123456789abcdef").find(bytes[digits]);
      if (digit == std::string_view::npos) {
        break;
      }
      size = size * 16 + digit;
    }
    bytes.remove_prefix(digits);
    if (digits == 0 || digits > 8 || !bytes.starts_with("\r\n") || size + 4 > bytes.size() ||
        bytes.substr(2 + size, 2) != "\r\n") {
      return std::nullopt;
    }
    body += bytes.substr(2, size);
    bytes.remove_prefix(size + 4);
    last = size == 0;
  }
  if (ended != nullptr) {
    *ended = last;
  }
  return bytes.empty() ? std::optional(body) : std::nullopt;
}

}  // namespace weir::test

#endif  // WEIR_TESTS_SUPPORT_SSE_PARSER_H_
