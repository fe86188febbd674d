// Merges the descriptor sets that an operator gives into one, and says what is wrong with them in terms of files.
#ifndef WEIR_SERVER_SCHEMA_DESCRIPTOR_SETS_H_
#define WEIR_SERVER_SCHEMA_DESCRIPTOR_SETS_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.pb.h"

namespace weir::server {

// The content of one file of google.protobuf.FileDescriptorSet.
struct DescriptorSetFile {
  std::string name;  // for messages
  std::string bytes;
};

// Reads whole files. NOT_FOUND names the first that cannot be read.
absl::StatusOr<std::vector<DescriptorSetFile>> ReadDescriptorSetFiles(std::span<const std::string> paths);

// All proto files of all sets, dependencies first and otherwise by name, without source information. A file in several
// sets must be the same in all; of `google/protobuf/` the first is taken, because compilers bring their own versions.
// INVALID_ARGUMENT: not a descriptor set, two versions of a file, a missing import, an import cycle, a file of an
// edition (this protobuf loads proto2 and proto3).
absl::StatusOr<google::protobuf::FileDescriptorSet> MergeDescriptorSets(std::span<const DescriptorSetFile> sets);

}  // namespace weir::server

#endif  // WEIR_SERVER_SCHEMA_DESCRIPTOR_SETS_H_
