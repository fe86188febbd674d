// The walk over the bytes. The writer takes messages as serialisers write them (in field-number order, everything once,
// maps sorted): that is all that the log holds unless a publisher's library is very unusual. Where it meets another
// order it gives up and starts again, this time bringing every message into that form first: so that hostile bytes cost
// twice as much, never more.
#include "edge/render/json_plan.h"

#include <fmt/format.h>

#include "edge/render/json_compile.h"
#include "edge/render/json_plan_data.h"
#include "edge/render/json_scalar.h"
#include "edge/render/json_text.h"
#include "edge/render/json_time.h"

namespace weir::edge {
namespace {

using wire::Scanner;
using wire::Type;

class Writer {
 public:
  Writer(const CompiledPlans& plans, bool normalise, std::string& out)
      : plans_(plans), normalise_(normalise), out_(out) {}

  // Appends the message as a JSON value. False: see error().
  bool Value(const MessagePlan& plan, std::string_view bytes, int depth);

  // What is wrong; null when only the order was unusual.
  const char* error() const { return error_; }
  // Where it is wrong.
  const MessagePlan* where() const { return where_; }

 private:
  bool Members(const MessagePlan& plan, std::string_view bytes, int depth, bool first);
  bool Bare(const MessagePlan& plan, std::string_view bytes, int depth);
  bool Any(std::string_view bytes, int depth);
  bool Singular(const FieldPlan& field, Scanner& scanner, Type type, int depth, bool& first);
  bool List(const FieldPlan& field, Scanner& scanner, Type type, int depth, bool& first);
  bool Packed(const FieldPlan& field, std::string_view bytes, bool& first, bool& open);
  bool Map(const FieldPlan& field, Scanner& scanner, int depth, bool& first);
  bool Entry(const MessagePlan& entry, std::string_view bytes, RawValue& key, RawValue& value);
  bool Single(const FieldPlan& field, const RawValue& value, int depth);
  static bool More(const FieldPlan& field, Scanner& scanner, Type& type);

  void Member(const FieldPlan& field, bool& first) {
    if (field.member.empty()) {
      return;  // the field of a bare message
    }
    out_.append(field.member.data() + (first ? 1 : 0), field.member.size() - (first ? 1 : 0));
    first = false;
  }

  bool Fail(const char* what) {
    error_ = what;
    return false;
  }
  bool Malformed() { return Fail("malformed bytes"); }
  // The order is unusual; `error_` stays null, unless the bytes were brought into order already.
  bool Unusual() { return normalise_ ? Fail("fields that cannot be brought into order") : false; }
  bool At(const MessagePlan& plan, bool ok) {
    where_ = ok || where_ != nullptr ? where_ : &plan;
    return ok;
  }

  const CompiledPlans& plans_;
  const bool normalise_;
  std::string& out_;
  const char* error_ = nullptr;
  const MessagePlan* where_ = nullptr;
};

bool Writer::Value(const MessagePlan& plan, std::string_view bytes, int depth) {
  if (depth < 0) {
    return At(plan, Fail("messages within messages, more than 100 deep"));
  }
  using Form = MessagePlan::Form;
  switch (plan.form) {
    case Form::kObject: {
      out_ += '{';
      const bool ok = At(plan, Members(plan, bytes, depth, true));
      out_ += '}';
      return ok;
    }
    case Form::kBare:
      return At(plan, Bare(plan, bytes, depth));
    case Form::kTimestamp:
      return At(plan, (error_ = AppendTimestamp(bytes, out_)) == nullptr);
    case Form::kDuration:
      return At(plan, (error_ = AppendDuration(bytes, out_)) == nullptr);
    case Form::kFieldMask:
      return At(plan, (error_ = AppendFieldMask(bytes, out_)) == nullptr);
    case Form::kAny:
      return At(plan, Any(bytes, depth));
  }
  return Fail("a form that nobody knows");
}

bool Writer::Bare(const MessagePlan& plan, std::string_view bytes, int depth) {
  const size_t start = out_.size();
  if (!Members(plan, bytes, depth, true)) {
    return false;
  }
  if (out_.size() == start) {
    out_ += plan.bare_absent;
  }
  return true;
}

bool Writer::Members(const MessagePlan& plan, std::string_view bytes, int depth, bool first) {
  std::string normal;
  if (normalise_) {
    if (!Normalise(plan, bytes, normal)) {
      return Malformed();
    }
    bytes = normal;
  }
  uint32_t last = 0;
  uint64_t oneofs = 0;
  auto absent = plan.shown_when_absent.begin();
  const auto absent_end = plan.shown_when_absent.end();
  const auto show_absent = [&](const FieldPlan& field) {
    Member(field, first);
    out_ += field.absent;
  };
  for (Scanner scanner(bytes); !scanner.done();) {
    uint32_t number = 0;
    Type type = Type::kVarint;
    if (!scanner.Tag(number, type)) {
      return Malformed();
    }
    const FieldPlan* field = plan.Find(number);
    if (field == nullptr || !field->Takes(type)) {
      if (!scanner.Skip(number, type, depth)) {
        return Malformed();
      }
      continue;
    }
    if (number <= last || (!normalise_ && (oneofs & field->oneof_bit()) != 0)) {
      return Unusual();
    }
    last = number;
    oneofs |= field->oneof_bit();
    while (absent != absent_end && plan.fields[*absent].number < number) {
      show_absent(plan.fields[*absent++]);
    }
    const size_t before = out_.size();
    const bool ok = field->map        ? Map(*field, scanner, depth, first)
                    : field->repeated ? List(*field, scanner, type, depth, first)
                                      : Singular(*field, scanner, type, depth, first);
    if (!ok) {
      return false;
    }
    if (absent != absent_end && plan.fields[*absent].number == number) {
      if (out_.size() == before) {
        show_absent(*field);
      }
      ++absent;
    }
  }
  while (absent != absent_end) {
    show_absent(plan.fields[*absent++]);
  }
  return true;
}

bool Writer::Singular(const FieldPlan& field, Scanner& scanner, Type type, int depth, bool& first) {
  RawValue value;
  if (!ReadRaw(scanner, type, value)) {
    return Malformed();
  }
  if (field.skips_default && value.number == 0 && value.bytes.empty()) {
    return true;
  }
  Member(field, first);
  return Single(field, value, depth);
}

// Whether the next field is the same one again; then its tag is read.
bool Writer::More(const FieldPlan& field, Scanner& scanner, Type& type) {
  Scanner ahead = scanner;
  uint32_t number = 0;
  Type next = Type::kVarint;
  if (ahead.done() || !ahead.Tag(number, next) || number != field.number || !field.Takes(next)) {
    return false;
  }
  scanner = ahead;
  type = next;
  return true;
}

bool Writer::List(const FieldPlan& field, Scanner& scanner, Type type, int depth, bool& first) {
  bool open = false;
  do {
    RawValue value;
    if (!ReadRaw(scanner, type, value)) {
      return Malformed();
    }
    if (type != field.wire) {
      if (!Packed(field, value.bytes, first, open)) {
        return false;
      }
      continue;
    }
    if (!open) {
      Member(field, first);
    }
    out_ += open ? ',' : '[';
    open = true;
    if (!Single(field, value, depth)) {
      return false;
    }
  } while (More(field, scanner, type));
  if (open) {
    out_ += ']';
  }
  return true;
}

bool Writer::Packed(const FieldPlan& field, std::string_view bytes, bool& first, bool& open) {
  for (Scanner scanner(bytes); !scanner.done();) {
    RawValue value;
    if (!ReadRaw(scanner, field.wire, value)) {
      return Malformed();
    }
    if (!open) {
      Member(field, first);
    }
    out_ += open ? ',' : '[';
    open = true;
    AppendScalar(field, value, out_);
  }
  return true;
}

bool Writer::Map(const FieldPlan& field, Scanner& scanner, int depth, bool& first) {
  const MessagePlan& entry = *field.message;
  if (depth - 1 < 0) {
    return Fail("messages within messages, more than 100 deep");
  }
  Member(field, first);
  wire::MapKey last;
  char separator = '{';
  Type type = Type::kBytes;
  do {
    std::string_view bytes;
    RawValue key;
    RawValue value;
    if (!scanner.Bytes(bytes)) {
      return Malformed();
    }
    if (!Entry(entry, bytes, key, value)) {
      return false;
    }
    const wire::MapKey ordered = KeyOf(entry.fields[0], key);
    if (separator == ',' && !(last < ordered)) {
      return Unusual();
    }
    last = ordered;
    out_ += separator;
    separator = ',';
    if (!AppendKey(entry.fields[0], key, out_)) {
      return Fail("text that is not UTF-8");
    }
    if (!Single(entry.fields[1], value, depth - 1)) {
      return false;
    }
  } while (More(field, scanner, type));
  out_ += '}';
  return true;
}

// Reads an entry's key and value; what is missing is the default.
bool Writer::Entry(const MessagePlan& entry, std::string_view bytes, RawValue& key, RawValue& value) {
  uint32_t last = 0;
  for (Scanner scanner(bytes); !scanner.done();) {
    uint32_t number = 0;
    Type type = Type::kVarint;
    if (!scanner.Tag(number, type)) {
      return Malformed();
    }
    const FieldPlan* field = entry.Find(number);
    if (field == nullptr || !field->Takes(type)) {
      if (!scanner.Skip(number, type, wire::kDepthMax)) {
        return Malformed();
      }
      continue;
    }
    if (number <= last) {
      return Unusual();
    }
    last = number;
    if (!ReadRaw(scanner, type, number == 1 ? key : value)) {
      return Malformed();
    }
  }
  return true;
}

bool Writer::Any(std::string_view bytes, int depth) {
  std::string_view url;
  std::string_view held;
  for (Scanner scanner(bytes); !scanner.done();) {
    uint32_t number = 0;
    Type type = Type::kVarint;
    if (!scanner.Tag(number, type)) {
      return Malformed();
    }
    const bool known = number <= 2 && type == Type::kBytes;
    if (known ? !scanner.Bytes(number == 1 ? url : held) : !scanner.Skip(number, type, depth)) {
      return Malformed();
    }
  }
  if (url.empty() && held.empty()) {
    out_ += "{}";
    return true;
  }
  const size_t slash = url.rfind('/');
  const MessagePlan* plan = slash == std::string_view::npos ? nullptr : plans_.Find(url.substr(slash + 1));
  if (plan == nullptr) {
    return Fail("an Any of a type that the schema does not know");
  }
  out_ += "{\"@type\":";
  if (!AppendJsonString(url, out_)) {
    return Fail("text that is not UTF-8");
  }
  bool ok = false;
  if (plan->form == MessagePlan::Form::kObject) {
    ok = depth > 0 ? Members(*plan, held, depth - 1, false) : Fail("messages within messages, more than 100 deep");
  } else {
    out_ += ",\"value\":";
    ok = Value(*plan, held, depth - 1);
  }
  out_ += '}';
  return ok;
}

// A value: of a message by its plan, else by json_scalar.h.
bool Writer::Single(const FieldPlan& field, const RawValue& value, int depth) {
  if (field.kind == ValueKind::kMessage) {
    return Value(*field.message, value.bytes, depth - 1);
  }
  return AppendScalar(field, value, out_) || Fail("text that is not UTF-8");
}

}  // namespace

absl::Status CompiledPlans::Append(const MessagePlan& plan, std::string_view bytes, std::string& out) const {
  const size_t start = out.size();
  for (const bool normalise : {false, true}) {
    Writer writer(*this, normalise, out);
    if (writer.Value(plan, bytes, wire::kDepthMax)) {
      return absl::OkStatus();
    }
    out.resize(start);
    if (writer.error() != nullptr) {
      return absl::InvalidArgumentError(fmt::format("a payload of {} holds {} in {}", plan.descriptor->full_name(),
                                                    writer.error(), writer.where()->descriptor->full_name()));
    }
  }
  return absl::InternalError("a payload could not be brought into order");
}

}  // namespace weir::edge
