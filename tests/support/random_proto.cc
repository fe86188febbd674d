#include "tests/support/random_proto.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "google/protobuf/any.pb.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/empty.pb.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/wrappers.pb.h"

namespace weir::test {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorProto;
using google::protobuf::FieldDescriptor;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptorProto;
using google::protobuf::Message;

constexpr int kMessages = 6;
constexpr std::array kWellKnown = {"Timestamp",   "Duration",    "FieldMask",  "Struct",      "Value",
                                   "ListValue",   "Empty",       "Any",        "DoubleValue", "FloatValue",
                                   "Int64Value",  "UInt64Value", "Int32Value", "UInt32Value", "BoolValue",
                                   "StringValue", "BytesValue"};
constexpr std::array kScalars = {
    FieldDescriptorProto::TYPE_DOUBLE,   FieldDescriptorProto::TYPE_FLOAT,  FieldDescriptorProto::TYPE_INT64,
    FieldDescriptorProto::TYPE_UINT64,   FieldDescriptorProto::TYPE_INT32,  FieldDescriptorProto::TYPE_FIXED64,
    FieldDescriptorProto::TYPE_FIXED32,  FieldDescriptorProto::TYPE_BOOL,   FieldDescriptorProto::TYPE_STRING,
    FieldDescriptorProto::TYPE_BYTES,    FieldDescriptorProto::TYPE_UINT32, FieldDescriptorProto::TYPE_SFIXED32,
    FieldDescriptorProto::TYPE_SFIXED64, FieldDescriptorProto::TYPE_SINT32, FieldDescriptorProto::TYPE_SINT64};

bool OneIn(Rng& rng, size_t n) { return Below(rng, n) == 0; }

void SetRandomType(Rng& rng, FieldDescriptorProto& field) {
  switch (Below(rng, 10)) {
    case 0:
      field.set_type(FieldDescriptorProto::TYPE_ENUM);
      field.set_type_name(".random.E");
      break;
    case 1:
    case 2:
      field.set_type(FieldDescriptorProto::TYPE_MESSAGE);
      field.set_type_name(".random.M" + std::to_string(Below(rng, kMessages)));
      break;
    case 3:
      field.set_type(FieldDescriptorProto::TYPE_MESSAGE);
      field.set_type_name(std::string(".google.protobuf.") + kWellKnown[Below(rng, kWellKnown.size())]);
      break;
    default:
      field.set_type(kScalars[Below(rng, kScalars.size())]);
      break;
  }
}

// Turns `field` into a map by adding its entry type to `message`.
void MakeMap(Rng& rng, int index, FieldDescriptorProto& field, DescriptorProto& message) {
  DescriptorProto& entry = *message.add_nested_type();
  entry.set_name("F" + std::to_string(index) + "NameEntry");  // as protoc derives it from the field's name
  entry.mutable_options()->set_map_entry(true);
  FieldDescriptorProto& key = *entry.add_field();
  key.set_name("key");
  key.set_number(1);
  key.set_label(FieldDescriptorProto::LABEL_OPTIONAL);
  do {
    key.set_type(kScalars[Below(rng, kScalars.size())]);
  } while (key.type() == FieldDescriptorProto::TYPE_DOUBLE || key.type() == FieldDescriptorProto::TYPE_FLOAT ||
           key.type() == FieldDescriptorProto::TYPE_BYTES);
  FieldDescriptorProto& value = *entry.add_field();
  value = field;
  value.set_name("value");
  value.set_number(2);
  value.clear_json_name();
  value.set_label(FieldDescriptorProto::LABEL_OPTIONAL);
  field.set_type(FieldDescriptorProto::TYPE_MESSAGE);
  field.set_type_name(".random." + message.name() + "." + entry.name());
  field.set_label(FieldDescriptorProto::LABEL_REPEATED);
}

void AddField(Rng& rng, int index, bool in_oneof, int& number, DescriptorProto& message) {
  FieldDescriptorProto field;
  field.set_name("f" + std::to_string(index) + "_name");
  number += OneIn(rng, 8) ? 1 + static_cast<int>(Below(rng, 200'000)) : 1 + static_cast<int>(Below(rng, 3));
  if (number >= 19'000 && number <= 19'999) {
    number = 20'000;
  }
  field.set_number(number);
  if (OneIn(rng, 4)) {
    field.set_json_name("own_" + std::to_string(index));
  }
  SetRandomType(rng, field);
  field.set_label(FieldDescriptorProto::LABEL_OPTIONAL);
  const bool scalar = field.type() != FieldDescriptorProto::TYPE_MESSAGE;
  switch (in_oneof ? 3 : Below(rng, 7)) {
    case 0:
    case 1:
      field.set_label(FieldDescriptorProto::LABEL_REPEATED);
      if (scalar && field.type() != FieldDescriptorProto::TYPE_STRING &&
          field.type() != FieldDescriptorProto::TYPE_BYTES && OneIn(rng, 2)) {
        field.mutable_options()->set_packed(false);
      }
      break;
    case 2:
      MakeMap(rng, index, field, message);
      break;
    case 3:
      if (in_oneof) {
        field.set_oneof_index(0);
      }
      break;
    default:
      break;
  }
  *message.add_field() = field;
}

// Gives about a third of the plain scalars presence. proto3 hides it in a oneof of its own, after the real ones.
void AddPresence(Rng& rng, DescriptorProto& message) {
  for (FieldDescriptorProto& field : *message.mutable_field()) {
    const bool plain = field.label() == FieldDescriptorProto::LABEL_OPTIONAL && !field.has_oneof_index();
    if (plain && field.type() != FieldDescriptorProto::TYPE_MESSAGE && OneIn(rng, 3)) {
      field.set_proto3_optional(true);
      field.set_oneof_index(message.oneof_decl_size());
      message.add_oneof_decl()->set_name("_" + field.name());
    }
  }
}

template <typename T>
T RandomInt(Rng& rng) {
  switch (Below(rng, 4)) {
    case 0:
      return static_cast<T>(Below(rng, 3));
    case 1:
      return OneIn(rng, 2) ? std::numeric_limits<T>::max() : std::numeric_limits<T>::min();
    case 2:
      return static_cast<T>(static_cast<int64_t>(Below(rng, 2000)) - 1000);
    default:
      return static_cast<T>(rng());
  }
}

template <typename T>
T RandomReal(Rng& rng) {
  using Limits = std::numeric_limits<T>;
  switch (Below(rng, 10)) {
    case 0:
      return 0;
    case 1:
      return static_cast<T>(-0.0);
    case 2:
      return Limits::quiet_NaN();
    case 3:
      return OneIn(rng, 2) ? Limits::infinity() : -Limits::infinity();
    case 4:
      return OneIn(rng, 2) ? Limits::max() : Limits::denorm_min();
    case 5:
      return static_cast<T>(static_cast<int64_t>(Below(rng, 2'000'000)) - 1'000'000);
    case 6:
      return static_cast<T>(static_cast<double>(Below(rng, 100'000)) / 100);
    case 7:
      return static_cast<T>(
          std::ldexp(1.0 + static_cast<double>(Below(rng, 1000)), static_cast<int>(Below(rng, 120)) - 60));
    default: {
      const uint64_t bits = rng();
      T value;
      static_assert(sizeof(value) <= sizeof(bits));
      std::memcpy(&value, &bits, sizeof(value));
      return std::isnan(value) ? T{1} : value;
    }
  }
}

std::string RandomPath(Rng& rng) {
  std::string path = "a";
  for (size_t i = Below(rng, 4); i > 0; --i) {
    path += OneIn(rng, 3) ? "_b" : OneIn(rng, 2) ? ".c" : "d";
  }
  return path;
}

// Whether the last entry of a map has the key of an earlier one, which reflection allows.
bool EndsWithKnownKey(const Message& message, const FieldDescriptor& map) {
  const auto& reflection = *message.GetReflection();
  const auto key = [&](int i) {
    const std::unique_ptr<Message> entry(reflection.GetRepeatedMessage(message, &map, i).New());
    entry->CopyFrom(reflection.GetRepeatedMessage(message, &map, i));
    entry->GetReflection()->ClearField(entry.get(), map.message_type()->map_value());
    return entry->SerializeAsString();
  };
  const int last = reflection.FieldSize(message, &map) - 1;
  for (int i = 0; i < last; ++i) {
    if (key(i) == key(last)) {
      return true;
    }
  }
  return false;
}

}  // namespace

size_t Below(Rng& rng, size_t bound) { return static_cast<size_t>(rng() % bound); }

std::string Deterministic(const Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&out);
  }
  return bytes;
}

std::string RandomText(Rng& rng) {
  static const std::array<std::string, 16> kPieces = {"a",
                                                      "Z",
                                                      "0",
                                                      " ",
                                                      "\"",
                                                      "\\",
                                                      "/",
                                                      "<&>'",
                                                      "\n",
                                                      std::string("\0", 1),
                                                      "\x1f\x7f",
                                                      "é",
                                                      "\xe2\x80\xa8",
                                                      "€",
                                                      "\xf0\x9f\x98\x80",
                                                      "plain text "};
  std::string text;
  for (size_t i = Below(rng, 12); i > 0; --i) {
    text += kPieces[Below(rng, kPieces.size())];
  }
  return text;
}

FileDescriptorProto RandomFile(Rng& rng) {
  FileDescriptorProto file;
  file.set_name("random.proto");
  file.set_package("random");
  file.set_syntax("proto3");
  for (const FileDescriptorProto& known : WellKnownFiles()) {
    file.add_dependency(known.name());
  }
  auto& enumeration = *file.add_enum_type();
  enumeration.set_name("E");
  for (const int number : {0, 1, 7, -1}) {
    auto& value = *enumeration.add_value();
    value.set_name("E_" + std::to_string(enumeration.value_size()));
    value.set_number(number);
  }
  for (int i = 0; i < kMessages; ++i) {
    DescriptorProto& message = *file.add_message_type();
    message.set_name("M" + std::to_string(i));
    int number = 0;
    const int count = 1 + static_cast<int>(Below(rng, 14));
    const int choice = static_cast<int>(Below(rng, 14));  // the members of a oneof stand together
    for (int index = 0; index < count; ++index) {
      AddField(rng, index, index >= choice && index < choice + 4, number, message);
    }
    if (choice < count) {
      message.add_oneof_decl()->set_name("choice");
    }
    AddPresence(rng, message);
  }
  return file;
}

std::vector<FileDescriptorProto> WellKnownFiles() {
  std::vector<FileDescriptorProto> files;
  for (const auto* file :
       {google::protobuf::Timestamp::descriptor()->file(), google::protobuf::Duration::descriptor()->file(),
        google::protobuf::FieldMask::descriptor()->file(), google::protobuf::Struct::descriptor()->file(),
        google::protobuf::Empty::descriptor()->file(), google::protobuf::Any::descriptor()->file(),
        google::protobuf::Int32Value::descriptor()->file()}) {
    file->CopyTo(&files.emplace_back());
    file->CopyJsonNameTo(&files.back());
  }
  return files;
}

RandomTypes::RandomTypes(Rng& rng) : file_(RandomFile(rng)) {
  for (const FileDescriptorProto& file : WellKnownFiles()) {
    pool_.BuildFile(file);
  }
  const auto* file = pool_.BuildFile(file_);
  for (int i = 0; i < file->message_type_count(); ++i) {
    types_.push_back(file->message_type(i));
  }
}

std::unique_ptr<Message> RandomTypes::New(const Descriptor& type) {
  return std::unique_ptr<Message>(factory_.GetPrototype(&type)->New());
}

std::unique_ptr<Message> RandomTypes::Random(Rng& rng, const Descriptor& type) { return Random(rng, 4, type); }

std::unique_ptr<Message> RandomTypes::Random(Rng& rng, int depth, const Descriptor& type) {
  auto message = New(type);
  Fill(rng, depth, *message);
  return message;
}

void RandomTypes::Fill(Rng& rng, int depth, Message& message) {
  if (FillWellKnown(rng, depth, message)) {
    return;
  }
  const Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const bool deep = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field.is_map();
    // A Value without a kind is no JSON: a map's must not be left out.
    const bool needed =
        type.options().map_entry() && deep && field.message_type()->full_name() == "google.protobuf.Value";
    if (!needed && (OneIn(rng, 3) || (deep && depth <= 0))) {
      continue;
    }
    const size_t count = field.is_repeated() ? 1 + Below(rng, 3) : 1;
    for (size_t n = 0; n < count; ++n) {
      FillField(rng, depth, field, message);
      if (field.is_map() && EndsWithKnownKey(message, field)) {
        message.GetReflection()->RemoveLast(&message, &field);
      }
    }
  }
}

// Sets or adds one value; a map gets an entry that replaces an equal key.
void RandomTypes::FillField(Rng& rng, int depth, const FieldDescriptor& field, Message& message) {
  const auto& reflection = *message.GetReflection();
  const auto put = [&](auto set, auto add, auto value) {
    if (field.is_repeated()) {
      (reflection.*add)(&message, &field, std::move(value));
    } else {
      (reflection.*set)(&message, &field, std::move(value));
    }
  };
  using R = google::protobuf::Reflection;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return put(&R::SetInt32, &R::AddInt32, RandomInt<int32_t>(rng));
    case FieldDescriptor::CPPTYPE_INT64:
      return put(&R::SetInt64, &R::AddInt64, RandomInt<int64_t>(rng));
    case FieldDescriptor::CPPTYPE_UINT32:
      return put(&R::SetUInt32, &R::AddUInt32, RandomInt<uint32_t>(rng));
    case FieldDescriptor::CPPTYPE_UINT64:
      return put(&R::SetUInt64, &R::AddUInt64, RandomInt<uint64_t>(rng));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return put(&R::SetDouble, &R::AddDouble, RandomReal<double>(rng));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return put(&R::SetFloat, &R::AddFloat, RandomReal<float>(rng));
    case FieldDescriptor::CPPTYPE_BOOL:
      return put(&R::SetBool, &R::AddBool, OneIn(rng, 2));
    case FieldDescriptor::CPPTYPE_ENUM: {
      static constexpr std::array<int, 6> kNumbers = {0, 1, 7, -1, 5, -77};
      return put(&R::SetEnumValue, &R::AddEnumValue, kNumbers[Below(rng, kNumbers.size())]);
    }
    case FieldDescriptor::CPPTYPE_STRING:
      return put(&R::SetString, &R::AddString, RandomText(rng));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  Message& child =
      field.is_repeated() ? *reflection.AddMessage(&message, &field) : *reflection.MutableMessage(&message, &field);
  Fill(rng, depth - 1, child);
}

bool RandomTypes::FillWellKnown(Rng& rng, int depth, Message& message) {
  const Descriptor& type = *message.GetDescriptor();
  const auto& reflection = *message.GetReflection();
  const auto* first = type.field_count() > 0 ? type.field(0) : nullptr;
  const auto* second = type.field_count() > 1 ? type.field(1) : nullptr;
  if (type.full_name() == "google.protobuf.Timestamp") {
    reflection.SetInt64(&message, first, static_cast<int64_t>(Below(rng, 315'537'897'600)) - 62'135'596'800);
    static constexpr std::array kUnits = {1, 1000, 1'000'000};
    reflection.SetInt32(&message, second,
                        OneIn(rng, 2) ? 0 : static_cast<int32_t>(Below(rng, 1000)) * kUnits[Below(rng, kUnits.size())]);
    return true;
  }
  if (type.full_name() == "google.protobuf.Duration") {
    const int sign = OneIn(rng, 2) ? 1 : -1;
    reflection.SetInt64(&message, first, sign * static_cast<int64_t>(OneIn(rng, 3) ? 0 : Below(rng, 315'576'000'000)));
    reflection.SetInt32(&message, second, OneIn(rng, 2) ? 0 : sign * static_cast<int32_t>(Below(rng, 1'000'000'000)));
    return true;
  }
  if (type.full_name() == "google.protobuf.FieldMask") {
    for (size_t i = Below(rng, 4); i > 0; --i) {
      reflection.AddString(&message, first, RandomPath(rng));
    }
    return true;
  }
  if (type.full_name() == "google.protobuf.Value") {
    const int kind = static_cast<int>(Below(rng, depth > 0 ? 6 : 4));
    const FieldDescriptor& field = *type.field(kind);
    if (kind == 1) {
      reflection.SetDouble(&message, &field, static_cast<double>(Below(rng, 100'000)) / 8);
    } else {
      FillField(rng, depth, field, message);
    }
    return true;
  }
  if (type.full_name() == "google.protobuf.Any") {
    if (!OneIn(rng, 8)) {
      const Descriptor& held = *types_[Below(rng, types_.size())];
      reflection.SetString(&message, first, "type.googleapis.com/" + held.full_name());
      reflection.SetString(&message, second, Deterministic(*Random(rng, depth - 1, held)));
    }
    return true;
  }
  return false;
}

std::string Mutated(Rng& rng, std::string bytes) {
  for (size_t i = 1 + Below(rng, 4); i > 0; --i) {
    const size_t at = Below(rng, bytes.size() + 1);
    switch (Below(rng, 5)) {
      case 0:
        bytes.insert(at, 1, static_cast<char>(rng()));
        break;
      case 1:
        bytes.resize(at);
        break;
      case 2:
        bytes.erase(at, 1 + Below(rng, 3));
        break;
      case 3:
        bytes.insert(at, bytes.substr(at, 1 + Below(rng, 16)));
        break;
      default:
        if (at < bytes.size()) {
          bytes[at] =
              static_cast<char>(OneIn(rng, 2) ? rng() : static_cast<uint64_t>(bytes[at]) ^ (1u << Below(rng, 8)));
        }
        break;
    }
  }
  return bytes;
}

}  // namespace weir::test
