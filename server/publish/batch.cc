#include "server/publish/batch.h"

#include <fmt/format.h>

#include <array>

#include "base/wire.h"

namespace weir::server {
namespace {

Fault NotAMessage() {
  return {.reason = v1::ERROR_REASON_FIELD_INVALID, .message = "the bytes are not a publish request"};
}

Fault BatchTooLarge(std::string_view unit, size_t have, size_t limit) {
  return {.reason = v1::ERROR_REASON_BATCH_TOO_LARGE,
          .message = fmt::format("the batch has {} {}; at most {} are allowed", have, unit, limit),
          .field = "events",
          .value = fmt::format("{}", have),
          .limit = fmt::format("{} {}", limit, unit)};
}

Fault IdReused(const log::NewEvent& event) {
  return {.reason = v1::ERROR_REASON_EVENT_ID_REUSED,
          .message = fmt::format("event id {} was used on topic {} with other content", event.id, event.topic),
          .field = "id",
          .value = std::string(event.id)};
}

// PublishAck. Events that have no place yet (validate_only) have sequence 0.
void WriteAck(const Epoch& epoch, const log::NewEvent& event, const log::AppendResult& result, std::string& ack) {
  if (result.sequence != 0) {
    std::array<char, Cursor::kTextBytesMax> cursor;
    const size_t size = Cursor{epoch, result.sequence}.Write(cursor.data());
    wire::AppendBytes(ack, 1, {cursor.data(), size});
    wire::AppendUint64(ack, 2, result.sequence);
  }
  wire::AppendBytes(ack, 3, event.id);
  if (result.sequence != 0) {
    wire::AppendBytes(ack, 4, wire::TimestampFromMillis(result.publish_millis));
  }
  if (result.outcome == log::AppendResult::Outcome::kDuplicate) {
    wire::AppendUint64(ack, 5, 1);
  }
}

// A PublishResult with one field, as an element of field `number`.
void WriteResult(uint32_t number, uint32_t outcome, std::string_view bytes, std::string& out) {
  wire::AppendTag(out, number, wire::Type::kBytes);
  wire::AppendVarint(out, 1 + wire::VarintSize(bytes.size()) + bytes.size());
  wire::AppendBytes(out, outcome, bytes);
}

constexpr uint32_t kAck = 1;
constexpr uint32_t kError = 2;

}  // namespace

std::optional<Fault> PublishBatch::Read(std::string_view request, const Validator& validator, const Rights& rights) {
  if (request.size() > kBatchBytesMax) {
    return BatchTooLarge("bytes", request.size(), kBatchBytesMax);
  }
  bytes_ = request.size();
  std::vector<std::string_view> events;
  size_t count = 0;
  wire::Reader reader(request);
  for (wire::Field field; reader.Next(field);) {
    if (field.number == 1 && field.type == wire::Type::kBytes) {
      if (++count <= kBatchEventsMax) {
        events.push_back(field.bytes);
      }
    } else if (field.number == 2 && field.type == wire::Type::kVarint) {
      validate_only_ = field.value != 0;
    }
  }
  if (!reader.ok()) {
    return NotAMessage();
  }
  if (events.empty()) {
    return Fault{.reason = v1::ERROR_REASON_FIELD_INVALID,
                 .message = "the batch has no events; allowed are 1 to 1000",
                 .field = "events",
                 .limit = "1 to 1000 events"};
  }
  if (count > kBatchEventsMax) {
    return BatchTooLarge("events", count, kBatchEventsMax);
  }
  events_.reserve(events.size());
  slots_.reserve(events.size());
  for (const std::string_view bytes : events) {
    log::NewEvent event;
    if (const std::optional<Fault> fault = validator.Validate(bytes, made_, event, rights)) {
      slots_.push_back(-1 - static_cast<int32_t>(refusals_.size()));
      refusals_.push_back(ToRpcStatus(*fault).SerializeAsString());
      denied_ += fault->reason == v1::ERROR_REASON_PUBLISH_DENIED ? 1 : 0;
      bytes_ += refusals_.back().size();
    } else {
      slots_.push_back(static_cast<int32_t>(events_.size()));
      events_.push_back(event);
    }
  }
  // What small messages make large: they hold many events, or events that had to be rewritten.
  bytes_ += events_.size() * sizeof(log::NewEvent);
  for (const std::string& text : made_) {
    bytes_ += text.size();
  }
  return std::nullopt;
}

PublishCounts PublishBatch::WriteResults(uint32_t number, const Epoch& epoch,
                                         std::span<const log::AppendResult> results, std::string& out) const {
  PublishCounts counts;
  counts.refused = refusals_.size();
  counts.denied = denied_;
  std::string ack;
  for (const int32_t slot : slots_) {
    if (slot < 0) {
      WriteResult(number, kError, refusals_[static_cast<size_t>(-1 - slot)], out);
      continue;
    }
    const auto index = static_cast<size_t>(slot);
    const log::AppendResult result = results.empty() ? log::AppendResult() : results[index];
    if (result.outcome == log::AppendResult::Outcome::kIdReused) {
      ++counts.refused;
      WriteResult(number, kError, ToRpcStatus(IdReused(events_[index])).SerializeAsString(), out);
      continue;
    }
    if (!results.empty()) {
      ++(result.outcome == log::AppendResult::Outcome::kDuplicate ? counts.duplicate : counts.stored);
    }
    ack.clear();
    WriteAck(epoch, events_[index], result, ack);
    WriteResult(number, kAck, ack, out);
  }
  return counts;
}

}  // namespace weir::server
