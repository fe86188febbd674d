#include "base/config_file.h"

#include <fmt/format.h>
#include <google/protobuf/message.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>
#include <variant>

#include "base/config_reader.h"
#include "base/yaml_document.h"

namespace weir {

using Proto = google::protobuf::Message;

absl::StatusOr<ConfigFile> ConfigFile::Parse(std::string_view text, std::string name, Proto* out) {
  ConfigFile file(std::move(name));
  file.places_[""] = "1:1";
  out->Clear();
  if (text.size() > kBytesMax) {
    return file.Error("", fmt::format("has more than {} bytes; allowed is up to that", kBytesMax));
  }
  const std::variant<YAML::Node, YamlFault> read = ReadYamlDocument(text);
  if (const auto* const fault = std::get_if<YamlFault>(&read)) {
    file.places_[""] = fault->place;
    return file.Error("", fault->what);
  }
  const auto& document = std::get<YAML::Node>(read);
  if (document.IsNull()) {
    return file.Error("", "is empty; allowed is a mapping of keys to values");
  }
  if (absl::Status status = ReadConfig(document, file, *out); !status.ok()) {
    return status;
  }
  return file;
}

absl::StatusOr<ConfigFile> ConfigFile::Load(const std::string& path, Proto* out) {
  const auto fail = [&] {
    const int error = errno;
    return absl::ErrnoToStatus(error, fmt::format("{}: the configuration cannot be read", path));
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (stream == nullptr) {
    return fail();
  }
  std::string text(kBytesMax + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), stream.get()));
  if (std::ferror(stream.get()) != 0) {
    return fail();
  }
  return Parse(text, path, out);
}

std::string ConfigFile::Where(std::string_view field_path) const {
  while (true) {
    if (const auto it = origins_.find(field_path); it != origins_.end()) {
      return it->second;
    }
    if (const auto it = places_.find(field_path); it != places_.end()) {
      return fmt::format("{}:{}", name_, it->second);
    }
    const size_t cut = field_path.find_last_of(".[");
    if (field_path.empty()) {
      return name_;
    }
    field_path = field_path.substr(0, cut == std::string_view::npos ? 0 : cut);
  }
}

void ConfigFile::SetOrigin(std::string_view field_path, std::string origin) {
  origins_[std::string(field_path)] = std::move(origin);
}

absl::Status ConfigFile::Error(std::string_view field_path, std::string_view what) const {
  // A flag or variable of the field's own says what it is.
  if (field_path.empty() || origins_.contains(field_path)) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", Where(field_path), what));
  }
  return absl::InvalidArgumentError(fmt::format("{}: {}: {}", Where(field_path), field_path, what));
}

std::string ConfigFile::Resolve(std::string_view path) const {
  return (std::filesystem::path(name_).parent_path() / path).string();
}

}  // namespace weir
