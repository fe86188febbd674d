#include "base/strict_json.h"

#include <set>
#include <string>
#include <vector>

namespace weir {

using nlohmann::json;

std::optional<json> ParseStrictJson(std::string_view text, const StrictJsonLimits& limits) {
  if (text.size() > limits.bytes_max || !IsReadWhole(text)) {
    return std::nullopt;
  }
  bool sound = true;
  size_t values = 0;
  std::vector<std::set<std::string>> open;  // the names seen in each object around the current place
  const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
        open.emplace_back();
        [[fallthrough]];
      case json::parse_event_t::array_start:
        sound = sound && depth < limits.depth_max && ++values <= limits.values_max;
        break;
      case json::parse_event_t::value:
        sound = sound && ++values <= limits.values_max;
        break;
      case json::parse_event_t::object_end:
        open.pop_back();
        break;
      case json::parse_event_t::key:
        sound = sound && open.back().insert(parsed.get<std::string>()).second;
        break;
      default:
        break;
    }
    return true;
  };
  json value = json::parse(text, check, /*allow_exceptions=*/false);
  if (!sound || !value.is_object()) {
    return std::nullopt;
  }
  return value;
}

}  // namespace weir
