#include "edge/render/json_time.h"

#include <cstdint>

#include "base/wire_scanner.h"
#include "edge/render/json_text.h"

namespace weir::edge {
namespace {

using wire::Scanner;
using wire::Type;

constexpr const char* kMalformed = "malformed bytes";

// Both types: int64 seconds = 1, int32 nanos = 2.
bool ReadSecondsAndNanos(std::string_view bytes, int64_t& seconds, int32_t& nanos) {
  seconds = 0;
  nanos = 0;
  for (Scanner scanner(bytes); !scanner.done();) {
    uint32_t number = 0;
    Type type = Type::kVarint;
    if (!scanner.Tag(number, type)) {
      return false;
    }
    uint64_t value = 0;
    if (number > 2 || type != Type::kVarint) {
      if (!scanner.Skip(number, type, wire::kDepthMax)) {
        return false;
      }
    } else if (!scanner.Varint(value)) {
      return false;
    } else if (number == 1) {
      seconds = static_cast<int64_t>(value);
    } else {
      nanos = static_cast<int32_t>(value);
    }
  }
  return true;
}

// Writes `value` with leading zeros.
void Digits(uint32_t value, int count, char* out) {
  for (int i = count - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

// `.` and 3, 6 or 9 digits, or nothing.
void AppendFraction(uint32_t nanos, std::string& out) {
  if (nanos == 0) {
    return;
  }
  char text[10] = {'.'};
  Digits(nanos, 9, text + 1);
  out.append(text, nanos % 1'000'000 == 0 ? 4 : nanos % 1000 == 0 ? 7 : 10);
}

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }

}  // namespace

const char* AppendTimestamp(std::string_view bytes, std::string& out) {
  constexpr int64_t kSecondsMin = -62'135'596'800;  // 0001-01-01
  constexpr int64_t kSecondsMax = 253'402'300'799;  // 9999-12-31
  constexpr int64_t kDay = 86'400;
  int64_t seconds = 0;
  int32_t nanos = 0;
  if (!ReadSecondsAndNanos(bytes, seconds, nanos)) {
    return kMalformed;
  }
  if (seconds < kSecondsMin || seconds > kSecondsMax || nanos < 0 || nanos > 999'999'999) {
    return "a Timestamp out of range";
  }
  // Days to a civil date in the proleptic Gregorian calendar, with years that begin in March.
  const auto since_min = static_cast<uint64_t>(seconds - kSecondsMin);
  const auto of_day = static_cast<uint32_t>(since_min % kDay);
  const auto days = static_cast<uint32_t>(since_min / kDay) + 306;  // since 0000-03-01
  const uint32_t era = days / 146'097;
  const uint32_t day_of_era = days % 146'097;
  const uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint32_t month_from_march = (5 * day_of_year + 2) / 153;
  const uint32_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  char text[] = "\"0000-00-00T00:00:00";
  Digits(year_of_era + era * 400 + (month <= 2 ? 1 : 0), 4, text + 1);
  Digits(month, 2, text + 6);
  Digits(day_of_year - (153 * month_from_march + 2) / 5 + 1, 2, text + 9);
  Digits(of_day / 3600, 2, text + 12);
  Digits(of_day / 60 % 60, 2, text + 15);
  Digits(of_day % 60, 2, text + 18);
  out.append(text, sizeof(text) - 1);
  AppendFraction(static_cast<uint32_t>(nanos), out);
  out += "Z\"";
  return nullptr;
}

const char* AppendDuration(std::string_view bytes, std::string& out) {
  constexpr int64_t kSecondsMax = 315'576'000'000;  // 10,000 years
  int64_t seconds = 0;
  int32_t nanos = 0;
  if (!ReadSecondsAndNanos(bytes, seconds, nanos)) {
    return kMalformed;
  }
  const bool signs_differ = (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0);
  if (seconds < -kSecondsMax || seconds > kSecondsMax || nanos < -999'999'999 || nanos > 999'999'999 || signs_differ) {
    return "a Duration out of range";
  }
  out += seconds < 0 || nanos < 0 ? "\"-" : "\"";
  AppendInt(seconds < 0 ? -seconds : seconds, out);
  AppendFraction(static_cast<uint32_t>(nanos < 0 ? -nanos : nanos), out);
  out += "s\"";
  return nullptr;
}

const char* AppendFieldMask(std::string_view bytes, std::string& out) {
  std::string paths;
  bool first = true;
  for (Scanner scanner(bytes); !scanner.done();) {
    uint32_t number = 0;
    Type type = Type::kVarint;
    std::string_view path;
    if (!scanner.Tag(number, type)) {
      return kMalformed;
    }
    if (number != 1 || type != Type::kBytes) {
      if (!scanner.Skip(number, type, wire::kDepthMax)) {
        return kMalformed;
      }
      continue;
    }
    if (!scanner.Bytes(path)) {
      return kMalformed;
    }
    paths += first ? "" : ",";
    first = false;
    for (size_t i = 0; i < path.size(); ++i) {
      if (path[i] == '_' && i + 1 < path.size() && IsLower(path[i + 1])) {
        ++i;
        paths += static_cast<char>(path[i] - 'a' + 'A');
      } else {
        paths += path[i];
      }
    }
  }
  return AppendJsonString(paths, out) ? nullptr : "text that is not UTF-8";
}

}  // namespace weir::edge
