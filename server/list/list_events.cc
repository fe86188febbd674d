#include "server/list/list_events.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/text.h"
#include "server/list/page_token.h"
#include "server/subscribe/read_request.h"

namespace weir::server {
namespace {

// Where a page begins; `token` is also what the next one is made from.
struct Place {
  PageToken token;
  std::optional<v1::Gap> gap;
};

FaultOr<uint64_t> ReadUntil(const v1::ListEventsRequest& request, const log::Bounds& bounds) {
  if (request.until_cursor().empty()) {
    return bounds.head;
  }
  const std::optional<Cursor> cursor = Cursor::Parse(request.until_cursor());
  if (!cursor.has_value()) {
    return CursorFault("until_cursor", request.until_cursor());
  }
  if (cursor->epoch == bounds.epoch && cursor->sequence <= bounds.head) {
    return cursor->sequence;
  }
  const bool epoch = cursor->epoch != bounds.epoch;
  return Fault{.reason = epoch ? v1::ERROR_REASON_CURSOR_OTHER_EPOCH : v1::ERROR_REASON_CURSOR_BEYOND_HEAD,
               .message = fmt::format("until_cursor {} {}", cursor->ToString(),
                                      epoch ? "belongs to another epoch of the log" : "is beyond the newest event"),
               .field = "until_cursor",
               .value = cursor->ToString(),
               .limit = Cursor{bounds.epoch, bounds.head}.ToString()};
}

FaultOr<Place> FirstPlace(const v1::ListEventsRequest& request, const log::LogEngine& log) {
  FaultOr<ReadPlan> plan = ResolveStart(request.start(), v1::Start::kEarliest, log);
  if (!plan.ok()) {
    return plan.fault();
  }
  if (request.newest_first() && plan->last_per_topic) {
    return FieldFault("newest_first", "true", "false with start.last_per_topic");
  }
  const log::Bounds bounds = log.bounds();
  const FaultOr<uint64_t> until = ReadUntil(request, bounds);
  if (!until.ok()) {
    return until.fault();
  }
  Place place;
  place.gap = std::move(plan->gap);
  place.token.epoch = bounds.epoch;
  place.token.last_per_topic = plan->last_per_topic;
  place.token.not_before_millis = plan->not_before_millis;
  const uint64_t last = IsLatest(request.start()) ? plan->after : *until;
  place.token.resume = std::max(last, plan->after);
  place.token.position = request.newest_first() ? last + 1 : plan->after;
  place.token.bound = request.newest_first() ? plan->after + 1 : last;
  return place;
}

FaultOr<Place> NextPlace(const v1::ListEventsRequest& request, const log::LogEngine& log) {
  const log::Bounds bounds = log.bounds();
  const std::optional<PageToken> token = PageToken::Parse(request.page_token(), request);
  if (!token.has_value() || token->epoch != bounds.epoch) {
    return Fault{.reason = v1::ERROR_REASON_PAGE_TOKEN_INVALID,
                 .message = fmt::format("page_token \"{}\" is not the next_page_token of the same request and log",
                                        Quotable(request.page_token())),
                 .field = "page_token",
                 .value = request.page_token().substr(0, 256)};
  }
  Place place{.token = *token, .gap = std::nullopt};
  if (!request.newest_first() && !token->last_per_topic && token->position + 1 < bounds.earliest) {
    place.gap = ExpiredGap(token->position, bounds);
    place.token.position = bounds.earliest - 1;
  }
  return place;
}

// One page, or none when nothing is left to read. Moves the place behind it.
absl::StatusOr<std::optional<log::Page>> ReadOnce(const v1::ListEventsRequest& request, const log::LogEngine& log,
                                                  const log::Selection& selection, size_t events_max, Place& place) {
  PageToken& token = place.token;
  log::ReadRequest read{.after = token.position,
                        .until = token.bound,
                        .selection = &selection,
                        .events_max = events_max,
                        .bytes_max = kListBytesMax,
                        .newest_first = request.newest_first()};
  if (request.newest_first()) {
    token.bound = read.until = std::max(token.bound, log.bounds().earliest);
    if (token.position <= token.bound) {
      return std::nullopt;
    }
  } else if (token.position >= token.bound) {
    return std::nullopt;
  }
  absl::StatusOr<log::Page> page = token.last_per_topic ? log.ReadLastPerTopic(read) : log.Read(read);
  if (!page.ok()) {
    return page.status();
  }
  token.position =
      request.newest_first() ? std::min(token.position, page->read_to) : std::max(token.position, page->read_to);
  return std::optional<log::Page>(*std::move(page));
}

absl::StatusOr<std::optional<log::Page>> Read(const v1::ListEventsRequest& request, const log::LogEngine& log,
                                              const log::Selection& selection, size_t events_max, Place& place) {
  absl::StatusOr<std::optional<log::Page>> page = ReadOnce(request, log, selection, events_max, place);
  if (absl::IsOutOfRange(page.status())) {
    // Retention passed by since the bounds were read.
    const log::Bounds bounds = log.bounds();
    if (!request.newest_first() && !place.token.last_per_topic) {
      place.gap = ExpiredGap(place.token.position, bounds);
    }
    if (!request.newest_first()) {
      place.token.position = std::max(place.token.position, bounds.earliest - 1);
    }
    page = ReadOnce(request, log, selection, events_max, place);
  }
  return page;
}

WireMessage Respond(const v1::ListEventsRequest& request, Place place, std::optional<log::Page> page,
                    const EventTypes& types) {
  const PageToken& token = place.token;
  WireMessage message;
  EventElements elements;
  if (page.has_value()) {
    const auto owner = std::make_shared<const log::Page>(*std::move(page));
    for (const log::StoredEvent& event : owner->events) {
      if (event.publish_millis >= token.not_before_millis) {
        elements.Add(event, owner);
      }
    }
  }
  elements.MoveTo(message);
  const bool done = request.newest_first() ? token.position <= token.bound : token.position >= token.bound;
  v1::ListEventsResponse rest;
  if (!done) {
    rest.set_next_page_token(token.ToString(request));
  }
  const uint64_t read_to = request.newest_first() || done ? token.resume : token.position;
  rest.set_cursor(Cursor{token.epoch, read_to}.ToString());
  if (place.gap.has_value()) {
    *rest.mutable_gap() = *std::move(place.gap);
  }
  rest.set_schema_version(types.version());
  message.Add(rest.SerializeAsString());
  return message;
}

}  // namespace

FaultOr<WireMessage> ListEvents(const v1::ListEventsRequest& request, const log::LogEngine& log,
                                const EventTypes& types, const Rights& rights) {
  FaultOr<log::Selection> selection = ReadSelection(request.filters(), request.types(), types);
  if (!selection.ok()) {
    return selection.fault();
  }
  if (std::optional<Fault> denied = CheckMayRead(rights, *selection)) {
    return *std::move(denied);
  }
  if (request.page_size() < 0) {
    return FieldFault("page_size", fmt::format("{}", request.page_size()), "1 to 1000, or 0 for 100");
  }
  const int size = request.page_size() == 0 ? kListEventsDefault : std::min(request.page_size(), kReadEventsMax);
  FaultOr<Place> place = request.page_token().empty() ? FirstPlace(request, log) : NextPlace(request, log);
  if (!place.ok()) {
    return place.fault();
  }
  absl::StatusOr<std::optional<log::Page>> page = Read(request, log, *selection, static_cast<size_t>(size), *place);
  if (!page.ok()) {
    return ReadFault(page.status());
  }
  return Respond(request, *std::move(place), *std::move(page), types);
}

}  // namespace weir::server
