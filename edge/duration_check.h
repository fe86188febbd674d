// Ranges of the configuration's durations.
#ifndef WEIR_EDGE_DURATION_CHECK_H_
#define WEIR_EDGE_DURATION_CHECK_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/config_file.h"
#include "google/protobuf/duration.pb.h"

namespace weir::edge {

// Stores a duration that is `present`, and leaves `out` (the default) alone when it is not. INVALID_ARGUMENT with its
// place when it is outside min to max, both included.
absl::Status CheckDuration(const ConfigFile& file, std::string_view path, bool present,
                           const google::protobuf::Duration& value, absl::Duration min, absl::Duration max,
                           absl::Duration& out);

}  // namespace weir::edge

#endif  // WEIR_EDGE_DURATION_CHECK_H_
