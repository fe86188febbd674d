#include "base/cursor.h"

#include <algorithm>
#include <charconv>

namespace weir {

std::optional<Epoch> Epoch::Parse(std::string_view text) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (text.size() != kSize || !std::all_of(text.begin(), text.end(), allowed)) {
    return std::nullopt;
  }
  Epoch epoch;
  std::copy(text.begin(), text.end(), epoch.text_.begin());
  return epoch;
}

Epoch Epoch::FromBits(uint64_t bits) {
  static constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
  Epoch epoch;
  for (char& c : epoch.text_) {
    c = kAlphabet[bits % kAlphabet.size()];
    bits /= kAlphabet.size();
  }
  return epoch;
}

std::optional<Cursor> Cursor::Parse(std::string_view text) {
  if (text.size() < Epoch::kSize + 2 || text.size() > kTextBytesMax || text[Epoch::kSize] != '-') {
    return std::nullopt;
  }
  const std::optional<Epoch> epoch = Epoch::Parse(text.substr(0, Epoch::kSize));
  const std::string_view digits = text.substr(Epoch::kSize + 1);
  if (!epoch.has_value() || (digits.size() > 1 && digits.front() == '0')) {
    return std::nullopt;
  }
  uint64_t sequence = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), sequence);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return Cursor{*epoch, sequence};
}

size_t Cursor::Write(char* out) const {
  char* end = std::copy(epoch.text().begin(), epoch.text().end(), out);
  *end++ = '-';
  return static_cast<size_t>(std::to_chars(end, out + kTextBytesMax, sequence).ptr - out);
}

std::string Cursor::ToString() const {
  std::array<char, kTextBytesMax> text;
  return std::string(text.data(), Write(text.data()));
}

}  // namespace weir
