// What a plan is made of: shared by the compiler, the writer and the normaliser, and by nobody else.
#ifndef WEIR_EDGE_RENDER_JSON_PLAN_DATA_H_
#define WEIR_EDGE_RENDER_JSON_PLAN_DATA_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/wire_map_key.h"
#include "base/wire_scanner.h"
#include "google/protobuf/descriptor.h"

namespace weir::edge {

enum class ValueKind : uint8_t {
  kInt32,
  kUint32,
  kSint32,
  kFixed32,
  kSfixed32,
  kInt64,
  kUint64,
  kSint64,
  kFixed64,
  kSfixed64,
  kBool,
  kEnum,
  kFloat,
  kDouble,
  kString,
  kBytes,
  kMessage,
};

struct MessagePlan;

// The JSON text of an enum's values.
struct EnumPlan {
  bool null = false;             // google.protobuf.NullValue
  std::vector<std::string> low;  // of 0, 1, 2 …, with quotes; empty: unknown
  absl::flat_hash_map<int32_t, std::string> other;
};

struct FieldPlan {
  uint32_t number = 0;
  ValueKind kind = ValueKind::kInt32;
  wire::Type wire = wire::Type::kVarint;
  bool repeated = false;  // a map too
  bool map = false;
  bool skips_default = false;  // without presence: not shown when it is the default
  uint32_t oneof = 0;          // numbers its message's oneofs from 1; 0: in none
  std::string member;          // `,"name":`
  std::string absent;          // shown when the field is not there; empty: nothing is
  const MessagePlan* message = nullptr;
  const EnumPlan* enumeration = nullptr;

  // Whether a value of this wire type belongs to the field: its own, or the packed form of it and the other way round.
  bool Takes(wire::Type type) const { return type == wire || (repeated && type == wire::Type::kBytes); }

  // A bit for its oneof. Of more than 64 oneofs some share one, which only costs time.
  uint64_t oneof_bit() const { return oneof == 0 ? 0 : uint64_t{1} << (oneof & 63); }
};

struct MessagePlan {
  enum class Form : uint8_t {
    kObject,
    kBare,  // wrappers, Struct, ListValue, Value: the one field that is there, without a name
    kTimestamp,
    kDuration,
    kFieldMask,
    kAny,
  };

  Form form = Form::kObject;
  std::vector<FieldPlan> fields;            // by number
  std::array<int16_t, 64> by_number = {};   // index into fields, -1: it may be found in fields
  std::vector<uint16_t> shown_when_absent;  // indices into fields, ascending
  std::string bare_absent;                  // of kBare without its field
  const google::protobuf::Descriptor* descriptor = nullptr;

  const FieldPlan* Find(uint32_t number) const {
    if (number < by_number.size()) {
      return by_number[number] < 0 ? nullptr : &fields[static_cast<size_t>(by_number[number])];
    }
    const auto it = std::lower_bound(fields.begin(), fields.end(), number,
                                     [](const FieldPlan& field, uint32_t n) { return field.number < n; });
    return it == fields.end() || it->number != number ? nullptr : &*it;
  }
};

// A value as it lies on the wire.
struct RawValue {
  uint64_t number = 0;
  std::string_view bytes;
};

// Reads a value of wire type `type`; false when malformed.
inline bool ReadRaw(wire::Scanner& scanner, wire::Type type, RawValue& value) {
  switch (type) {
    case wire::Type::kVarint:
      return scanner.Varint(value.number);
    case wire::Type::kFixed32:
      return scanner.Fixed(4, value.number);
    case wire::Type::kFixed64:
      return scanner.Fixed(8, value.number);
    default:
      return scanner.Bytes(value.bytes);
  }
}

// The key of a map's entry, to order it.
wire::MapKey KeyOf(const FieldPlan& key, const RawValue& value);

// The form of `bytes` that the writer takes: fields in number order, singular ones once, one member of a oneof, maps
// sorted and without doubles; unknown fields are left out. Linear in the bytes of this level; nested messages are left
// as they are. False when malformed.
bool Normalise(const MessagePlan& plan, std::string_view bytes, std::string& out);

}  // namespace weir::edge

#endif  // WEIR_EDGE_RENDER_JSON_PLAN_DATA_H_
