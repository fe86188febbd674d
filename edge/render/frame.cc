#include "edge/render/frame.h"

#include <algorithm>

#include "edge/render/json_text.h"
#include "edge/websocket/frames.h"

namespace weir::edge {

bool IsEventName(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  return !name.empty() && name.size() <= 64 && name != "open" && name != "error" &&
         std::all_of(name.begin(), name.end(), allowed);
}

bool IsEventId(std::string_view id) {
  return !id.empty() && id.size() <= 128 &&
         std::all_of(id.begin(), id.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

void AppendControlFrame(std::string_view name, std::string_view id, std::string_view data, int64_t retry_millis,
                        std::string& out) {
  const auto line = [&out](std::string_view field, std::string_view value) {
    out.append(field).append(": ").append(value).push_back('\n');
  };
  if (IsEventName(name)) {
    line("event", name);
  }
  if (IsEventId(id)) {
    line("id", id);
  }
  if (retry_millis >= 0) {
    out += "retry: ";
    AppendInt(retry_millis, out);
    out += '\n';
  }
  for (size_t end = data.find_first_of("\r\n"); end != std::string_view::npos; end = data.find_first_of("\r\n")) {
    line("data", data.substr(0, end));
    data.remove_prefix(end + 1);
  }
  line("data", data);
  out += '\n';
}

void AppendControlMessage(std::string_view name, std::string_view id, std::string_view data, int64_t retry_millis,
                          std::string& out) {
  const size_t begin = out.size();
  out += "{\"event\":";
  AppendJsonString(IsEventName(name) ? name : "", out);
  if (IsEventId(id)) {
    out += ",\"id\":";
    AppendJsonString(id, out);
  }
  out.append(",\"data\":").append(data);
  if (retry_millis >= 0) {
    out += ",\"retry\":";
    AppendInt(retry_millis, out);
  }
  out += '}';
  FrameAsText(begin, out);
}

}  // namespace weir::edge
