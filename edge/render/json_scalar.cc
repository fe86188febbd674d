#include "edge/render/json_scalar.h"

#include <bit>

#include "edge/render/json_text.h"

namespace weir::edge {
namespace {

void AppendEnum(const EnumPlan& plan, int32_t number, std::string& out) {
  if (plan.null) {
    out += "null";
    return;
  }
  if (number >= 0 && static_cast<size_t>(number) < plan.low.size() && !plan.low[static_cast<size_t>(number)].empty()) {
    out += plan.low[static_cast<size_t>(number)];
    return;
  }
  const auto it = plan.other.find(number);
  if (it != plan.other.end()) {
    out += it->second;
  } else {
    AppendInt(number, out);
  }
}

}  // namespace

bool AppendScalar(const FieldPlan& field, const RawValue& value, std::string& out) {
  const auto quoted = [&out](auto append, auto number) {
    out += '"';
    append(number, out);
    out += '"';
  };
  switch (field.kind) {
    case ValueKind::kInt32:
    case ValueKind::kSfixed32:
      AppendInt(static_cast<int32_t>(value.number), out);
      break;
    case ValueKind::kUint32:
    case ValueKind::kFixed32:
      AppendUint(static_cast<uint32_t>(value.number), out);
      break;
    case ValueKind::kSint32:
      AppendInt(wire::Zigzag(static_cast<uint32_t>(value.number)), out);
      break;
    case ValueKind::kInt64:
    case ValueKind::kSfixed64:
      quoted(AppendInt, static_cast<int64_t>(value.number));
      break;
    case ValueKind::kUint64:
    case ValueKind::kFixed64:
      quoted(AppendUint, value.number);
      break;
    case ValueKind::kSint64:
      quoted(AppendInt, wire::Zigzag(value.number));
      break;
    case ValueKind::kBool:
      out += value.number != 0 ? "true" : "false";
      break;
    case ValueKind::kEnum:
      AppendEnum(*field.enumeration, static_cast<int32_t>(value.number), out);
      break;
    case ValueKind::kFloat:
      AppendJsonFloat(std::bit_cast<float>(static_cast<uint32_t>(value.number)), out);
      break;
    case ValueKind::kDouble:
      AppendJsonDouble(std::bit_cast<double>(value.number), out);
      break;
    case ValueKind::kString:
      return AppendJsonString(value.bytes, out);
    case ValueKind::kBytes:
      AppendJsonBase64(value.bytes, out);
      break;
    case ValueKind::kMessage:
      break;
  }
  return true;
}

bool AppendKey(const FieldPlan& field, const RawValue& value, std::string& out) {
  switch (field.kind) {
    case ValueKind::kBool:
    case ValueKind::kInt32:
    case ValueKind::kUint32:
    case ValueKind::kSint32:
    case ValueKind::kFixed32:
    case ValueKind::kSfixed32:
      out += '"';
      AppendScalar(field, value, out);
      out += "\":";
      return true;
    default:
      if (!AppendScalar(field, value, out)) {
        return false;
      }
      out += ':';
      return true;
  }
}

}  // namespace weir::edge
