#include "server/subscribe/read_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/topic.h"

namespace weir::server {
namespace {

constexpr size_t kValueBytesMax = 256;

uint64_t BeforeEarliest(const log::Bounds& bounds) { return bounds.earliest - 1; }

FaultOr<absl::Time> ReadTime(const google::protobuf::Timestamp& time) {
  constexpr int64_t kSecondsMin = -62'135'596'800;
  constexpr int64_t kSecondsMax = 253'402'300'799;
  if (time.seconds() < kSecondsMin || time.seconds() > kSecondsMax || time.nanos() < 0 || time.nanos() > 999'999'999) {
    return FieldFault("start.from_time", fmt::format("{}s {}ns", time.seconds(), time.nanos()),
                      "0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z");
  }
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

int64_t MillisUp(absl::Time time) {
  const int64_t millis = absl::ToUnixMillis(time);
  return absl::FromUnixMillis(millis) < time ? millis + 1 : millis;
}

FaultOr<ReadPlan> AfterCursor(const std::string& text, const log::Bounds& bounds, ReadPlan plan) {
  const std::optional<Cursor> cursor = Cursor::Parse(text);
  if (!cursor.has_value()) {
    return CursorFault("start.after_cursor", text);
  }
  plan.after = cursor->sequence;
  plan.gap = GapAt(*cursor, bounds);
  if (plan.gap.has_value()) {
    plan.after = Cursor::Parse(plan.gap->resume_cursor())->sequence;
  }
  return plan;
}

FaultOr<ReadPlan> FromTime(const google::protobuf::Timestamp& timestamp, const log::LogEngine& log, ReadPlan plan) {
  const FaultOr<absl::Time> time = ReadTime(timestamp);
  if (!time.ok()) {
    return time.fault();
  }
  const absl::StatusOr<uint64_t> before = log.SequenceBefore(*time);
  if (!before.ok()) {
    return ReadFault(before.status());
  }
  plan.after = *before;
  plan.head = std::max(plan.head, plan.after);  // events may have come since it was read
  plan.not_before_millis = MillisUp(*time);
  return plan;
}

Fault FilterFault(const Texts& filters, const absl::Status& status) {
  Fault fault{.reason = v1::ERROR_REASON_FILTER_INVALID, .message = std::string(Message(status)), .field = "filters"};
  for (int i = 0; i < filters.size(); ++i) {
    if (!ValidateFilter(filters[i]).ok()) {
      fault.field = fmt::format("filters[{}]", i);
      fault.value = filters[i].substr(0, kValueBytesMax);
      break;
    }
  }
  return fault;
}

}  // namespace

Fault CursorFault(std::string_view field, std::string_view value) {
  return {.reason = v1::ERROR_REASON_CURSOR_INVALID,
          .message = fmt::format("{} \"{}\" is no cursor; take one from an event, a progress or a status", field,
                                 Quotable(value)),
          .field = std::string(field),
          .value = std::string(value.substr(0, kValueBytesMax))};
}

Fault ReadFault(const absl::Status& status) {
  if (absl::IsDataLoss(status)) {
    return {.reason = v1::ERROR_REASON_LOG_DAMAGED,
            .message = fmt::format("the log is damaged where it would be read: {}", Message(status))};
  }
  return {.reason = v1::ERROR_REASON_LOG_UNAVAILABLE,
          .message = fmt::format("the log cannot be read: {}", Message(status)),
          .retry_after = absl::Seconds(1)};
}

FaultOr<log::Selection> ReadSelection(const Texts& filters, const Texts& types, const EventTypes& known) {
  if (filters.size() > kFiltersMax) {
    return Fault{.reason = v1::ERROR_REASON_FILTER_INVALID,
                 .message = fmt::format("{} filters are given; at most {} are allowed", filters.size(), kFiltersMax),
                 .field = "filters",
                 .value = fmt::format("{}", filters.size()),
                 .limit = fmt::format("1 to {} filters", kFiltersMax)};
  }
  absl::StatusOr<FilterSet> set = FilterSet::Parse({filters.begin(), filters.end()});
  if (!set.ok()) {
    return FilterFault(filters, set.status());
  }
  if (types.size() > kTypesMax) {
    return FieldFault("types", fmt::format("{} names", types.size()), fmt::format("at most {}", kTypesMax));
  }
  log::Selection selection{.filters = *std::move(set), .types = {}};
  for (int i = 0; i < types.size(); ++i) {
    if (known.Find(types[i]) == nullptr) {
      return Fault{.reason = v1::ERROR_REASON_TYPE_UNKNOWN,
                   .message = fmt::format("the server has no event type \"{}\"", Quotable(types[i])),
                   .field = fmt::format("types[{}]", i),
                   .value = types[i].substr(0, kValueBytesMax)};
    }
    selection.types.insert(types[i]);
  }
  return selection;
}

std::optional<Fault> CheckMayRead(const Rights& rights, const log::Selection& selection) {
  std::optional<std::string> denied = rights.FirstDenied(selection);
  if (!denied.has_value()) {
    return std::nullopt;
  }
  return Fault{
      .reason = v1::ERROR_REASON_SUBSCRIBE_DENIED,
      .message = fmt::format("the caller may not read all of {}{}; ask for what its rules of access allow, and "
                             "nothing that they deny",
                             *denied, selection.types.empty() ? ", of every type" : ", of these types"),
      .field = "filters",
      .value = *std::move(denied)};
}

bool IsLatest(const v1::Start& start) { return start.has_latest() || start.after_cursor() == kLatestCursor; }

std::optional<v1::Gap> GapAt(const Cursor& cursor, const log::Bounds& bounds) {
  v1::Gap gap;
  uint64_t resume = BeforeEarliest(bounds);
  if (cursor.epoch != bounds.epoch) {
    gap.set_reason(v1::Gap::REASON_OTHER_EPOCH);
  } else if (cursor.sequence > bounds.head) {
    gap.set_reason(v1::Gap::REASON_BEYOND_HEAD);
    resume = bounds.head;
  } else if (cursor.sequence < resume) {
    gap.set_reason(v1::Gap::REASON_EXPIRED);
  } else {
    return std::nullopt;
  }
  gap.set_requested_cursor(cursor.ToString());
  gap.set_resume_cursor(Cursor{bounds.epoch, resume}.ToString());
  return gap;
}

v1::Gap ExpiredGap(uint64_t after, const log::Bounds& bounds) {
  v1::Gap gap;
  gap.set_reason(v1::Gap::REASON_EXPIRED);
  gap.set_requested_cursor(Cursor{bounds.epoch, after}.ToString());
  gap.set_resume_cursor(Cursor{bounds.epoch, BeforeEarliest(bounds)}.ToString());
  return gap;
}

Fault FaultOf(const v1::Gap& gap) {
  v1::ErrorReason reason = v1::ERROR_REASON_CURSOR_EXPIRED;
  std::string_view what = "events after it were removed by retention";
  if (gap.reason() == v1::Gap::REASON_OTHER_EPOCH) {
    reason = v1::ERROR_REASON_CURSOR_OTHER_EPOCH;
    what = "it belongs to another epoch of the log";
  } else if (gap.reason() == v1::Gap::REASON_BEYOND_HEAD) {
    reason = v1::ERROR_REASON_CURSOR_BEYOND_HEAD;
    what = "it is beyond the newest event";
  }
  return {.reason = reason,
          .message = fmt::format("cursor {} cannot be continued: {}; the log can be read after {}",
                                 gap.requested_cursor(), what, gap.resume_cursor()),
          .field = "start.after_cursor",
          .value = gap.requested_cursor(),
          .limit = gap.resume_cursor()};
}

FaultOr<ReadPlan> ResolveStart(const v1::Start& start, v1::Start::PositionCase position, const log::LogEngine& log) {
  const log::Bounds bounds = log.bounds();
  ReadPlan plan;
  plan.head = bounds.head;
  plan.after = BeforeEarliest(bounds);
  if (start.position_case() != v1::Start::POSITION_NOT_SET) {
    position = start.position_case();
  }
  if (position == v1::Start::kAfterCursor && start.after_cursor() == kEarliestCursor) {
    position = v1::Start::kEarliest;
  }
  if (IsLatest(start)) {
    position = v1::Start::kLatest;
  }
  switch (position) {
    case v1::Start::kAfterCursor:
      return AfterCursor(start.after_cursor(), bounds, std::move(plan));
    case v1::Start::kFromTime:
      return FromTime(start.from_time(), log, std::move(plan));
    case v1::Start::kLastPerTopic:
      plan.last_per_topic = true;
      return plan;
    case v1::Start::kLatest:
      plan.after = bounds.head;
      return plan;
    default:
      return plan;
  }
}

}  // namespace weir::server
