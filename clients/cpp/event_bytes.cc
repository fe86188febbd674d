#include "clients/cpp/event_bytes.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/uuid.h"
#include "base/wire.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/timestamp.pb.h"

namespace weir::client {
namespace {

constexpr std::string_view kTypePrefix = "type.googleapis.com/";

void AppendSorted(const google::protobuf::MessageLite& message, std::string& out) {
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializePartialToCodedStream(&coded);
}

std::string TimestampBytes(absl::Time time) {
  const timespec parts = absl::ToTimespec(time);
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(parts.tv_sec);
  timestamp.set_nanos(static_cast<int32_t>(parts.tv_nsec));
  return timestamp.SerializeAsString();
}

void AppendPayload(const google::protobuf::Message& payload, std::string& out) {
  const std::string type = payload.GetTypeName();
  const size_t url_size = kTypePrefix.size() + type.size();
  const size_t value_size = payload.ByteSizeLong();
  const size_t any_size =
      1 + wire::VarintSize(url_size) + url_size + (value_size == 0 ? 0 : 1 + wire::VarintSize(value_size) + value_size);
  wire::AppendTag(out, 8, wire::Type::kBytes);
  wire::AppendVarint(out, any_size);
  wire::AppendTag(out, 1, wire::Type::kBytes);
  wire::AppendVarint(out, url_size);
  out.append(kTypePrefix);
  out.append(type);
  if (value_size != 0) {
    wire::AppendTag(out, 2, wire::Type::kBytes);
    wire::AppendVarint(out, value_size);
    AppendSorted(payload, out);
  }
}

}  // namespace

std::string EventBytes(const EventToPublish& event) {
  std::string out;
  wire::AppendBytes(out, 3, event.topic);
  wire::AppendBytes(out, 4, event.id.empty() ? NewUuid() : event.id);
  if (event.time.has_value()) {
    wire::AppendBytes(out, 5, TimestampBytes(*event.time));
  }
  for (const auto& [key, value] : event.attributes) {
    std::string entry;
    wire::AppendBytes(entry, 1, key);
    wire::AppendBytes(entry, 2, value);
    wire::AppendBytes(out, 7, entry);
  }
  AppendPayload(event.payload, out);
  return out;
}

std::string EventBytes(v1::Event event) {
  if (event.id().empty()) {
    event.set_id(NewUuid());
  }
  std::string out;
  AppendSorted(event, out);
  return out;
}

}  // namespace weir::client
