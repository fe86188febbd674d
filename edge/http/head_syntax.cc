#include "edge/http/head_syntax.h"

#include <algorithm>

namespace weir::edge {
namespace {

HeadFault Bad(std::string_view detail) { return {problem::kBadRequest, detail}; }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetterOrDigit(char c) { return IsDigit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

// RFC 9110, 5.6.2.
bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return IsLetterOrDigit(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

// Takes the first line off `text`.
std::string_view TakeLine(std::string_view& text) {
  const size_t end = text.find("\r\n");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  return line;
}

std::optional<HeadFault> FaultInRequestLine(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last == first || line.find(' ', first + 1) != last || last == first + 1 ||
      last + 1 == line.size()) {
    return Bad("the request line must be `METHOD TARGET VERSION`, with one space between them");
  }
  const std::string_view method = line.substr(0, first);
  if (!IsToken(method) || method.size() > kMethodBytesMax) {
    return Bad("the request's method is no token of at most 32 characters");
  }
  if (last - first - 1 > kTargetBytesMax) {
    return HeadFault{problem::kTargetTooLong, "allowed are 12288 bytes"};
  }
  const std::string_view version = line.substr(last + 1);
  if (version.size() != 8 || !version.starts_with("HTTP/") || !IsDigit(version[5]) || version[6] != '.' ||
      !IsDigit(version[7])) {
    return Bad("the request line must end with `HTTP/1.1` or `HTTP/1.0`");
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return HeadFault{problem::kVersion, "allowed is HTTP/1.1 or HTTP/1.0"};
  }
  return std::nullopt;
}

std::optional<HeadFault> FaultInHeaderLine(std::string_view line) {
  if (line.starts_with(' ') || line.starts_with('\t')) {
    return Bad("a header's line begins with a space; folded lines are obsolete");
  }
  if (!IsToken(line.substr(0, line.find(':'))) || line.find(':') == std::string_view::npos) {
    return Bad("a header's line must be `NAME: VALUE`, with a colon directly behind the name");
  }
  return std::nullopt;
}

}  // namespace

std::optional<HeadFault> FaultInBytes(std::string_view bytes, size_t seen) {
  for (size_t i = seen == 0 ? 0 : seen - 1; i < bytes.size(); ++i) {
    const char c = bytes[i];
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\r' ? i + 1 < bytes.size() && bytes[i + 1] != '\n' : c == '\n' && (i == 0 || bytes[i - 1] != '\r')) {
      return Bad("a line must end with CR and LF, which may stand nowhere else");
    }
    if ((byte < 0x20 && c != '\r' && c != '\n' && c != '\t') || byte == 0x7F) {
      return Bad("the request's head holds a control character");
    }
  }
  return std::nullopt;
}

std::optional<HeadFault> FaultInLines(std::string_view head) {
  if (auto fault = FaultInRequestLine(TakeLine(head))) {
    return fault;
  }
  size_t lines = 0;
  for (std::string_view line = TakeLine(head); !line.empty(); line = TakeLine(head)) {
    if (++lines > kHeaderLinesMax) {
      return HeadFault{problem::kHeadTooLarge, "allowed are 100 lines of headers"};
    }
    if (auto fault = FaultInHeaderLine(line)) {
      return fault;
    }
  }
  return std::nullopt;
}

bool IsContentLength(std::string_view value) {
  return !value.empty() && value.size() <= 18 && std::all_of(value.begin(), value.end(), IsDigit);
}

bool IsHost(std::string_view value) {
  std::string_view name = value;
  std::string_view port;
  if (name.starts_with('[')) {
    const size_t end = name.find(']');
    if (end == std::string_view::npos || end < 3 ||
        name.substr(1, end - 1).find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) {
      return false;
    }
    port = name.substr(end + 1);
  } else {
    const size_t colon = name.find(':');
    port = colon == std::string_view::npos ? std::string_view() : name.substr(colon);
    name = name.substr(0, colon);
    if (!std::all_of(name.begin(), name.end(), [](char c) {
          return IsLetterOrDigit(c) || std::string_view("-._~").find(c) != std::string_view::npos;
        })) {
      return false;
    }
  }
  return port.empty() || (port.size() <= 6 && port[0] == ':' && std::all_of(port.begin() + 1, port.end(), IsDigit));
}

}  // namespace weir::edge
