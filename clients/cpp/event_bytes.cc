#include "clients/cpp/event_bytes.h"

#include <cstddef>
#include <cstdint>
#include <random>
#include <string_view>

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
  const size_t any_size = 1 + wire::VarintSize(url_size) + url_size +
                          (value_size == 0 ? 0 : 1 + wire::VarintSize(value_size) + value_size);
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

std::mt19937_64 SeededGenerator() {
  std::random_device device;
  std::seed_seq seed{device(), device(), device(), device(), device(), device(), device(), device()};
  return std::mt19937_64(seed);
}

}  // namespace

std::string EventBytes(const EventToPublish& event) {
  std::string out;
  wire::AppendBytes(out, 3, event.topic);
  wire::AppendBytes(out, 4, event.id.empty() ? UuidV7(absl::Now()) : event.id);
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
    event.set_id(UuidV7(absl::Now()));
  }
  std::string out;
  AppendSorted(event, out);
  return out;
}

std::string UuidV7(absl::Time now) {
  thread_local std::mt19937_64 generator = SeededGenerator();
  const auto millis = static_cast<uint64_t>(absl::ToUnixMillis(now));
  const uint64_t high = (millis << 16) | 0x7000 | (generator() & 0x0FFF);
  const uint64_t low = (uint64_t{1} << 63) | (generator() >> 2);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(36, '-');
  size_t at = 0;
  for (const uint64_t half : {high, low}) {
    for (int shift = 60; shift >= 0; shift -= 4) {
      if (at == 8 || at == 13 || at == 18 || at == 23) {
        ++at;
      }
      text[at++] = kDigits[(half >> shift) & 15];
    }
  }
  return text;
}

}  // namespace weir::client
