// A document of YAML read into a protobuf message, as base/config_file.h describes it. For ConfigFile alone.
#ifndef WEIR_BASE_CONFIG_READER_H_
#define WEIR_BASE_CONFIG_READER_H_

#include <google/protobuf/message.h>
#include <yaml-cpp/yaml.h>

#include "absl/status/status.h"
#include "base/config_file.h"

namespace weir {

// Adds to `out`, and notes in `file` where each value stands. Stops at the first error, which is one of `file`.
absl::Status ReadConfig(const YAML::Node& document, ConfigFile& file, google::protobuf::Message& out);

}  // namespace weir

#endif  // WEIR_BASE_CONFIG_READER_H_
