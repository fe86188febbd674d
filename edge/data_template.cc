// Control frames' data: DataTemplate and BoundData of template.h.
//
// One walk over the configured Struct writes JSON into parts: text that is known, and holes that each frame fills. The
// walk runs once per template when nothing of the request is used, else once per request.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "edge/template.h"

namespace weir::edge {

namespace {

using google::protobuf::Struct;
using google::protobuf::Value;

enum class Source { kClaim, kQuery, kNow, kConnections, kCursor };

struct Placeholder {
  Source source;
  std::string name;  // of the claim or parameter
};

// What stands between the braces; null when it is unknown.
std::optional<Placeholder> ParsePlaceholder(std::string_view inside) {
  if (inside == "now") {
    return Placeholder{Source::kNow, ""};
  }
  if (inside == "connections") {
    return Placeholder{Source::kConnections, ""};
  }
  if (inside == "cursor") {
    return Placeholder{Source::kCursor, ""};
  }
  if (inside.substr(0, 4) == "jwt." && IsPlaceholderName(inside.substr(4))) {
    return Placeholder{Source::kClaim, std::string(inside.substr(4))};
  }
  if (inside.substr(0, 6) == "query." && IsPlaceholderName(inside.substr(6))) {
    return Placeholder{Source::kQuery, std::string(inside.substr(6))};
  }
  return std::nullopt;
}

// Calls `text(std::string_view)` and `placeholder(std::string_view inside)` for the pieces of `string`, in order. An
// unclosed brace is a placeholder up to the end, with its brace, and so an unknown one.
template <typename Text, typename Hole>
void ForEachPiece(std::string_view string, Text&& text, Hole&& placeholder) {
  while (!string.empty()) {
    const size_t open = string.find('{');
    if (open != 0) {
      text(string.substr(0, open));
    }
    if (open == std::string_view::npos) {
      return;
    }
    const size_t close = string.find('}', open);
    const bool closed = close != std::string_view::npos;
    placeholder(closed ? string.substr(open + 1, close - open - 1) : string.substr(open));
    string.remove_prefix(closed ? close + 1 : string.size());
  }
}

std::string Dump(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// JSON text of a string without its quotes.
std::string Escaped(std::string_view text) {
  const std::string quoted = Dump(nlohmann::json(std::string(text)));
  return quoted.substr(1, quoted.size() - 2);
}

// Checks a template, and notes what it uses.
class Checker {
 public:
  absl::Status status = absl::OkStatus();
  bool uses_claims = false;
  bool uses_query = false;

  void Check(const Value& value) {
    switch (value.kind_case()) {
      case Value::kNumberValue:
        if (!std::isfinite(value.number_value())) {
          status = absl::InvalidArgumentError("a number of a control frame's data must be finite");
        }
        break;
      case Value::kStringValue:
        ForEachPiece(
            value.string_value(), [](std::string_view) {}, [this](std::string_view inside) { CheckHole(inside); });
        break;
      case Value::kStructValue:
        Check(value.struct_value());
        break;
      case Value::kListValue:
        for (const Value& element : value.list_value().values()) {
          Check(element);
        }
        break;
      default:
        break;
    }
  }

  void Check(const Struct& data) {
    for (const auto& [name, value] : data.fields()) {
      Check(value);
    }
  }

 private:
  void CheckHole(std::string_view inside) {
    const std::optional<Placeholder> placeholder = ParsePlaceholder(inside);
    if (!placeholder.has_value()) {
      status = absl::InvalidArgumentError(
          fmt::format("unknown placeholder {{{}}}; allowed are {{jwt.CLAIM}}, {{query.NAME}}, {{now}}, {{connections}} "
                      "and {{cursor}}",
                      Quotable(inside)));
      return;
    }
    uses_claims = uses_claims || placeholder->source == Source::kClaim;
    uses_query = uses_query || placeholder->source == Source::kQuery;
  }
};

}  // namespace

// Writes a checked template into parts.
class DataWriter {
 public:
  explicit DataWriter(const RequestValues& values) : values_(values) {}

  std::shared_ptr<const BoundData> Bind(const Struct& data) {
    Write(data);
    return std::shared_ptr<const BoundData>(new BoundData(std::move(parts_)));
  }

 private:
  using Hole = BoundData::Hole;

  void Text(std::string_view text) {
    if (parts_.empty() || !std::holds_alternative<std::string>(parts_.back())) {
      parts_.emplace_back(std::string());
    }
    std::get<std::string>(parts_.back()).append(text);
  }

  void Write(const Struct& data) {
    std::vector<std::string_view> names;
    for (const auto& [name, value] : data.fields()) {
      names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    Text("{");
    for (const std::string_view name : names) {
      Text(name == names.front() ? "\"" : ",\"");
      Text(Escaped(name));
      Text("\":");
      Write(data.fields().at(std::string(name)));
    }
    Text("}");
  }

  void Write(const Value& value) {
    switch (value.kind_case()) {
      case Value::kNumberValue:
        Text(fmt::format("{}", value.number_value()));
        break;
      case Value::kStringValue:
        WriteString(value.string_value());
        break;
      case Value::kBoolValue:
        Text(value.bool_value() ? "true" : "false");
        break;
      case Value::kStructValue:
        Write(value.struct_value());
        break;
      case Value::kListValue: {
        Text("[");
        bool first = true;
        for (const Value& element : value.list_value().values()) {
          Text(first ? "" : ",");
          first = false;
          Write(element);
        }
        Text("]");
        break;
      }
      default:
        Text("null");
        break;
    }
  }

  void WriteString(std::string_view string) {
    if (string.size() > 2 && string.front() == '{' && string.find('}') == string.size() - 1) {
      WriteTyped(*ParsePlaceholder(string.substr(1, string.size() - 2)));
      return;
    }
    Text("\"");
    ForEachPiece(
        string, [this](std::string_view text) { Text(Escaped(text)); },
        [this](std::string_view inside) { WriteWithin(*ParsePlaceholder(inside)); });
    Text("\"");
  }

  // The request's value for a claim or parameter; null when absent.
  nlohmann::json Find(const Placeholder& placeholder) const {
    if (placeholder.source == Source::kQuery) {
      const std::optional<std::string> value = values_.query ? values_.query(placeholder.name) : std::nullopt;
      return value.has_value() ? nlohmann::json(*value) : nlohmann::json();
    }
    if (values_.claims == nullptr || !values_.claims->is_object()) {
      return nlohmann::json();
    }
    const auto it = values_.claims->find(placeholder.name);
    return it == values_.claims->end() ? nlohmann::json() : *it;
  }

  // The placeholder is the whole string.
  void WriteTyped(const Placeholder& placeholder) {
    switch (placeholder.source) {
      case Source::kNow:
      case Source::kCursor:
        Text("\"");
        WriteWithin(placeholder);
        Text("\"");
        break;
      case Source::kConnections:
        WriteWithin(placeholder);
        break;
      default:
        Text(Dump(Find(placeholder)));
        break;
    }
  }

  // The placeholder is a piece of a string.
  void WriteWithin(const Placeholder& placeholder) {
    switch (placeholder.source) {
      case Source::kNow:
        parts_.emplace_back(Hole::kNow);
        break;
      case Source::kConnections:
        parts_.emplace_back(Hole::kConnections);
        break;
      case Source::kCursor:
        parts_.emplace_back(Hole::kCursor);
        break;
      default: {
        const nlohmann::json value = Find(placeholder);
        if (value.is_string()) {
          Text(Escaped(value.get_ref<const std::string&>()));
        } else if (!value.is_null()) {
          Text(Escaped(Dump(value)));
        }
        break;
      }
    }
  }

  const RequestValues& values_;
  std::vector<BoundData::Part> parts_;
};

std::string BoundData::Render(const FrameValues& values) const {
  std::string out;
  for (const Part& part : parts_) {
    if (const auto* text = std::get_if<std::string>(&part)) {
      out += *text;
      continue;
    }
    switch (std::get<Hole>(part)) {
      case Hole::kNow:
        out += absl::FormatTime("%E4Y-%m-%dT%H:%M:%E3SZ", values.now, absl::UTCTimeZone());
        break;
      case Hole::kConnections:
        out += fmt::format("{}", values.connections);
        break;
      case Hole::kCursor:
        out += values.cursor;
        break;
    }
  }
  return out;
}

DataTemplate::DataTemplate() : shared_(DataWriter(RequestValues()).Bind(data_)) {}

absl::StatusOr<DataTemplate> DataTemplate::Compile(const Struct& data) {
  Checker checker;
  checker.Check(data);
  if (!checker.status.ok()) {
    return checker.status;
  }
  DataTemplate result;
  result.data_ = data;
  result.uses_claims_ = checker.uses_claims;
  result.shared_ = nullptr;
  if (!checker.uses_claims && !checker.uses_query) {
    result.shared_ = DataWriter(RequestValues()).Bind(data);
  }
  return result;
}

std::shared_ptr<const BoundData> DataTemplate::Bind(const RequestValues& values) const {
  return shared_ != nullptr ? shared_ : DataWriter(values).Bind(data_);
}

}  // namespace weir::edge
