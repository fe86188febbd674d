#include "server/subscribe/subscribe_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "server/subscribe/read_request.h"

namespace weir::server {
namespace {

constexpr int kBatchEventsDefault = 256;
constexpr int kBatchBytesDefault = 1 << 20;
constexpr int kSubscribeBytesMax = 3 << 20;
constexpr absl::Duration kProgressDefault = absl::Seconds(10);
constexpr absl::Duration kProgressMin = absl::Seconds(1);
constexpr absl::Duration kProgressMax = absl::Minutes(5);

bool IsClientName(std::string_view name) {
  return name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) { return c >= 0x21 && c <= 0x7E; });
}

FaultOr<absl::Duration> ReadProgressInterval(const v1::SubscribeRequest& request) {
  if (!request.has_progress_interval()) {
    return kProgressDefault;
  }
  const google::protobuf::Duration& given = request.progress_interval();
  const absl::Duration interval = absl::Seconds(given.seconds()) + absl::Nanoseconds(given.nanos());
  const bool valid = given.nanos() >= 0 && given.nanos() <= 999'999'999;
  if (!valid || interval < kProgressMin || interval > kProgressMax) {
    return FieldFault("progress_interval", fmt::format("{}s {}ns", given.seconds(), given.nanos()),
                      "1s to 300s, both included");
  }
  return interval;
}

FaultOr<size_t> ReadBound(std::string_view field, int32_t given, int32_t largest, int32_t if_zero) {
  if (given < 0 || given > largest) {
    return FieldFault(field, fmt::format("{}", given), fmt::format("1 to {}, or 0 for {}", largest, if_zero));
  }
  return static_cast<size_t>(given == 0 ? if_zero : given);
}

}  // namespace

FaultOr<SubscriptionOptions> ReadSubscribeRequest(const v1::SubscribeRequest& request, const EventTypes& types) {
  FaultOr<log::Selection> selection = ReadSelection(request.filters(), request.types(), types);
  if (!selection.ok()) {
    return selection.fault();
  }
  if (!v1::GapPolicy_IsValid(request.gap_policy())) {
    return FieldFault("gap_policy", fmt::format("{}", static_cast<int>(request.gap_policy())),
                      "GAP_POLICY_ANNOUNCE or GAP_POLICY_FAIL");
  }
  const FaultOr<absl::Duration> interval = ReadProgressInterval(request);
  if (!interval.ok()) {
    return interval.fault();
  }
  const FaultOr<size_t> events =
      ReadBound("max_batch_events", request.max_batch_events(), kReadEventsMax, kBatchEventsDefault);
  if (!events.ok()) {
    return events.fault();
  }
  const FaultOr<size_t> bytes =
      ReadBound("max_batch_bytes", request.max_batch_bytes(), kSubscribeBytesMax, kBatchBytesDefault);
  if (!bytes.ok()) {
    return bytes.fault();
  }
  if (!IsClientName(request.client_name())) {
    return FieldFault("client_name", request.client_name(), "at most 64 bytes of visible ASCII");
  }
  return SubscriptionOptions{.selection = std::move(*selection),
                             .start = request.start(),
                             .fail_on_gap = request.gap_policy() == v1::GAP_POLICY_FAIL,
                             .progress_interval = *interval,
                             .batch_events_max = *events,
                             .batch_bytes_max = *bytes};
}

}  // namespace weir::server
