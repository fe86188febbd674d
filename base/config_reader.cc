#include "base/config_reader.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/struct.pb.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/config_value.h"
#include "base/text.h"
#include "base/yaml_document.h"

namespace weir {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using Proto = google::protobuf::Message;

constexpr size_t kValuesMax = 100'000;
constexpr size_t kDepthMax = 50;

bool HoldsBytes(const FieldDescriptor& field) {
  const std::string& name = field.name();
  const auto ends = [&](std::string_view suffix) {
    return name == suffix ||
           (name.size() > suffix.size() && name.ends_with(suffix) && name[name.size() - suffix.size() - 1] == '_');
  };
  return field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64 &&
         (ends("bytes") || ends("bytes_max") || ends("bytes_min"));
}

// What a file may say for each value of an enum: `LOG_ENGINE_MEMORY` is `memory`. The unspecified value has no name.
std::vector<std::pair<std::string, int>> EnumNames(const EnumDescriptor& type) {
  std::string prefix = type.value(0)->name();
  if (prefix.ends_with("UNSPECIFIED")) {
    prefix.resize(prefix.size() - std::string_view("UNSPECIFIED").size());
  }
  std::vector<std::pair<std::string, int>> names;
  for (int i = 1; i < type.value_count(); ++i) {
    std::string name = type.value(i)->name();
    name.erase(0, name.starts_with(prefix) ? prefix.size() : 0);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    names.emplace_back(std::move(name), type.value(i)->number());
  }
  return names;
}

std::vector<std::string_view> FieldNames(const Descriptor& type) {
  std::vector<std::string_view> names;
  for (int i = 0; i < type.field_count(); ++i) {
    names.push_back(type.field(i)->name());
  }
  return names;
}

std::string ChildPath(const std::string& parent, std::string_view key) {
  return parent.empty() ? std::string(key) : fmt::format("{}.{}", parent, key);
}

}  // namespace

// Walks the nodes of one document against a descriptor.
class ConfigReader {
 public:
  explicit ConfigReader(ConfigFile& file) : file_(file) {}

  absl::Status ReadDocument(const YAML::Node& root, Proto& out) { return ReadMessage(root, "", out); }

 private:
  // Also counts: the alias of a large value costs as much as the value.
  absl::Status Enter(const YAML::Node& node, const std::string& path, const YAML::Mark& mark) {
    file_.places_[path] = PlaceOf(mark);
    if (++values_ > kValuesMax) {
      return file_.Error(path, "is one value too many; allowed are 100000 in a file, aliases followed");
    }
    if (depth_ > kDepthMax) {
      return file_.Error(path, "is nested too deeply; allowed are 50 levels");
    }
    if (const std::string& tag = node.Tag(); tag.size() > 1 && tag != "tag:yaml.org,2002:str") {
      return file_.Error(path, fmt::format("has the tag \"{}\"; allowed is none, or !!str", Quotable(tag)));
    }
    return absl::OkStatus();
  }

  absl::Status ReadMessage(const YAML::Node& node, const std::string& path, Proto& out) {
    if (!node.IsMap()) {
      return WrongType(node, path, "a mapping of keys to values");
    }
    return ForEachKey(node, path, [&](const std::string& key, const std::string& child, const YAML::Node& value) {
      const FieldDescriptor* field = out.GetDescriptor()->FindFieldByName(key);
      return field == nullptr ? UnknownKey(child, key, *out.GetDescriptor()) : ReadField(value, child, *field, out);
    });
  }

  // Calls `visit(key, path, value)` for each entry of a mapping, in order.
  template <typename F>
  absl::Status ForEachKey(const YAML::Node& node, const std::string& path, F&& visit) {
    TextSet seen;
    ++depth_;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) {
        file_.places_[path] = PlaceOf(entry.first.Mark());
        return file_.Error(path, "has a key that is no text; allowed is a name");
      }
      const std::string& key = entry.first.Scalar();
      const std::string child = ChildPath(path, Quotable(key));
      const bool duplicate = !seen.insert(key).second;
      // An empty value has no place of its own.
      const YAML::Mark mark = entry.second.IsNull() || duplicate ? entry.first.Mark() : entry.second.Mark();
      if (absl::Status status = Enter(entry.second, child, mark); !status.ok()) {
        return status;
      }
      if (duplicate) {
        return file_.Error(child, "is there twice; allowed is once");
      }
      key_mark_ = entry.first.Mark();
      if (absl::Status status = visit(key, child, entry.second); !status.ok()) {
        return status;
      }
    }
    --depth_;
    return absl::OkStatus();
  }

  absl::Status UnknownKey(const std::string& path, const std::string& key, const Descriptor& type) {
    file_.places_[path] = PlaceOf(key_mark_);
    const std::vector<std::string_view> names = FieldNames(type);
    const std::string_view near = DidYouMean(key, names);
    return file_.Error(
        path, fmt::format("unknown key{}; allowed is {}",
                          near.empty() ? "" : fmt::format(", did you mean \"{}\"?", near), fmt::join(names, ", ")));
  }

  absl::Status ReadField(const YAML::Node& node, const std::string& path, const FieldDescriptor& field, Proto& out) {
    if (!field.is_repeated()) {
      return ReadValue(node, path, field, out);
    }
    if (!node.IsSequence()) {
      return WrongType(node, path, "a list");
    }
    ++depth_;
    size_t index = 0;
    for (const YAML::Node& element : node) {
      const std::string child = fmt::format("{}[{}]", path, index++);
      absl::Status status = Enter(element, child, element.IsNull() ? node.Mark() : element.Mark());
      if (status.ok()) {
        status = ReadValue(element, child, field, out);
      }
      if (!status.ok()) {
        return status;
      }
    }
    --depth_;
    return absl::OkStatus();
  }

  // Reads one value of a field: sets it, or adds it to a repeated one.
  absl::Status ReadValue(const YAML::Node& node, const std::string& path, const FieldDescriptor& field, Proto& out) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return ReadSubMessage(node, path, field, out);
      case FieldDescriptor::CPPTYPE_ENUM:
        return ReadEnum(node, path, field, out);
      case FieldDescriptor::CPPTYPE_STRING:
        return ReadText(node, path, field, out);
      case FieldDescriptor::CPPTYPE_BOOL:
        if (const bool* value = std::get_if<bool>(&Plain(node))) {
          const auto* reflection = out.GetReflection();
          field.is_repeated() ? reflection->AddBool(&out, &field, *value) : reflection->SetBool(&out, &field, *value);
          return absl::OkStatus();
        }
        return WrongType(node, path, "true or false");
      case FieldDescriptor::CPPTYPE_UINT64:
      case FieldDescriptor::CPPTYPE_UINT32:
      case FieldDescriptor::CPPTYPE_INT64:
      case FieldDescriptor::CPPTYPE_INT32:
        return ReadWhole(node, path, field, out);
      default:
        return absl::InternalError(fmt::format("{}: its type is not known to configuration files", field.full_name()));
    }
  }

  absl::Status ReadSubMessage(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                              Proto& out) {
    const auto* reflection = out.GetReflection();
    Proto& message =
        *(field.is_repeated() ? reflection->AddMessage(&out, &field) : reflection->MutableMessage(&out, &field));
    if (auto* duration = google::protobuf::DynamicCastToGenerated<google::protobuf::Duration>(&message)) {
      return ReadDuration(node, path, *duration);
    }
    if (auto* fields = google::protobuf::DynamicCastToGenerated<google::protobuf::Struct>(&message)) {
      return node.IsMap() ? ReadStruct(node, path, *fields) : WrongType(node, path, "a mapping of keys to values");
    }
    return ReadMessage(node, path, message);
  }

  absl::Status ReadEnum(const YAML::Node& node, const std::string& path, const FieldDescriptor& field, Proto& out) {
    const auto names = EnumNames(*field.enum_type());
    const auto* reflection = out.GetReflection();
    for (const auto& [name, number] : names) {
      if (node.IsScalar() && node.Scalar() == name) {
        field.is_repeated() ? reflection->AddEnumValue(&out, &field, number)
                            : reflection->SetEnumValue(&out, &field, number);
        return absl::OkStatus();
      }
    }
    std::string allowed;
    for (const auto& [name, number] : names) {
      allowed += fmt::format("{}\"{}\"", allowed.empty() ? "" : number == names.back().second ? " or " : ", ", name);
    }
    return WrongType(node, path, allowed);
  }

  absl::Status ReadText(const YAML::Node& node, const std::string& path, const FieldDescriptor& field, Proto& out) {
    if (!node.IsScalar()) {
      return WrongType(node, path, "text");
    }
    if (!std::holds_alternative<PlainText>(Plain(node))) {
      return WrongType(node, path, "text; put it in quotes if text is meant");
    }
    const auto* reflection = out.GetReflection();
    field.is_repeated() ? reflection->AddString(&out, &field, node.Scalar())
                        : reflection->SetString(&out, &field, node.Scalar());
    return absl::OkStatus();
  }

  absl::Status ReadDuration(const YAML::Node& node, const std::string& path, google::protobuf::Duration& out) {
    const auto duration = node.IsScalar() ? ParseDurationText(node.Scalar()) : std::nullopt;
    if (!duration.has_value()) {
      return WrongType(node, path, "a duration like 500ms, 30s, 5m or 24h");
    }
    absl::Duration rest = *duration;
    out.set_seconds(absl::IDivDuration(rest, absl::Seconds(1), &rest));
    out.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
    return absl::OkStatus();
  }

  absl::Status ReadWhole(const YAML::Node& node, const std::string& path, const FieldDescriptor& field, Proto& out) {
    const auto* reflection = out.GetReflection();
    if (HoldsBytes(field)) {
      const auto bytes = node.IsScalar() ? ParseBytesText(node.Scalar()) : std::nullopt;
      if (!bytes.has_value()) {
        return WrongType(node, path, "a number of bytes like 65536, 64KiB, 16MiB or 2GiB");
      }
      field.is_repeated() ? reflection->AddUInt64(&out, &field, *bytes) : reflection->SetUInt64(&out, &field, *bytes);
      return absl::OkStatus();
    }
    const auto set = [&]<typename T>(auto add, auto assign, T) {
      const PlainScalar& value = Plain(node);
      std::optional<T> number;
      if (const auto* small = std::get_if<int64_t>(&value); small != nullptr && std::in_range<T>(*small)) {
        number = static_cast<T>(*small);
      } else if (const auto* large = std::get_if<uint64_t>(&value); large != nullptr && std::in_range<T>(*large)) {
        number = static_cast<T>(*large);
      }
      if (!number.has_value()) {
        return WrongType(
            node, path,
            fmt::format("a whole number from {} to {}", std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
      }
      (reflection->*(field.is_repeated() ? add : assign))(&out, &field, *number);
      return absl::OkStatus();
    };
    using Reflection = google::protobuf::Reflection;
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_UINT64:
        return set(&Reflection::AddUInt64, &Reflection::SetUInt64, uint64_t{});
      case FieldDescriptor::CPPTYPE_UINT32:
        return set(&Reflection::AddUInt32, &Reflection::SetUInt32, uint32_t{});
      case FieldDescriptor::CPPTYPE_INT64:
        return set(&Reflection::AddInt64, &Reflection::SetInt64, int64_t{});
      default:
        return set(&Reflection::AddInt32, &Reflection::SetInt32, int32_t{});
    }
  }

  absl::Status ReadStruct(const YAML::Node& node, const std::string& path, google::protobuf::Struct& out) {
    return ForEachKey(node, path, [&](const std::string& key, const std::string& child, const YAML::Node& value) {
      return ReadAny(value, child, (*out.mutable_fields())[key]);
    });
  }

  absl::Status ReadAny(const YAML::Node& node, const std::string& path, google::protobuf::Value& out) {
    if (node.IsMap()) {
      return ReadStruct(node, path, *out.mutable_struct_value());
    }
    if (node.IsSequence()) {
      auto& values = *out.mutable_list_value();
      ++depth_;
      for (const YAML::Node& element : node) {
        const std::string child = fmt::format("{}[{}]", path, values.values_size());
        absl::Status status = Enter(element, child, element.IsNull() ? node.Mark() : element.Mark());
        if (status.ok()) {
          status = ReadAny(element, child, *values.add_values());
        }
        if (!status.ok()) {
          return status;
        }
      }
      --depth_;
      return absl::OkStatus();
    }
    const PlainScalar& value = Plain(node);
    if (std::holds_alternative<PlainNull>(value)) {
      out.set_null_value(google::protobuf::NULL_VALUE);
    } else if (std::holds_alternative<PlainText>(value)) {
      out.set_string_value(node.Scalar());
    } else if (const auto* flag = std::get_if<bool>(&value)) {
      out.set_bool_value(*flag);
    } else {
      return ReadJsonNumber(node, path, value, out);
    }
    return absl::OkStatus();
  }

  // JSON knows neither infinity nor NaN, and its readers keep whole numbers up to 2^53 exactly.
  absl::Status ReadJsonNumber(const YAML::Node& node, const std::string& path, const PlainScalar& value,
                              google::protobuf::Value& out) {
    constexpr int64_t kExactMax = int64_t{1} << 53;
    const auto* whole = std::get_if<int64_t>(&value);
    const auto* real = std::get_if<double>(&value);
    if (whole != nullptr && *whole >= -kExactMax && *whole <= kExactMax) {
      out.set_number_value(static_cast<double>(*whole));
    } else if (real != nullptr && std::isfinite(*real)) {
      out.set_number_value(*real);
    } else {
      return WrongType(node, path, "a number that JSON holds exactly; put it in quotes if text is meant");
    }
    return absl::OkStatus();
  }

  // The meaning of a scalar; quoted ones are text. The reference holds until the next call.
  const PlainScalar& Plain(const YAML::Node& node) {
    plain_ = PlainText();
    if (node.IsNull()) {
      plain_ = PlainNull();
    } else if (node.IsScalar() && node.Tag() == "?") {
      plain_ = ResolvePlain(node.Scalar());
    }
    return plain_;
  }

  absl::Status WrongType(const YAML::Node& node, const std::string& path, std::string_view allowed) {
    const std::string what = node.IsMap()        ? "is a mapping"
                             : node.IsSequence() ? "is a list"
                             : node.IsNull()     ? "is empty"
                                                 : fmt::format("is \"{}\"", Quotable(node.Scalar()));
    return file_.Error(path, fmt::format("{}; allowed is {}", what, allowed));
  }

  ConfigFile& file_;
  PlainScalar plain_;
  YAML::Mark key_mark_;
  size_t values_ = 0;
  size_t depth_ = 0;
};

absl::Status ReadConfig(const YAML::Node& document, ConfigFile& file, Proto& out) {
  return ConfigReader(file).ReadDocument(document, out);
}

}  // namespace weir
