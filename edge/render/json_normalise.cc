// Normalise of json_plan_data.h: only for messages that are written in an unusual order.
#include <utility>

#include "base/wire.h"
#include "edge/render/json_plan_data.h"

namespace weir::edge {
namespace {

using wire::Scanner;
using wire::Type;

struct Record {
  const FieldPlan* field = nullptr;
  RawValue value;
  std::string_view raw;  // tag and value
};

bool ReadRecords(const MessagePlan& plan, std::string_view bytes, std::vector<Record>& records) {
  for (Scanner scanner(bytes); !scanner.done();) {
    const char* const start = scanner.at();
    uint32_t number = 0;
    Type type = Type::kVarint;
    if (!scanner.Tag(number, type)) {
      return false;
    }
    Record record;
    record.field = plan.Find(number);
    if (record.field == nullptr || !record.field->Takes(type)) {
      if (!scanner.Skip(number, type, wire::kDepthMax)) {
        return false;
      }
      continue;
    }
    if (!ReadRaw(scanner, type, record.value)) {
      return false;
    }
    record.raw = {start, static_cast<size_t>(scanner.at() - start)};
    records.push_back(record);
  }
  return true;
}

// Setting a member of a oneof clears the others: drops what came before the last change of member.
void DropClearedMembers(std::vector<Record>& records) {
  struct Choice {
    const FieldPlan* member = nullptr;  // the last one on the wire
    bool closed = false;                // another one came before it
  };
  absl::flat_hash_map<uint32_t, Choice> choices;
  std::vector<Record> kept;
  for (auto it = records.rbegin(); it != records.rend(); ++it) {
    if (it->field->oneof == 0) {
      kept.push_back(*it);
      continue;
    }
    Choice& choice = choices[it->field->oneof];
    choice.member = choice.member == nullptr ? it->field : choice.member;
    choice.closed = choice.closed || choice.member != it->field;
    if (!choice.closed) {
      kept.push_back(*it);
    }
  }
  records.assign(kept.rbegin(), kept.rend());
}

// Writes a map's entries sorted by key; of entries with one key, the last.
bool AppendMap(const Record* begin, const Record* end, std::string& out) {
  const MessagePlan& entry = *begin->field->message;
  std::vector<std::pair<wire::MapKey, std::string>> entries;
  for (const Record* record = begin; record != end; ++record) {
    std::string normal;
    if (!Normalise(entry, record->value.bytes, normal)) {
      return false;
    }
    entries.emplace_back(wire::MapKey(), std::move(normal));
  }
  for (auto& [key, normal] : entries) {  // the keys' views need the strings in their last place
    Scanner scanner(normal);
    uint32_t number = 0;
    Type type = Type::kVarint;
    RawValue value;
    if (!scanner.done() && scanner.Tag(number, type) && number == 1) {
      ReadRaw(scanner, type, value);
    }
    key = KeyOf(entry.fields.front(), value);
  }
  std::vector<size_t> order(entries.size());
  for (size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return entries[a].first < entries[b].first; });
  for (size_t i = 0; i < order.size(); ++i) {
    const auto& [key, normal] = entries[order[i]];
    if (i + 1 == order.size() || key != entries[order[i + 1]].first) {
      wire::AppendBytes(out, begin->field->number, normal);
    }
  }
  return true;
}

// Writes all records of one field.
bool AppendField(const Record* begin, const Record* end, std::string& out) {
  const FieldPlan& field = *begin->field;
  if (field.map) {
    return AppendMap(begin, end, out);
  }
  if (field.repeated) {
    for (const Record* record = begin; record != end; ++record) {
      out.append(record->raw);
    }
    return true;
  }
  if (field.kind != ValueKind::kMessage || end - begin == 1) {
    out.append((end - 1)->raw);
    return true;
  }
  std::string merged;  // the bytes of merged messages are the bytes of each, joined
  for (const Record* record = begin; record != end; ++record) {
    merged.append(record->value.bytes);
  }
  wire::AppendBytes(out, field.number, merged);
  return true;
}

}  // namespace

wire::MapKey KeyOf(const FieldPlan& key, const RawValue& value) {
  using wire::MapKeyKind;
  MapKeyKind kind = MapKeyKind::kUint64;
  switch (key.kind) {
    case ValueKind::kString:
      kind = MapKeyKind::kText;
      break;
    case ValueKind::kBool:
      kind = MapKeyKind::kBool;
      break;
    case ValueKind::kUint32:
    case ValueKind::kFixed32:
      kind = MapKeyKind::kUint32;
      break;
    case ValueKind::kInt32:
    case ValueKind::kSfixed32:
      kind = MapKeyKind::kInt32;
      break;
    case ValueKind::kSint32:
      kind = MapKeyKind::kSint32;
      break;
    case ValueKind::kSint64:
      kind = MapKeyKind::kSint64;
      break;
    case ValueKind::kInt64:
    case ValueKind::kSfixed64:
      kind = MapKeyKind::kInt64;
      break;
    default:
      break;
  }
  return wire::MakeMapKey(kind, value.number, value.bytes);
}

bool Normalise(const MessagePlan& plan, std::string_view bytes, std::string& out) {
  std::vector<Record> records;
  if (!ReadRecords(plan, bytes, records)) {
    return false;
  }
  DropClearedMembers(records);
  std::stable_sort(records.begin(), records.end(),
                   [](const Record& a, const Record& b) { return a.field->number < b.field->number; });
  for (size_t begin = 0; begin < records.size();) {
    size_t end = begin + 1;
    while (end < records.size() && records[end].field == records[begin].field) {
      ++end;
    }
    if (!AppendField(&records[begin], records.data() + end, out)) {
      return false;
    }
    begin = end;
  }
  return true;
}

}  // namespace weir::edge
