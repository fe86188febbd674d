#include "edge/render/json_text.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstring>

namespace weir::edge {
namespace {

constexpr uint64_t kOnes = 0x0101010101010101;
constexpr uint64_t kHighs = 0x8080808080808080;

// Not zero when one of the eight bytes is no plain character of a JSON string.
uint64_t Special(uint64_t word) {
  const uint64_t quote = word ^ (kOnes * '"');
  const uint64_t backslash = word ^ (kOnes * '\\');
  const uint64_t control = (word - kOnes * 0x20) & ~word;
  return (word | control | ((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash)) & kHighs;
}

bool IsPlain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

void AppendEscape(unsigned code, std::string& out) {
  switch (code) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default: {
      constexpr char kHex[] = "0123456789abcdef";
      const char text[] = {'\\',           'u', kHex[code >> 12], kHex[(code >> 8) & 15], kHex[(code >> 4) & 15],
                           kHex[code & 15]};
      out.append(text, sizeof(text));
      break;
    }
  }
}

// The length of the character that begins with `p[0]` (0x80 or above), or 0 when it is not UTF-8.
size_t MultibyteSize(const char* p, size_t size) {
  const auto byte = [p](size_t i) { return static_cast<unsigned char>(p[i]); };
  const unsigned lead = byte(0);
  const size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || size < need) {
    return 0;
  }
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) {
    return 0;
  }
  for (size_t i = 2; i < need; ++i) {
    if ((byte(i) & 0xC0) != 0x80) {
      return 0;
    }
  }
  return need;
}

// Appends a number's digits without making a string of them first.
template <typename T>
void AppendDigits(T value, std::string& out) {
  char digits[20];
  const auto result = std::to_chars(digits, digits + sizeof(digits), value);
  out.append(digits, static_cast<size_t>(result.ptr - digits));
}

template <typename T>
void AppendReal(T value, std::string& out) {
  constexpr T kExact = 1e15F;  // integers below it need no exponent and are exact
  if (value > -kExact && value < kExact && value == std::trunc(value) && (value != 0 || !std::signbit(value))) {
    AppendDigits(static_cast<int64_t>(value), out);
    return;
  }
  if (!std::isfinite(value)) {
    out += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    return;
  }
  char digits[40];
  out.append(digits, static_cast<size_t>(fmt::format_to(digits, "{}", value) - digits));
}

}  // namespace

bool AppendJsonString(std::string_view text, std::string& out) {
  out += '"';
  const char* p = text.data();
  const char* const end = p + text.size();
  while (p < end) {
    const char* const run = p;
    uint64_t word = 0;
    while (end - p >= 8) {
      std::memcpy(&word, p, 8);
      if (Special(word) != 0) {
        break;
      }
      p += 8;
    }
    while (p < end && IsPlain(*p)) {
      ++p;
    }
    out.append(run, static_cast<size_t>(p - run));
    if (p == end) {
      break;
    }
    const auto byte = static_cast<unsigned char>(*p);
    if (byte < 0x80) {
      AppendEscape(byte, out);
      ++p;
      continue;
    }
    const size_t size = MultibyteSize(p, static_cast<size_t>(end - p));
    if (size == 0) {
      return false;
    }
    const std::string_view character(p, size);
    if (character == "\xC2\x85") {
      AppendEscape(0x85, out);
    } else if (character == "\xE2\x80\xA8" || character == "\xE2\x80\xA9") {
      AppendEscape(0x2028 + (static_cast<unsigned char>(character[2]) & 1u), out);
    } else {
      out.append(character);
    }
    p += size;
  }
  out += '"';
  return true;
}

void AppendJsonBase64(std::string_view bytes, std::string& out) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  out += '"';
  size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const unsigned bits = static_cast<unsigned char>(bytes[i]) * 65536u +
                          static_cast<unsigned char>(bytes[i + 1]) * 256u + static_cast<unsigned char>(bytes[i + 2]);
    const char text[] = {kAlphabet[bits >> 18], kAlphabet[(bits >> 12) & 63], kAlphabet[(bits >> 6) & 63],
                         kAlphabet[bits & 63]};
    out.append(text, sizeof(text));
  }
  if (i < bytes.size()) {
    const bool two = bytes.size() - i == 2;
    const unsigned bits =
        static_cast<unsigned char>(bytes[i]) * 65536u + (two ? static_cast<unsigned char>(bytes[i + 1]) * 256u : 0u);
    const char text[] = {kAlphabet[bits >> 18], kAlphabet[(bits >> 12) & 63], two ? kAlphabet[(bits >> 6) & 63] : '=',
                         '='};
    out.append(text, sizeof(text));
  }
  out += '"';
}

void AppendInt(int64_t value, std::string& out) { AppendDigits(value, out); }
void AppendUint(uint64_t value, std::string& out) { AppendDigits(value, out); }
void AppendJsonDouble(double value, std::string& out) { AppendReal(value, out); }
void AppendJsonFloat(float value, std::string& out) { AppendReal(value, out); }

}  // namespace weir::edge
