#include "edge/render/json_compile.h"

#include "edge/render/json_text.h"
#include "edge/render/options.h"
#include "weir/v1/options.pb.h"

namespace weir::edge {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;

struct KindOnWire {
  ValueKind kind;
  wire::Type wire;
};

KindOnWire KindOf(const FieldDescriptor& field) {
  using wire::Type;
  switch (field.type()) {
    case FieldDescriptor::TYPE_INT32:
      return {ValueKind::kInt32, Type::kVarint};
    case FieldDescriptor::TYPE_UINT32:
      return {ValueKind::kUint32, Type::kVarint};
    case FieldDescriptor::TYPE_SINT32:
      return {ValueKind::kSint32, Type::kVarint};
    case FieldDescriptor::TYPE_FIXED32:
      return {ValueKind::kFixed32, Type::kFixed32};
    case FieldDescriptor::TYPE_SFIXED32:
      return {ValueKind::kSfixed32, Type::kFixed32};
    case FieldDescriptor::TYPE_INT64:
      return {ValueKind::kInt64, Type::kVarint};
    case FieldDescriptor::TYPE_UINT64:
      return {ValueKind::kUint64, Type::kVarint};
    case FieldDescriptor::TYPE_SINT64:
      return {ValueKind::kSint64, Type::kVarint};
    case FieldDescriptor::TYPE_FIXED64:
      return {ValueKind::kFixed64, Type::kFixed64};
    case FieldDescriptor::TYPE_SFIXED64:
      return {ValueKind::kSfixed64, Type::kFixed64};
    case FieldDescriptor::TYPE_BOOL:
      return {ValueKind::kBool, Type::kVarint};
    case FieldDescriptor::TYPE_ENUM:
      return {ValueKind::kEnum, Type::kVarint};
    case FieldDescriptor::TYPE_FLOAT:
      return {ValueKind::kFloat, Type::kFixed32};
    case FieldDescriptor::TYPE_DOUBLE:
      return {ValueKind::kDouble, Type::kFixed64};
    case FieldDescriptor::TYPE_STRING:
      return {ValueKind::kString, Type::kBytes};
    case FieldDescriptor::TYPE_BYTES:
      return {ValueKind::kBytes, Type::kBytes};
    case FieldDescriptor::TYPE_MESSAGE:
    case FieldDescriptor::TYPE_GROUP:
      break;
  }
  return {ValueKind::kMessage, Type::kBytes};
}

// How a type is written, and for kBare what stands for it when its field is not there.
struct WellKnown {
  std::string_view name;
  MessagePlan::Form form;
  std::string_view bare_absent;
};

WellKnown FormOf(const Descriptor& type) {
  using Form = MessagePlan::Form;
  static constexpr WellKnown kWellKnown[] = {
      {"google.protobuf.Timestamp", Form::kTimestamp, ""},   {"google.protobuf.Duration", Form::kDuration, ""},
      {"google.protobuf.FieldMask", Form::kFieldMask, ""},   {"google.protobuf.Any", Form::kAny, ""},
      {"google.protobuf.Struct", Form::kBare, "{}"},         {"google.protobuf.ListValue", Form::kBare, "[]"},
      {"google.protobuf.Value", Form::kBare, "null"},        {"google.protobuf.DoubleValue", Form::kBare, "0"},
      {"google.protobuf.FloatValue", Form::kBare, "0"},      {"google.protobuf.Int64Value", Form::kBare, "\"0\""},
      {"google.protobuf.UInt64Value", Form::kBare, "\"0\""}, {"google.protobuf.Int32Value", Form::kBare, "0"},
      {"google.protobuf.UInt32Value", Form::kBare, "0"},     {"google.protobuf.BoolValue", Form::kBare, "false"},
      {"google.protobuf.StringValue", Form::kBare, "\"\""},  {"google.protobuf.BytesValue", Form::kBare, "\"\""},
  };
  for (const WellKnown& known : kWellKnown) {
    if (known.name == type.full_name()) {
      return known;
    }
  }
  return {"", Form::kObject, ""};
}

// The JSON of a field's default.
std::string DefaultOf(const FieldPlan& field) {
  if (field.repeated) {
    return field.map ? "{}" : "[]";
  }
  switch (field.kind) {
    case ValueKind::kInt64:
    case ValueKind::kUint64:
    case ValueKind::kSint64:
    case ValueKind::kFixed64:
    case ValueKind::kSfixed64:
      return "\"0\"";
    case ValueKind::kBool:
      return "false";
    case ValueKind::kString:
    case ValueKind::kBytes:
      return "\"\"";
    case ValueKind::kEnum:
      return field.enumeration->null ? "null" : field.enumeration->low.empty() ? "0" : field.enumeration->low.front();
    default:
      return "0";
  }
}

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(text, out);
  return out;
}

}  // namespace

void CompiledPlans::Add(const FileDescriptor& file) {
  for (int i = 0; i < file.message_type_count(); ++i) {
    AddWithNested(*file.message_type(i));
  }
}

void CompiledPlans::AddWithNested(const Descriptor& type) {
  if (type.options().map_entry()) {
    return;
  }
  by_name_[type.full_name()] = PlanFor(type);
  for (int i = 0; i < type.nested_type_count(); ++i) {
    AddWithNested(*type.nested_type(i));
  }
}

const MessagePlan* CompiledPlans::PlanFor(const Descriptor& type) {
  std::unique_ptr<MessagePlan>& slot = messages_[&type];
  if (slot != nullptr) {
    return slot.get();
  }
  slot = std::make_unique<MessagePlan>();
  MessagePlan* const plan = slot.get();  // the slot itself moves when the table grows
  const WellKnown known = FormOf(type);
  plan->descriptor = &type;
  plan->form = known.form;
  plan->bare_absent = known.bare_absent;
  const bool print_defaults = EventOptionsOf(type).print_defaults();
  std::vector<const FieldDescriptor*> fields;
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->type() != FieldDescriptor::TYPE_GROUP) {
      fields.push_back(type.field(i));
    }
  }
  std::sort(fields.begin(), fields.end(),
            [](const FieldDescriptor* a, const FieldDescriptor* b) { return a->number() < b->number(); });
  plan->by_number.fill(-1);
  for (size_t i = 0; i < fields.size(); ++i) {
    FieldPlan field = PlanField(*fields[i], print_defaults);
    if (plan->form == MessagePlan::Form::kBare) {
      field.member.clear();
    }
    if (field.number < plan->by_number.size()) {
      plan->by_number[field.number] = static_cast<int16_t>(i);
    }
    if (!field.absent.empty()) {
      plan->shown_when_absent.push_back(static_cast<uint16_t>(i));
    }
    plan->fields.push_back(std::move(field));
  }
  return plan;
}

FieldPlan CompiledPlans::PlanField(const FieldDescriptor& field, bool print_defaults) {
  FieldPlan plan;
  plan.number = static_cast<uint32_t>(field.number());
  plan.kind = KindOf(field).kind;
  plan.wire = KindOf(field).wire;
  plan.repeated = field.is_repeated();
  plan.map = field.is_map();
  plan.skips_default = !field.has_presence() && !field.is_repeated() && !field.containing_type()->options().map_entry();
  if (const auto* oneof = field.real_containing_oneof(); oneof != nullptr) {
    plan.oneof = static_cast<uint32_t>(oneof->index()) + 1;
  }
  plan.member = "," + Quoted(names_ == FieldNames::kProto ? field.name() : field.json_name()) + ":";
  if (plan.kind == ValueKind::kMessage) {
    plan.message = PlanFor(*field.message_type());
  } else if (plan.kind == ValueKind::kEnum) {
    plan.enumeration = PlanFor(*field.enum_type());
  }
  if (field.has_presence()) {
    plan.absent = FieldOptionsOf(field).null_when_unset() ? "null" : "";
  } else if (print_defaults) {
    plan.absent = DefaultOf(plan);
  }
  return plan;
}

const EnumPlan* CompiledPlans::PlanFor(const EnumDescriptor& type) {
  constexpr int kLowMax = 256;
  std::unique_ptr<EnumPlan>& slot = enums_[&type];
  if (slot != nullptr) {
    return slot.get();
  }
  slot = std::make_unique<EnumPlan>();
  slot->null = type.full_name() == "google.protobuf.NullValue";
  for (int i = type.value_count() - 1; i >= 0; --i) {  // of values with one number the first one names it
    const auto& value = *type.value(i);
    const std::string own = EnumValueOptionsOf(value).json_name();
    std::string text = Quoted(own.empty() ? value.name() : own);
    if (value.number() < 0 || value.number() >= kLowMax) {
      slot->other[value.number()] = std::move(text);
      continue;
    }
    const auto number = static_cast<size_t>(value.number());
    slot->low.resize(std::max(slot->low.size(), number + 1));
    slot->low[number] = std::move(text);
  }
  return slot.get();
}

const MessagePlan* CompiledPlans::Find(std::string_view full_name) const {
  const auto it = by_name_.find(full_name);
  return it == by_name_.end() ? nullptr : it->second;
}

std::shared_ptr<const JsonPlans> JsonPlans::Compile(const std::vector<const FileDescriptor*>& files, FieldNames names) {
  auto plans = std::make_shared<CompiledPlans>(names);
  for (const FileDescriptor* file : files) {
    plans->Add(*file);
  }
  return plans;
}

}  // namespace weir::edge
