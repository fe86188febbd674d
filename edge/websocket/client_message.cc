#include "edge/websocket/client_message.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/strict_json.h"
#include "base/text.h"

namespace weir::edge {
namespace {

using nlohmann::json;

// Takes the members of one message out of its object; the first fault stays.
class Members {
 public:
  Members(const json& object, std::string_view type) : object_(object), type_(type) {}

  void Take(const char* name, std::optional<std::string>& out) {
    const json* const value = Find(name);
    if (value == nullptr) {
      return;
    }
    if (!value->is_string()) {
      Complain(fmt::format("`{}` must be a string", name));
      return;
    }
    out = value->get<std::string>();
  }

  void TakeFilters(std::optional<std::vector<std::string>>& out) {
    const json* const value = Find("filters");
    if (value == nullptr) {
      return;
    }
    const bool fits = value->is_array() && value->size() <= kWebSocketFiltersMax;
    std::vector<std::string>& filters = out.emplace();
    for (size_t i = 0; fits && i < value->size(); ++i) {
      if ((*value)[i].is_string()) {
        filters.push_back((*value)[i].get<std::string>());
      }
    }
    if (!fits || filters.size() < value->size()) {
      Complain(fmt::format("`filters` must be at most {} strings", kWebSocketFiltersMax));
    }
  }

  // After all that may be there were taken.
  std::optional<BadMessage> Fault() {
    if (fault_.empty() && taken_ < object_.size()) {
      std::string known;
      for (const std::string_view name : names_) {
        known += fmt::format("{}`{}`", known.empty() ? "" : ", ", name);
      }
      Complain(fmt::format("`{}` has a member that is none of {}", type_, known));
    }
    return fault_.empty() ? std::nullopt : std::optional(BadMessage{std::move(fault_)});
  }

 private:
  const json* Find(const char* name) {
    names_.emplace_back(name);
    const auto it = object_.find(name);
    if (it == object_.end()) {
      return nullptr;
    }
    ++taken_;
    return &*it;
  }
  void Complain(std::string what) {
    if (fault_.empty()) {
      fault_ = std::move(what);
    }
  }

  const json& object_;
  std::string_view type_;
  size_t taken_ = 1;  // with `type`
  std::vector<std::string_view> names_ = {"type"};
  std::string fault_;
};

// Parses, and refuses members that come twice: two programs might read them differently.
json Parse(std::string_view text, bool& doubled) {
  std::vector<TextSet> names;
  const auto callback = [&](int, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start) {
      names.emplace_back();
    } else if (event == json::parse_event_t::object_end) {
      names.pop_back();
    } else if (event == json::parse_event_t::key && !names.back().insert(parsed.get<std::string>()).second) {
      doubled = true;
    }
    return true;
  };
  return json::parse(text, callback, false);
}

ClientMessage Wrong(std::string_view what) { return BadMessage{std::string(what)}; }

}  // namespace

ClientMessage ReadClientMessage(std::string_view text) {
  bool doubled = false;
  const json object = Parse(text, doubled);
  if (!IsReadWhole(text) || object.is_discarded() || !object.is_object()) {
    return Wrong("a message must be a JSON object");
  }
  if (doubled) {
    return Wrong("a member is given more than once");
  }
  const auto type = object.find("type");
  if (type == object.end() || !type->is_string()) {
    return Wrong("a message must have a `type`: auth, ping, subscribe or unsubscribe");
  }
  const auto& name = type->get_ref<const std::string&>();
  Members members(object, name);
  if (name == "auth") {
    AuthMessage auth;
    members.Take("token", auth.token);
    members.Take("cursor", auth.cursor);
    members.Take("start", auth.start);
    members.TakeFilters(auth.filters);
    if (std::optional<BadMessage> fault = members.Fault()) {
      return *std::move(fault);
    }
    return auth;
  }
  if (name == "ping") {
    if (std::optional<BadMessage> fault = members.Fault()) {
      return *std::move(fault);
    }
    return PingMessage();
  }
  if (name == "subscribe" || name == "unsubscribe") {
    std::optional<std::vector<std::string>> filters;
    members.TakeFilters(filters);
    if (std::optional<BadMessage> fault = members.Fault()) {
      return *std::move(fault);
    }
    if (!filters) {
      return BadMessage{fmt::format("`{}` must have `filters`", name)};
    }
    return SubscribeMessage{name == "subscribe", *std::move(filters)};
  }
  return Wrong("the `type` is unknown; allowed are auth, ping, subscribe and unsubscribe");
}

}  // namespace weir::edge
