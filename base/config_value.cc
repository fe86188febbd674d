#include "base/config_value.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace weir {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool AllDigits(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), IsDigit); }

template <typename T>
std::optional<T> Number(std::string_view text, int base) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
bool IsFloat(std::string_view text) {
  size_t i = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  const auto digits = [&] {
    const size_t start = i;
    while (i < text.size() && IsDigit(text[i])) {
      ++i;
    }
    return i - start;
  };
  const size_t whole = digits();
  size_t fraction = 0;
  if (i < text.size() && text[i] == '.') {
    ++i;
    fraction = digits();
  }
  if (whole + fraction == 0) {
    return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) {
      ++i;
    }
    if (digits() == 0) {
      return false;
    }
  }
  return i == text.size();
}

PlainScalar Whole(std::string_view digits, int base, bool negative) {
  const std::string text = (negative ? "-" : "") + std::string(digits);
  if (const auto value = Number<int64_t>(text, base)) {
    return *value;
  }
  if (const auto value = Number<uint64_t>(text, base)) {
    return *value;
  }
  return base == 10 ? PlainScalar(std::strtod(text.c_str(), nullptr)) : PlainScalar(PlainText());
}

}  // namespace

PlainScalar ResolvePlain(std::string_view text) {
  const auto is = [&](auto... words) { return ((text == std::string_view(words)) || ...); };
  if (text.empty() || is("~", "null", "Null", "NULL")) {
    return PlainNull();
  }
  if (is("true", "True", "TRUE")) {
    return true;
  }
  if (is("false", "False", "FALSE")) {
    return false;
  }
  if (is(".nan", ".NaN", ".NAN")) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  const bool negative = text.front() == '-';
  const std::string_view magnitude = negative || text.front() == '+' ? text.substr(1) : text;
  if (magnitude == ".inf" || magnitude == ".Inf" || magnitude == ".INF") {
    return negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  }
  if (AllDigits(magnitude)) {
    return Whole(magnitude, 10, negative);
  }
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'o')) {
    return Whole(text.substr(2), text[1] == 'x' ? 16 : 8, false);
  }
  if (IsFloat(text)) {
    return std::strtod(std::string(text).c_str(), nullptr);
  }
  return PlainText();
}

std::optional<absl::Duration> ParseDurationText(std::string_view text) {
  // absl::ParseDuration also takes signs, `inf`, a bare `0`, and the units `us` and `ns`.
  if (text.size() < 2 || text.size() > 40 || text.find_first_not_of("0123456789.hms") != std::string_view::npos) {
    return std::nullopt;
  }
  absl::Duration duration;
  if (!absl::ParseDuration(absl::string_view(text.data(), text.size()), &duration) ||
      duration > absl::Seconds(315'576'000'000)) {  // the largest google.protobuf.Duration
    return std::nullopt;
  }
  return duration;
}

std::optional<uint64_t> ParseBytesText(std::string_view text) {
  const size_t unit_at = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::optional<uint64_t> count = Number<uint64_t>(text.substr(0, unit_at), 10);
  const std::string_view unit = text.substr(unit_at);
  static constexpr std::string_view kUnits[] = {"", "KiB", "MiB", "GiB", "TiB"};
  const auto* found = std::find(std::begin(kUnits), std::end(kUnits), unit);
  if (!count.has_value() || found == std::end(kUnits)) {
    return std::nullopt;
  }
  const auto shift = 10 * static_cast<unsigned>(found - std::begin(kUnits));
  if (*count > (std::numeric_limits<uint64_t>::max() >> shift)) {
    return std::nullopt;
  }
  return *count << shift;
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
}

}  // namespace weir
