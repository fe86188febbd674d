// One message of a Subscribe stream, read from its wire bytes without making message objects of the events.
#ifndef WEIR_CLIENTS_CPP_SUBSCRIBE_MESSAGE_H_
#define WEIR_CLIENTS_CPP_SUBSCRIBE_MESSAGE_H_

#include <string_view>

#include "absl/status/statusor.h"

namespace weir::client {

enum class SubscribeKind { kStarted, kBatch, kProgress, kGap };

// Views into the bytes of a SubscribeResponse; they must outlive it.
struct SubscribeMessage {
  SubscribeKind kind = SubscribeKind::kStarted;
  std::string_view body;            // the wire bytes of the kind's message
  std::string_view schema_version;  // empty when it did not change
  // Reading goes on after it: a batch's last event, the progress, where the gap ends, where the stream starts.
  std::string_view cursor;
};

// DATA_LOSS when the bytes are no such message, or its cursor is missing or none.
absl::StatusOr<SubscribeMessage> ReadSubscribeMessage(std::string_view bytes);

}  // namespace weir::client

#endif  // WEIR_CLIENTS_CPP_SUBSCRIBE_MESSAGE_H_
