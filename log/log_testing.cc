#include "log/log_testing.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "base/wire.h"
#include "fmt/format.h"

namespace weir::log {

std::string TailOf(std::string_view type_name, std::string_view payload) {
  std::string attribute;
  wire::AppendBytes(attribute, 1, "tenant_id");
  wire::AppendBytes(attribute, 2, "acme");
  std::string any;
  wire::AppendBytes(any, 1, fmt::format("type.googleapis.com/{}", type_name));
  wire::AppendBytes(any, 2, payload);
  std::string tail;
  wire::AppendBytes(tail, 7, attribute);
  wire::AppendBytes(tail, 8, any);
  return tail;
}

void TestBatch::Add(const TestEvent& event) {
  const auto own = [&](std::string text) -> std::string_view { return texts_.emplace_back(std::move(text)); };
  NewEvent view;
  view.topic = own(event.topic);
  view.id = own(event.id);
  view.has_time = event.time_millis.has_value();
  if (view.has_time) {
    view.time = own(wire::TimestampFromMillis(*event.time_millis));
  }
  view.tail = own(TailOf(event.type_name, event.payload));
  events_.push_back(view);
}

void TestBatch::clear() {
  texts_.clear();
  events_.clear();
}

TestBatch Numbered(std::string_view topic, std::string_view prefix, size_t count) {
  TestBatch batch;
  for (size_t i = 0; i < count; ++i) {
    batch.Add({.topic = std::string(topic), .id = fmt::format("{}{}", prefix, i)});
  }
  return batch;
}

LogOptions TestLogOptions(const TestClock& clock) {
  LogOptions options;
  options.clock = clock;
  options.segment_events_max = 100;
  options.scan_events_max = 64;
  options.idempotence_events_max = 4'000;
  return options;
}

std::vector<uint64_t> SequencesOf(const Page& page) {
  std::vector<uint64_t> sequences;
  for (const StoredEvent& event : page.events) {
    sequences.push_back(event.sequence);
  }
  return sequences;
}

absl::StatusOr<std::vector<EventCopy>> ReadAll(const LogEngine& engine, ReadRequest request) {
  std::vector<EventCopy> all;
  const uint64_t end = request.newest_first ? request.until : std::min(request.until, engine.bounds().head);
  while (request.newest_first ? request.after > end : request.after < end) {
    const absl::StatusOr<Page> page = engine.Read(request);
    if (!page.ok()) {
      return page.status();
    }
    for (const StoredEvent& event : page->events) {
      const bool covered = request.newest_first ? event.sequence >= page->read_to && event.sequence < request.after
                                                : event.sequence <= page->read_to && event.sequence > request.after;
      if (!covered) {
        return absl::InternalError(fmt::format("event {} is outside of its page", event.sequence));
      }
      all.push_back({event.sequence, event.publish_millis, std::string(event.topic), std::string(event.id),
                     std::string(event.type_name), std::string(event.element)});
    }
    if (request.newest_first ? page->read_to >= request.after : page->read_to <= request.after) {
      return absl::InternalError(fmt::format("a page after {} made no progress", request.after));
    }
    request.after = page->read_to;
  }
  return all;
}

Selection Select(const std::vector<std::string>& filters, const std::vector<std::string>& types) {
  return {*FilterSet::Parse(filters), TextSet(types.begin(), types.end())};
}

}  // namespace weir::log
