#include "edge/websocket/answers.h"

#include <nlohmann/json.hpp>

#include "edge/websocket/frames.h"

namespace weir::edge {
namespace {

using nlohmann::ordered_json;

void Append(const ordered_json& message, std::string& out) {
  AppendFrame(Opcode::kText, message.dump(-1, ' ', false, ordered_json::error_handler_t::replace), out);
}

void AppendRefusal(std::string_view type, std::string_view reason, std::string_view detail, std::string& out) {
  Append({{"type", type}, {"reason", reason}, {"detail", detail}}, out);
}

}  // namespace

void AppendAuthSuccess(absl::Time expires, std::string& out) {
  ordered_json message = {{"type", "auth.success"}};
  if (expires != absl::InfiniteFuture()) {
    message["expiresAt"] = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", expires, absl::UTCTimeZone());
  }
  Append(message, out);
}

void AppendAuthError(std::string_view reason, std::string_view detail, std::string& out) {
  AppendRefusal("auth.error", reason, detail, out);
}

void AppendError(std::string_view reason, std::string_view detail, std::string& out) {
  AppendRefusal("error", reason, detail, out);
}

void AppendSubscribed(const std::vector<std::string>& filters, std::string_view cursor, std::string& out) {
  ordered_json message = {{"type", "subscribed"}, {"filters", filters}, {"cursor", nullptr}};
  if (!cursor.empty()) {
    message["cursor"] = cursor;
  }
  Append(message, out);
}

void AppendPongMessage(std::string& out) { AppendFrame(Opcode::kText, R"({"type":"pong"})", out); }

}  // namespace weir::edge
