#include "clients/cli/arguments.h"

#include <charconv>

#include "base/text.h"
#include "fmt/format.h"

namespace weir::cli {

absl::StatusOr<absl::Duration> ParseDuration(std::string_view text) {
  absl::Duration duration;
  int days = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, days);
  if (error == std::errc() && rest + 1 == end && *rest == 'd') {
    return absl::Hours(24) * days;
  }
  if (!absl::ParseDuration(std::string(text), &duration) || duration == absl::InfiniteDuration() ||
      duration == -absl::InfiniteDuration()) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is not a duration; allowed are such as 90s, 5m, 1h30m, 7d", Quotable(text)));
  }
  return duration;
}

absl::StatusOr<absl::Time> ParseTime(std::string_view text) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, std::string(text), &time, &error) || time == absl::InfiniteFuture() ||
      time == absl::InfinitePast()) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is not an RFC 3339 time such as 2026-01-31T08:00:00Z", Quotable(text)));
  }
  return time;
}

absl::StatusOr<absl::Time> ParseSince(std::string_view text, absl::Time now) {
  const absl::StatusOr<absl::Duration> duration = ParseDuration(text);
  if (duration.ok() && *duration >= absl::ZeroDuration()) {
    return now - *duration;
  }
  const absl::StatusOr<absl::Time> time = ParseTime(text);
  if (!time.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is neither a duration (5m) nor an RFC 3339 time (2026-01-31T08:00:00Z)", Quotable(text)));
  }
  return time;
}

absl::StatusOr<std::pair<std::string, std::string>> ParseKeyValue(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos) {
    return absl::InvalidArgumentError(fmt::format("'{}' is not KEY=VALUE", Quotable(text)));
  }
  return std::pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

}  // namespace weir::cli
