// JSON of the protobuf library and of our own plans, compared.
#ifndef WEIR_TESTS_SUPPORT_JSON_COMPARE_H_
#define WEIR_TESTS_SUPPORT_JSON_COMPARE_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "tests/support/random_proto.h"

namespace weir::test {

// Where two JSON values differ, or empty. Numbers are equal as the float that they came from: the library writes more
// digits of floats than are needed.
inline std::string JsonDifference(const nlohmann::json& a, const nlohmann::json& b) {
  if (a.is_number() && b.is_number()) {
    const double x = a.get<double>();
    const double y = b.get<double>();
    return x == y || static_cast<float>(x) == static_cast<float>(y) ? "" : a.dump() + " and " + b.dump();
  }
  if (a.type() != b.type() || a.size() != b.size() || !a.is_structured()) {
    return a == b ? "" : a.dump() + " and " + b.dump();
  }
  for (const auto& [name, value] : a.items()) {
    if (a.is_object() && !b.contains(name)) {
      return name + " is missing";
    }
    const std::string inner = JsonDifference(value, a.is_object() ? b[name] : b[std::stoul(name)]);
    if (!inner.empty()) {
      return name + "." + inner;
    }
  }
  return "";
}

// What we and the library must agree on for messages that no serialiser writes. The library leaves a Value without a
// kind out, and makes of a FieldMask's paths that are no names something of its own.
inline nlohmann::json JsonComparable(const nlohmann::json& value) {
  if (value.is_string()) {
    std::string text;
    for (const char c : value.get_ref<const std::string&>()) {
      text += c == '_' ? "" : std::string(1, static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
    }
    return text;
  }
  if (!value.is_structured()) {
    return value;
  }
  nlohmann::json result(value.type());
  for (const auto& [name, inner] : value.items()) {
    if (!inner.is_null() && value.is_object()) {
      result[name] = JsonComparable(inner);
    } else if (!inner.is_null()) {
      result.push_back(JsonComparable(inner));
    }
  }
  return result;
}

// All files of these types.
inline std::vector<const google::protobuf::FileDescriptor*> FilesOf(const RandomTypes& types) {
  std::vector<const google::protobuf::FileDescriptor*> files = {types.pool().FindFileByName("random.proto")};
  for (const google::protobuf::FileDescriptorProto& file : WellKnownFiles()) {
    files.push_back(types.pool().FindFileByName(file.name()));
  }
  return files;
}

}  // namespace weir::test

#endif  // WEIR_TESTS_SUPPORT_JSON_COMPARE_H_
