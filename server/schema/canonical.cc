#include "server/schema/canonical.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <cstdint>
#include <map>
#include <memory>
#include <variant>
#include <vector>

namespace weir::server {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Orders as deterministic serialisation does: numbers by value, text by bytes, false before true.
using Key = std::variant<bool, int64_t, uint64_t, std::string>;

Key KeyOf(const Message& entry, const FieldDescriptor& key) {
  const Reflection& reflection = *entry.GetReflection();
  switch (key.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(entry, &key);
    case FieldDescriptor::CPPTYPE_INT32:
      return int64_t{reflection.GetInt32(entry, &key)};
    case FieldDescriptor::CPPTYPE_INT64:
      return int64_t{reflection.GetInt64(entry, &key)};
    case FieldDescriptor::CPPTYPE_UINT32:
      return uint64_t{reflection.GetUInt32(entry, &key)};
    case FieldDescriptor::CPPTYPE_UINT64:
      return uint64_t{reflection.GetUInt64(entry, &key)};
    default:
      return reflection.GetString(entry, &key);
  }
}

void SortMap(Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  const FieldDescriptor& key = *field.message_type()->map_key();
  std::map<Key, std::unique_ptr<Message>> entries;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    std::unique_ptr<Message>& kept = entries[KeyOf(entry, key)];
    kept.reset(entry.New());
    kept->CopyFrom(entry);
  }
  reflection.ClearField(&message, &field);
  for (const auto& [text, entry] : entries) {
    reflection.AddMessage(&message, &field)->CopyFrom(*entry);
  }
}

void SortMaps(Message& message) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      continue;
    }
    if (!field->is_repeated()) {
      SortMaps(*reflection.MutableMessage(&message, field));
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      SortMaps(*reflection.MutableRepeatedMessage(&message, field, i));
    }
  }
  for (const FieldDescriptor* field : fields) {
    if (field->is_map()) {
      SortMap(message, *field);
    }
  }
}

}  // namespace

std::string CanonicalBytes(Message& message) {
  SortMaps(message);
  std::string out;
  {
    google::protobuf::io::StringOutputStream stream(&out);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return out;
}

}  // namespace weir::server
