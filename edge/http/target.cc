#include "edge/http/target.h"

namespace weir::edge {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  if (c >= 'A' && c <= 'F') {
    return c - 'A' + 10;
  }
  return -1;
}

absl::Status Bad(std::string_view what) { return absl::InvalidArgumentError({what.data(), what.size()}); }

// Decodes `%XX`, and `+` where it means a space.
absl::Status Decode(std::string_view text, bool plus_is_space, std::string& out) {
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
      continue;
    }
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return Bad("the request target has a `%` that is not followed by two hexadecimal digits");
    }
    const int byte = high * 16 + low;
    if (byte < 0x20 || byte == 0x7F) {
      return Bad("the request target holds an encoded control character");
    }
    out += static_cast<char>(byte);
    i += 2;
  }
  return absl::OkStatus();
}

absl::Status DecodePath(std::string_view raw, std::string& path) {
  if (absl::Status status = Decode(raw, false, path); !status.ok()) {
    return status;
  }
  // A decoded slash would make two different paths look alike.
  const auto slashes = [](std::string_view text) {
    size_t count = 0;
    for (const char c : text) {
      count += c == '/' ? 1U : 0U;
    }
    return count;
  };
  if (slashes(raw) != slashes(path) || path.find('\\') != std::string::npos) {
    return Bad("the request path holds an encoded `/` or a `\\`");
  }
  return absl::OkStatus();
}

absl::Status DecodeQuery(std::string_view raw, Query& query) {
  while (!raw.empty()) {
    const size_t end = raw.find('&');
    const std::string_view pair = raw.substr(0, end);
    raw = end == std::string_view::npos ? std::string_view() : raw.substr(end + 1);
    if (pair.empty()) {
      continue;
    }
    if (query.size() == kQueryParametersMax) {
      return Bad("the query has more than 64 parameters");
    }
    const size_t equals = pair.find('=');
    std::string name;
    std::string value;
    if (absl::Status status = Decode(pair.substr(0, equals), true, name); !status.ok()) {
      return status;
    }
    if (equals != std::string_view::npos) {
      if (absl::Status status = Decode(pair.substr(equals + 1), true, value); !status.ok()) {
        return status;
      }
    }
    if (!IsUtf8(name) || !IsUtf8(value)) {
      return Bad("the query is not UTF-8");
    }
    query.Add(std::move(name), std::move(value));
  }
  return absl::OkStatus();
}

}  // namespace

bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || i + length > text.size()) {
      return false;
    }
    uint32_t code = lead & (0x7FU >> length);
    for (size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0U) != 0x80U) {
        return false;
      }
      code = code << 6U | (next & 0x3FU);
    }
    if ((length == 3 && code < 0x800) || (length == 4 && code < 0x10000) || code > 0x10FFFF ||
        (code >= 0xD800 && code <= 0xDFFF)) {
      return false;
    }
    i += length;
  }
  return true;
}

std::optional<std::string_view> Query::Find(std::string_view name) const {
  for (const auto& [key, value] : parameters_) {
    if (key == name) {
      return value;
    }
  }
  return std::nullopt;
}

size_t Query::Count(std::string_view name) const {
  size_t count = 0;
  for (const auto& [key, value] : parameters_) {
    count += key == name ? 1U : 0U;
  }
  return count;
}

absl::StatusOr<Target> ParseTarget(std::string_view target) {
  for (const char c : target) {
    if (c <= 0x20 || c == 0x7F) {  // char is signed: also the bytes above 0x7F
      return Bad("the request target holds a byte that must be percent-encoded");
    }
  }
  if (!target.starts_with('/') || target.find('#') != std::string_view::npos) {
    return Bad("the request target must be a path that begins with `/`");
  }
  Target result;
  const size_t question = target.find('?');
  if (absl::Status status = DecodePath(target.substr(0, question), result.path); !status.ok()) {
    return status;
  }
  if (question != std::string_view::npos) {
    if (absl::Status status = DecodeQuery(target.substr(question + 1), result.query); !status.ok()) {
      return status;
    }
  }
  return result;
}

}  // namespace weir::edge
