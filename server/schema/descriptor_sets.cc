#include "server/schema/descriptor_sets.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

namespace weir::server {
namespace {

using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;

struct Source {
  FileDescriptorProto file;
  std::string set;  // where it was found first
  enum class Mark { kNew, kOpen, kDone } mark = Mark::kNew;
};

// By proto file name: sorted, so that the same files give the same order, however they were given.
using Sources = std::map<std::string, Source>;

absl::Status Add(const DescriptorSetFile& set, FileDescriptorProto file, Sources& sources) {
  if (file.syntax() == "editions") {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} is written in an edition of Protocol Buffers, which this server cannot load; allowed is "
                    "syntax = \"proto2\" or \"proto3\"",
                    set.name, file.name()));
  }
  file.clear_source_code_info();
  const auto [it, added] = sources.try_emplace(file.name());
  if (added) {
    it->second.file = std::move(file);
    it->second.set = set.name;
    return absl::OkStatus();
  }
  const bool same = it->second.file.SerializeAsString() == file.SerializeAsString();
  if (!same && !file.name().starts_with("google/protobuf/")) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} differs from the file of that name in {}; make both sets "
                    "from the same sources",
                    set.name, file.name(), it->second.set));
  }
  return absl::OkStatus();
}

// Depth first, so that what a file imports stands before it.
absl::Status Visit(const std::string& name, const std::string& importer, Sources& sources, FileDescriptorSet& out) {
  const auto it = sources.find(name);
  if (it == sources.end()) {
    const Source& source = sources.at(importer);
    return absl::InvalidArgumentError(
        fmt::format("{}: {} imports {}, which no descriptor set holds; make the set with protoc --include_imports",
                    source.set, importer, name));
  }
  Source& source = it->second;
  if (source.mark == Source::Mark::kDone) {
    return absl::OkStatus();
  }
  if (source.mark == Source::Mark::kOpen) {
    return absl::InvalidArgumentError(fmt::format("{}: {} imports itself through {}", source.set, name, importer));
  }
  source.mark = Source::Mark::kOpen;
  for (const std::string& dependency : source.file.dependency()) {
    if (absl::Status status = Visit(dependency, name, sources, out); !status.ok()) {
      return status;
    }
  }
  source.mark = Source::Mark::kDone;
  *out.add_file() = source.file;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<DescriptorSetFile>> ReadDescriptorSetFiles(std::span<const std::string> paths) {
  std::vector<DescriptorSetFile> files;
  for (const std::string& path : paths) {
    std::ifstream in(path, std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (!in.is_open() || in.bad()) {
      return absl::NotFoundError(fmt::format("{}: the descriptor set cannot be read", path));
    }
    files.push_back({path, std::move(bytes)});
  }
  return files;
}

absl::StatusOr<FileDescriptorSet> MergeDescriptorSets(std::span<const DescriptorSetFile> sets) {
  Sources sources;
  for (const DescriptorSetFile& set : sets) {
    FileDescriptorSet parsed;
    if (!parsed.ParseFromString(set.bytes) || parsed.file_size() == 0) {
      return absl::InvalidArgumentError(fmt::format(
          "{}: not a google.protobuf.FileDescriptorSet with at least one file; make it with protoc --include_imports "
          "--descriptor_set_out",
          set.name));
    }
    for (FileDescriptorProto& file : *parsed.mutable_file()) {
      if (absl::Status status = Add(set, std::move(file), sources); !status.ok()) {
        return status;
      }
    }
  }
  FileDescriptorSet merged;
  for (const auto& entry : sources) {
    if (absl::Status status = Visit(entry.first, entry.first, sources, merged); !status.ok()) {
      return status;
    }
  }
  return merged;
}

}  // namespace weir::server
