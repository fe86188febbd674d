#include "server/schema/payload_checker.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "base/wire.h"
#include "base/wire_map_key.h"
#include "base/wire_scanner.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/dynamic_message.h"

namespace weir::server {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using wire::Scanner;
using wire::Type;

// How a value lies on the wire, and which values of it a serialiser writes.
enum class Kind : uint8_t { kInt32, kUint32, kInt64, kBool, kFixed32, kFixed64, kString, kBytes, kMessage, kGroup };

struct Plan;

struct FieldPlan {
  uint32_t number = 0;
  Kind kind = Kind::kInt64;
  Type wire = Type::kVarint;
  bool repeated = false;
  bool packed = false;
  bool map = false;
  bool skips_default = false;  // without presence: not written when it is the default
  uint64_t oneof_bit = 0;      // 0: in none
  wire::MapKeyKind key_kind = wire::MapKeyKind::kUint64;
  const Plan* message = nullptr;
};

struct Plan {
  const Descriptor* type = nullptr;
  std::vector<FieldPlan> fields;           // by number
  std::array<int16_t, 64> by_number = {};  // index into fields, -1: look it up
  bool any = false;
  bool map_entry = false;
  // Not null: the library is asked whether the bytes are a message, and the form is at best kOther.
  const google::protobuf::Message* prototype = nullptr;

  const FieldPlan* Find(uint32_t number) const {
    if (number < by_number.size()) {
      return by_number[number] < 0 ? nullptr : &fields[static_cast<size_t>(by_number[number])];
    }
    const auto it = std::lower_bound(fields.begin(), fields.end(), number,
                                     [](const FieldPlan& field, uint32_t n) { return field.number < n; });
    return it == fields.end() || it->number != number ? nullptr : &*it;
  }
};

Kind KindOf(FieldDescriptor::Type type) {
  switch (type) {
    case FieldDescriptor::TYPE_INT32:
    case FieldDescriptor::TYPE_ENUM:
      return Kind::kInt32;
    case FieldDescriptor::TYPE_UINT32:
    case FieldDescriptor::TYPE_SINT32:
      return Kind::kUint32;
    case FieldDescriptor::TYPE_BOOL:
      return Kind::kBool;
    case FieldDescriptor::TYPE_FLOAT:
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_SFIXED32:
      return Kind::kFixed32;
    case FieldDescriptor::TYPE_DOUBLE:
    case FieldDescriptor::TYPE_FIXED64:
    case FieldDescriptor::TYPE_SFIXED64:
      return Kind::kFixed64;
    case FieldDescriptor::TYPE_STRING:
      return Kind::kString;
    case FieldDescriptor::TYPE_BYTES:
      return Kind::kBytes;
    case FieldDescriptor::TYPE_MESSAGE:
      return Kind::kMessage;
    case FieldDescriptor::TYPE_GROUP:
      return Kind::kGroup;
    default:
      return Kind::kInt64;
  }
}

Type WireOf(Kind kind) {
  switch (kind) {
    case Kind::kFixed32:
      return Type::kFixed32;
    case Kind::kFixed64:
      return Type::kFixed64;
    case Kind::kString:
    case Kind::kBytes:
    case Kind::kMessage:
      return Type::kBytes;
    case Kind::kGroup:
      return Type::kStartGroup;
    default:
      return Type::kVarint;
  }
}

// Whether a serialiser writes this varint for a field of this kind.
bool InRange(Kind kind, uint64_t value) {
  switch (kind) {
    case Kind::kInt32:
      return static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(value))) == value;
    case Kind::kUint32:
      return value <= UINT32_MAX;
    case Kind::kBool:
      return value <= 1;
    default:
      return true;
  }
}

bool ReadScalar(Scanner& scanner, Kind kind, uint64_t& value) {
  switch (kind) {
    case Kind::kFixed32:
      return scanner.Fixed(4, value);
    case Kind::kFixed64:
      return scanner.Fixed(8, value);
    default:
      return scanner.Varint(value);
  }
}

wire::MapKeyKind KeyKindOf(FieldDescriptor::Type type) {
  using wire::MapKeyKind;
  switch (type) {
    case FieldDescriptor::TYPE_STRING:
      return MapKeyKind::kText;
    case FieldDescriptor::TYPE_BOOL:
      return MapKeyKind::kBool;
    case FieldDescriptor::TYPE_INT32:
    case FieldDescriptor::TYPE_SFIXED32:
      return MapKeyKind::kInt32;
    case FieldDescriptor::TYPE_INT64:
    case FieldDescriptor::TYPE_SFIXED64:
      return MapKeyKind::kInt64;
    case FieldDescriptor::TYPE_SINT32:
      return MapKeyKind::kSint32;
    case FieldDescriptor::TYPE_SINT64:
      return MapKeyKind::kSint64;
    default:
      return MapKeyKind::kUint64;
  }
}

// The key of an entry that is canonical.
wire::MapKey KeyOf(const FieldPlan& key, std::string_view entry) {
  Scanner scanner(entry);
  uint32_t number = 0;
  Type type = Type::kVarint;
  uint64_t value = 0;
  std::string_view text;
  scanner.Tag(number, type);
  if (type == Type::kBytes) {
    scanner.Bytes(text);
  } else {
    ReadScalar(scanner, key.kind, value);
  }
  return wire::MakeMapKey(key.key_kind, value, text);
}

class Checker : public PayloadChecker {
 public:
  explicit Checker(const Descriptor& type) : pool_(*type.file()->pool()) {
    const std::lock_guard<std::mutex> lock(mutex_);
    root_ = PlanFor(type);
  }

  EventForm Check(std::string_view payload) const override { return CheckMessage(*root_, payload, wire::kDepthMax); }

 private:
  const Plan* PlanFor(const Descriptor& type) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  EventForm CheckMessage(const Plan& plan, std::string_view bytes, int depth) const;
  EventForm CheckField(const FieldPlan& field, Scanner& scanner, Type type, int depth, std::string_view& bytes) const;
  static EventForm CheckPacked(const FieldPlan& field, std::string_view bytes);
  EventForm CheckAny(std::string_view any, int depth) const;

  const google::protobuf::DescriptorPool& pool_;
  mutable std::mutex mutex_;
  // Plans are added, never changed once the call that adds them has returned, and never removed.
  mutable absl::flat_hash_map<const Descriptor*, std::unique_ptr<Plan>> plans_ ABSL_GUARDED_BY(mutex_);
  mutable google::protobuf::DynamicMessageFactory factory_;
  const Plan* root_ = nullptr;
};

FieldPlan PlanOfField(const FieldDescriptor& field, bool map_entry) {
  FieldPlan plan;
  plan.number = static_cast<uint32_t>(field.number());
  plan.key_kind = KeyKindOf(field.type());
  plan.kind = KindOf(field.type());
  plan.wire = WireOf(plan.kind);
  plan.repeated = field.is_repeated();
  plan.packed = field.is_packed();
  plan.map = field.is_map();
  plan.skips_default = !field.has_presence() && !field.is_repeated() && !map_entry;
  if (const auto* oneof = field.real_containing_oneof(); oneof != nullptr) {
    plan.oneof_bit = uint64_t{1} << (oneof->index() & 63);
  }
  return plan;
}

const Plan* Checker::PlanFor(const Descriptor& type) const {
  std::unique_ptr<Plan>& slot = plans_[&type];
  if (slot != nullptr) {
    return slot.get();
  }
  slot = std::make_unique<Plan>();
  Plan* const plan = slot.get();  // the slot itself moves when the table grows
  plan->type = &type;
  plan->any = type.full_name() == "google.protobuf.Any";
  plan->map_entry = type.options().map_entry();
  bool ask_library =
      type.extension_range_count() > 0 || type.options().message_set_wire_format() || type.real_oneof_decl_count() > 64;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    plan->fields.push_back(PlanOfField(field, plan->map_entry));
    ask_library = ask_library || field.is_required() || field.type() == FieldDescriptor::TYPE_GROUP;
  }
  if (ask_library) {
    plan->prototype = factory_.GetPrototype(&type);
  }
  std::sort(plan->fields.begin(), plan->fields.end(),
            [](const FieldPlan& a, const FieldPlan& b) { return a.number < b.number; });
  plan->by_number.fill(-1);
  for (size_t i = 0; i < plan->fields.size(); ++i) {
    FieldPlan& field = plan->fields[i];
    if (field.number < plan->by_number.size()) {
      plan->by_number[field.number] = static_cast<int16_t>(i);
    }
    if (field.kind == Kind::kMessage) {
      field.message = PlanFor(*type.FindFieldByNumber(static_cast<int>(field.number))->message_type());
    }
  }
  return plan;
}

EventForm Worse(EventForm a, EventForm b) { return a > b ? a : b; }

EventForm Checker::CheckMessage(const Plan& plan, std::string_view bytes, int depth) const {
  if (depth < 0) {
    return EventForm::kMalformed;
  }
  EventForm form = EventForm::kCanonical;
  if (plan.prototype != nullptr) {
    const std::unique_ptr<google::protobuf::Message> message(plan.prototype->New());
    if (!message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return EventForm::kMalformed;
    }
    form = EventForm::kOther;
  }
  uint32_t last = 0;
  uint64_t oneofs = 0;
  uint32_t known = 0;
  std::string_view last_entry;
  Scanner scanner(bytes);
  while (!scanner.done()) {
    uint32_t number = 0;
    Type type = Type::kVarint;
    if (!scanner.Tag(number, type)) {
      return EventForm::kMalformed;
    }
    const FieldPlan* field = plan.Find(number);
    const bool fits = field != nullptr && field->kind != Kind::kGroup &&
                      (type == field->wire || (field->repeated && field->wire != Type::kBytes && type == Type::kBytes));
    if (!fits) {
      if (!scanner.Skip(number, type, depth)) {
        return EventForm::kMalformed;
      }
      if (field != nullptr || number < last || type == Type::kStartGroup || plan.map_entry) {
        form = EventForm::kOther;
      }
      last = number;
      continue;
    }
    ++known;
    const bool again = number == last && field->repeated && type == field->wire && !field->packed;
    if ((number <= last && !again) || (oneofs & field->oneof_bit) != 0) {
      form = EventForm::kOther;
    }
    oneofs |= field->oneof_bit;
    std::string_view content;
    form = Worse(form, CheckField(*field, scanner, type, depth, content));
    if (form == EventForm::kMalformed) {
      return form;
    }
    if (field->map && form == EventForm::kCanonical) {
      const FieldPlan& key = field->message->fields.front();
      if (number == last && !(KeyOf(key, last_entry) < KeyOf(key, content))) {
        form = EventForm::kOther;
      }
      last_entry = content;
    }
    last = number;
  }
  if (plan.map_entry && known != 2) {
    form = EventForm::kOther;
  }
  return plan.any ? Worse(form, CheckAny(bytes, depth)) : form;
}

// Checks one occurrence of a field whose wire type fits. `bytes` becomes the content of what has a length.
EventForm Checker::CheckField(const FieldPlan& field, Scanner& scanner, Type type, int depth,
                              std::string_view& bytes) const {
  if (type != Type::kBytes) {
    uint64_t value = 0;
    if (!ReadScalar(scanner, field.kind, value)) {
      return EventForm::kMalformed;
    }
    const bool canonical = !field.packed && InRange(field.kind, value) && !(field.skips_default && value == 0);
    return canonical ? EventForm::kCanonical : EventForm::kOther;
  }
  if (!scanner.Bytes(bytes)) {
    return EventForm::kMalformed;
  }
  switch (field.kind) {
    case Kind::kMessage:
      return CheckMessage(*field.message, bytes, depth - 1);
    case Kind::kString:
      if (!wire::IsValidUtf8(bytes)) {
        return EventForm::kMalformed;
      }
      break;
    case Kind::kBytes:
      break;
    default:
      return CheckPacked(field, bytes);
  }
  return field.skips_default && bytes.empty() ? EventForm::kOther : EventForm::kCanonical;
}

EventForm Checker::CheckPacked(const FieldPlan& field, std::string_view bytes) {
  EventForm form = field.packed && !bytes.empty() ? EventForm::kCanonical : EventForm::kOther;
  for (Scanner scanner(bytes); !scanner.done();) {
    uint64_t value = 0;
    if (!ReadScalar(scanner, field.kind, value)) {
      return EventForm::kMalformed;
    }
    if (!InRange(field.kind, value)) {
      form = EventForm::kOther;
    }
  }
  return form;
}

// Checks what a well-formed Any holds; `depth` is the Any's own.
EventForm Checker::CheckAny(std::string_view any, int depth) const {
  std::string_view url;
  std::string_view value;
  uint32_t number = 0;
  Type type = Type::kVarint;
  for (Scanner scanner(any); !scanner.done();) {
    std::string_view bytes;
    scanner.Tag(number, type);
    if (type != Type::kBytes) {
      scanner.Skip(number, type, depth);
      continue;
    }
    scanner.Bytes(bytes);
    (number == 1 ? url : number == 2 ? value : bytes) = bytes;
  }
  if (url.empty() && value.empty()) {
    return EventForm::kCanonical;  // an Any that was never set
  }
  const size_t slash = url.rfind('/');
  const Descriptor* descriptor =
      slash == std::string_view::npos ? nullptr : pool_.FindMessageTypeByName(std::string(url.substr(slash + 1)));
  if (descriptor == nullptr) {
    return EventForm::kMalformed;
  }
  const Plan* plan = nullptr;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    plan = PlanFor(*descriptor);
  }
  return CheckMessage(*plan, value, depth - 1);
}

}  // namespace

std::shared_ptr<const PayloadChecker> PayloadChecker::Compile(const Descriptor& type) {
  return std::make_shared<const Checker>(type);
}

}  // namespace weir::server
