#include "edge/http/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

namespace weir::edge {
namespace {

absl::Status Bad(std::string_view name, std::string_view allowed) {
  return absl::InvalidArgumentError(fmt::format("{}: allowed is {}", name, allowed));
}

// A whole number of at most `digits_max` digits.
std::optional<uint64_t> ParseNumber(std::string_view text, size_t digits_max) {
  if (text.empty() || text.size() > digits_max) {
    return std::nullopt;
  }
  uint64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    number = number * 10 + static_cast<uint64_t>(c - '0');
  }
  return number;
}

// `30`, `30s` or `1500ms`.
std::optional<absl::Duration> ParseWait(std::string_view text) {
  absl::Duration unit = absl::Seconds(1);
  if (text.ends_with("ms")) {
    text.remove_suffix(2);
    unit = absl::Milliseconds(1);
  } else if (text.ends_with('s')) {
    text.remove_suffix(1);
  }
  const std::optional<uint64_t> number = ParseNumber(text, 5);
  if (!number || unit * static_cast<int64_t>(*number) > kPollWaitMax) {
    return std::nullopt;
  }
  return unit * static_cast<int64_t>(*number);
}

// Moves a start in time between "replay_max ago" and now.
ReadStart Bounded(absl::Time from, const Route& route, absl::Time now) {
  ReadStart start;
  if (from >= now) {
    return start;
  }
  start.kind = ReadStart::Kind::kTime;
  start.time = std::max(from, now - route.replay_max);
  return start;
}

absl::StatusOr<ReadStart> ParseStart(std::string_view text, const Route& route, absl::Time now) {
  ReadStart start;
  if (text == "latest") {
    return start;
  }
  if (text == "last") {
    start.kind = ReadStart::Kind::kLast;
    return start;
  }
  if (text == "earliest") {
    if (route.replay_max != absl::InfiniteDuration()) {
      return Bounded(absl::InfinitePast(), route, now);
    }
    start.kind = ReadStart::Kind::kEarliest;
    return start;
  }
  absl::Time from;
  std::string error;
  // Digits first: absl also takes `infinite-past`, which is no time of RFC 3339.
  if (text.size() < 20 || text.size() > 40 || text[0] < '0' || text[0] > '9' ||
      !absl::ParseTime(absl::RFC3339_full, {text.data(), text.size()}, &from, &error)) {
    return Bad("start", "latest, earliest, last or a time as 2026-11-21T17:20:56Z");
  }
  return Bounded(from, route, now);
}

absl::Status CheckOnce(const Query& query, bool poll) {
  for (const std::string_view name : {"last_event_id", "cursor", "start", "limit", "wait", "token"}) {
    if (query.Count(name) > 1) {
      return absl::InvalidArgumentError(fmt::format("{}: is given more than once", name));
    }
  }
  if (poll && query.Count("last_event_id") + query.Count("cursor") > 1) {
    return absl::InvalidArgumentError("cursor: is the same as last_event_id; give one of them");
  }
  return absl::OkStatus();
}

absl::Status ReadPaging(const Query& query, Parameters& out) {
  if (const auto text = query.Find("limit")) {
    const std::optional<uint64_t> limit = ParseNumber(*text, 4);
    if (!limit || *limit < 1 || *limit > kPollEventsMax) {
      return Bad("limit", "1 to 1000");
    }
    out.limit = *limit;
  }
  if (const auto text = query.Find("wait")) {
    const std::optional<absl::Duration> wait = ParseWait(*text);
    if (!wait) {
      return Bad("wait", "0 to 60 seconds, as 30, 30s or 1500ms");
    }
    out.wait = *wait;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Parameters> ReadParameters(const Query& query, std::string_view last_event_id, const Route& route,
                                          bool poll, absl::Time now) {
  if (absl::Status status = CheckOnce(query, poll); !status.ok()) {
    return status;
  }
  Parameters out;
  if (const auto text = query.Find("start")) {
    absl::StatusOr<ReadStart> start = ParseStart(*text, route, now);
    if (!start.ok()) {
      return start.status();
    }
    out.start = *start;
  } else if (!poll) {
    out.start.kind = route.start;
    if (route.start == ReadStart::Kind::kEarliest && route.replay_max != absl::InfiniteDuration()) {
      out.start = Bounded(absl::InfinitePast(), route, now);
    }
  }
  if (poll) {
    if (absl::Status status = ReadPaging(query, out); !status.ok()) {
      return status;
    }
  }
  std::string_view cursor = last_event_id;
  if (cursor.empty()) {
    cursor = query.Find("last_event_id").value_or("");
  }
  if (cursor.empty() && poll) {
    cursor = query.Find("cursor").value_or("");
  }
  if (cursor.empty()) {
    return out;
  }
  if (cursor == kEarliestCursor || cursor == kLatestCursor) {
    out.start = *ParseStart(cursor, route, now);
    return out;
  }
  out.has_cursor = true;
  const std::optional<Cursor> parsed = Cursor::Parse(cursor);
  if (!parsed && poll) {
    return absl::InvalidArgumentError("last_event_id: is no cursor; allowed is what a poll or an event's id gave");
  }
  out.start = ReadStart();
  out.start.kind = parsed ? ReadStart::Kind::kAfter : ReadStart::Kind::kMalformedCursor;
  out.start.cursor = parsed.value_or(Cursor());
  return out;
}

}  // namespace weir::edge
