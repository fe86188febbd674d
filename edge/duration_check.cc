#include "edge/duration_check.h"

#include <fmt/format.h>

namespace weir::edge {

absl::Status CheckDuration(const ConfigFile& file, std::string_view path, bool present,
                           const google::protobuf::Duration& value, absl::Duration min, absl::Duration max,
                           absl::Duration& out) {
  if (!present) {
    return absl::OkStatus();
  }
  const absl::Duration duration = absl::Seconds(value.seconds()) + absl::Nanoseconds(value.nanos());
  if (duration < min || duration > max) {
    return file.Error(path, fmt::format("is {}; allowed is {} to {}", absl::FormatDuration(duration),
                                        absl::FormatDuration(min), absl::FormatDuration(max)));
  }
  out = duration;
  return absl::OkStatus();
}

}  // namespace weir::edge
