#include "clients/cpp/subscribe_message.h"

#include <cstdint>

#include "base/cursor.h"
#include "base/event_view.h"
#include "base/wire.h"

namespace weir::client {
namespace {

// The last occurrence of a bytes field; empty when there is none.
std::string_view BytesField(std::string_view message, uint32_t number) {
  std::string_view found;
  wire::Reader reader(message);
  for (wire::Field field; reader.Next(field);) {
    if (field.number == number && field.type == wire::Type::kBytes) {
      found = field.bytes;
    }
  }
  return found;
}

std::string_view CursorOf(SubscribeKind kind, std::string_view body) {
  switch (kind) {
    case SubscribeKind::kStarted:
      return BytesField(body, 2);
    case SubscribeKind::kBatch: {
      std::string_view last;
      const bool well_formed = ForEachEvent(body, [&last](std::string_view, std::string_view event) {
        last = event;
        return true;
      });
      return well_formed ? BytesField(last, 1) : std::string_view();
    }
    case SubscribeKind::kProgress:
      return BytesField(body, 1);
    case SubscribeKind::kGap:
      return BytesField(body, 3);
  }
  return {};
}

}  // namespace

absl::StatusOr<SubscribeMessage> ReadSubscribeMessage(std::string_view bytes) {
  SubscribeMessage message;
  bool has_kind = false;
  wire::Reader reader(bytes);
  for (wire::Field field; reader.Next(field);) {
    if (field.type != wire::Type::kBytes) {
      continue;
    }
    if (field.number >= 1 && field.number <= 4) {
      message.kind = static_cast<SubscribeKind>(field.number - 1);
      message.body = field.bytes;
      has_kind = true;
    } else if (field.number == 5) {
      message.schema_version = field.bytes;
    }
  }
  if (!reader.ok() || !has_kind) {
    return absl::DataLossError("the server sent what is no SubscribeResponse");
  }
  message.cursor = CursorOf(message.kind, message.body);
  if (!Cursor::Parse(message.cursor)) {
    return absl::DataLossError("the server sent a message of a subscription without a good cursor");
  }
  return message;
}

}  // namespace weir::client
