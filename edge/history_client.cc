#include "edge/history_client.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "base/wire.h"
#include "clients/cpp/rpc_status.h"
#include "edge/upstream.h"

namespace weir::edge {
namespace {

constexpr absl::Duration kReadTimeout = absl::Seconds(10);

absl::Status Malformed() { return absl::DataLossError("the server sent a page of history that cannot be read"); }

// A token that is over is no refusal: the next read shows another.
absl::Status AsFailure(const absl::Status& status) {
  return absl::IsUnauthenticated(status) && !client::IsPermanent(status) ? absl::UnavailableError(status.message())
                                                                         : status;
}

absl::StatusOr<GapInfo> ReadGap(std::string_view bytes) {
  v1::Gap gap;
  if (!gap.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Malformed();
  }
  const std::optional<Cursor> resumed_at = Cursor::Parse(gap.resume_cursor());
  if (!resumed_at) {
    return Malformed();
  }
  return GapInfo{ReasonOf(gap), Cursor::Parse(gap.requested_cursor()), *resumed_at};
}

// What ReadPage found, before it is known whether all events are written canonically.
struct Reading {
  EventForm worst = EventForm::kCanonical;
  std::string_view cursor;
  std::string_view gap;
};

bool ReadFields(HistoryPage& page, std::string& schema_version, Reading& reading) {
  wire::Reader reader(*page.bytes);
  for (wire::Field field; reader.Next(field);) {
    if (field.type != wire::Type::kBytes) {
      continue;
    }
    switch (field.number) {
      case 1:
        reading.worst = std::max(reading.worst, ReadEvent(field.bytes, page.events.emplace_back()));
        break;
      case 2:
        page.next_page_token = field.bytes;
        break;
      case 3:
        reading.cursor = field.bytes;
        break;
      case 4:
        reading.gap = field.bytes;
        break;
      case 5:
        schema_version = field.bytes;
        break;
      default:
        break;
    }
  }
  return reader.ok();
}

}  // namespace

v1::ListEventsRequest ToListEvents(const HistoryRequest& request) {
  v1::ListEventsRequest result;
  result.mutable_filters()->Assign(request.filters.begin(), request.filters.end());
  result.mutable_types()->Assign(request.types.begin(), request.types.end());
  switch (request.start.kind) {
    case ReadStart::Kind::kAfter:
      result.mutable_start()->set_after_cursor(request.start.cursor.ToString());
      break;
    case ReadStart::Kind::kLast:
      result.mutable_start()->mutable_last_per_topic();
      break;
    case ReadStart::Kind::kTime: {
      const int64_t nanos = absl::ToUnixNanos(std::max(request.start.time, absl::UnixEpoch()));
      result.mutable_start()->mutable_from_time()->set_seconds(nanos / 1'000'000'000);
      result.mutable_start()->mutable_from_time()->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
      break;
    }
    default:
      result.mutable_start()->mutable_earliest();
      break;
  }
  result.set_page_size(static_cast<int32_t>(request.events_max));
  result.set_page_token(request.page_token);
  return result;
}

absl::StatusOr<HistoryPage> ReadPage(std::string bytes, std::string& schema_version) {
  HistoryPage page;
  page.bytes = std::make_shared<const std::string>(std::move(bytes));
  Reading reading;
  if (!ReadFields(page, schema_version, reading) || reading.worst == EventForm::kMalformed) {
    return Malformed();
  }
  if (reading.worst == EventForm::kOther) {
    v1::ListEventsResponse message;
    if (!message.ParseFromString(*page.bytes)) {
      return Malformed();
    }
    page.bytes = std::make_shared<const std::string>(message.SerializeAsString());
    page.events.clear();
    reading = Reading();
    if (!ReadFields(page, schema_version, reading) || reading.worst != EventForm::kCanonical) {
      return Malformed();
    }
  }
  const std::optional<Cursor> cursor = Cursor::Parse(reading.cursor);
  if (!cursor) {
    return Malformed();
  }
  page.cursor = *cursor;
  if (!reading.gap.empty()) {
    absl::StatusOr<GapInfo> gap = ReadGap(reading.gap);
    if (!gap.ok()) {
      return gap.status();
    }
    page.gap = *std::move(gap);
  }
  return page;
}

// A type that was withdrawn is still in the log: without the selection its events come, and are seen to be missing.
void HistoryClient::Read(const HistoryRequest& request, Done done) {
  client_.ListEventsRaw(ToListEvents(request), absl::Now() + kReadTimeout,
                        [this, request, done = std::move(done)](absl::StatusOr<std::string> bytes) {
                          if (!request.types.empty() && ErrorReason(bytes.status()) == "TYPE_UNKNOWN") {
                            HistoryRequest all = request;
                            all.types.clear();
                            Read(all, done);
                            return;
                          }
                          if (!bytes.ok()) {
                            done(AsFailure(bytes.status()));
                            return;
                          }
                          std::string version;
                          absl::StatusOr<HistoryPage> page = ReadPage(*std::move(bytes), version);
                          if (!page.ok()) {
                            done(page.status());
                            return;
                          }
                          absl::StatusOr<std::shared_ptr<const Schema>> schema = schemas_.Get(version);
                          if (!schema.ok()) {
                            done(AsFailure(schema.status()));
                            return;
                          }
                          page->schema = *std::move(schema);
                          done(std::make_shared<const HistoryPage>(*std::move(page)));
                        });
}

}  // namespace weir::edge
