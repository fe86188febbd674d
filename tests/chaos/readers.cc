#include "tests/chaos/readers.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/time/clock.h"

namespace weir::chaos {
namespace {

using nlohmann::json;
using Kind = Item::Kind;

std::string ReasonOf(const v1::Gap& gap) {
  switch (gap.reason()) {
    case v1::Gap::REASON_EXPIRED:
      return "expired";
    case v1::Gap::REASON_OTHER_EPOCH:
      return "other_epoch";
    default:
      return v1::Gap::Reason_Name(gap.reason());
  }
}

std::string TextMember(const json& object, const char* name) {
  const auto member = object.is_object() ? object.find(name) : object.end();
  return member != object.end() && member->is_string() ? member->get<std::string>() : std::string();
}

}  // namespace

ReaderLoad::ReaderLoad(ReaderSettings settings) : settings_(std::move(settings)), random_(settings_.seed) {
  record_.name = settings_.name;
  record_.filters = settings_.view.filters;
  thread_ = std::thread([this] { Run(); });
}

ReaderLoad::~ReaderLoad() { End(); }

void ReaderLoad::End() {
  ending_ = true;
  if (thread_.joinable()) {
    thread_.join();
  }
}

Reader ReaderLoad::TakeRecord() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::move(record_);
}

void ReaderLoad::SetGoal(const Cursor& goal) {
  const std::lock_guard<std::mutex> lock(mutex_);
  goal_ = goal;
}

std::optional<Cursor> ReaderLoad::position() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return position_;
}

void ReaderLoad::Run() {
  while (!ending_ && !done_) {
    const Transport transport = settings_.transports[random_() % settings_.transports.size()];
    const auto [edge, port] = settings_.edges[random_() % settings_.edges.size()];
    const absl::Time until = absl::Now() + settings_.stay * (0.1 + static_cast<double>(random_() % 1000) / 500);
    switch (transport) {
      case Transport::kGrpc:
        ReadGrpc(until);
        break;
      case Transport::kSse:
        ReadSse(edge, port, until);
        break;
      case Transport::kPoll:
        ReadPolls(edge, port, until);
        break;
    }
    BeAway();
  }
}

bool ReaderLoad::Over(absl::Time until) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    done_ = goal_ && position_ && position_->epoch == goal_->epoch && position_->sequence >= goal_->sequence;
  }
  return done_ || ending_ || absl::Now() > until;
}

bool ReaderLoad::Hurries() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return goal_ || ending_;
}

void ReaderLoad::BeAway() {
  const absl::Time until = absl::Now() + settings_.away * (static_cast<double>(random_() % 1000) / 1000);
  do {
    absl::SleepFor(absl::Milliseconds(20));
  } while (absl::Now() < until && !Hurries());
}

void ReaderLoad::MayBeSlow() {
  if (!settings_.slow || random_() % 400 != 0) {
    return;
  }
  const absl::Time until = absl::Now() + absl::Milliseconds(static_cast<int64_t>(500 + random_() % 4500));
  while (absl::Now() < until && !Hurries()) {
    absl::SleepFor(absl::Milliseconds(20));
  }
}

void ReaderLoad::Connect(Transport transport, size_t edge) {
  const std::lock_guard<std::mutex> lock(mutex_);
  record_.connections.push_back(
      {.transport = transport,
       .edge = edge,
       .asked = position_,
       .start = settings_.from_earliest && transport != Transport::kPoll ? "earliest" : "latest",
       .at = settings_.now()});
}

void ReaderLoad::Add(Item item) {
  item.at = settings_.now();
  nothing_shown_ = nothing_shown_ && item.kind == Kind::kConnected && settings_.from_earliest;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (item.kind != Kind::kUnreadable && (item.kind != Kind::kConnected || !position_)) {
    position_ = item.cursor;
  }
  events_ += item.kind == Kind::kEvent ? 1 : 0;
  record_.connections.back().items.push_back(std::move(item));
}

void ReaderLoad::AddUnreadable(const std::string& what) { Add({.kind = Kind::kUnreadable, .text = what}); }

void ReaderLoad::AddEvent(const std::string& cursor, const std::optional<std::string>& text) {
  const std::optional<Cursor> place = Cursor::Parse(cursor);
  if (!place || !text) {
    AddUnreadable(fmt::format("an event without a {}: {}", place ? "text" : "cursor", text.value_or(cursor)));
    return;
  }
  Add({.kind = Kind::kEvent, .cursor = *place, .text = EventIdOf(*text), .content = ContentOf(*text)});
}

void ReaderLoad::AddGap(const json& gap) {
  const std::optional<Cursor> resumed = Cursor::Parse(TextMember(gap, "resumedAt"));
  if (!resumed) {
    AddUnreadable("a gap without resumedAt: " + gap.dump());
    return;
  }
  Add({.kind = Kind::kGap,
       .cursor = *resumed,
       .text = TextMember(gap, "reason"),
       .requested = Cursor::Parse(TextMember(gap, "requested"))});
}

std::string ReaderLoad::Target(const std::string& more) const {
  const std::string& path = settings_.view.path;
  const std::string token = settings_.token.empty() ? "" : "&token=" + settings_.token;
  return path + (path.find('?') == std::string::npos ? "?" : "&") + "x=1" + token + more;
}

std::vector<std::string> ReaderLoad::HeadersFor(const std::string& accept) const { return {"Accept: " + accept}; }

// An edge that drains or is full says 503; anything else has no reason.
bool ReaderLoad::Refused(int status, Transport transport, size_t edge) {
  if (status != 200 && status != 503) {
    Connect(transport, edge);
    AddUnreadable(fmt::format("the status {}", status));
  }
  return status != 200;
}

void ReaderLoad::ReadSse(size_t edge, uint16_t port, absl::Time until) {
  const std::optional<Cursor> from = position();
  std::vector<std::string> headers = HeadersFor("text/event-stream");
  std::string more = from || !settings_.from_earliest ? "" : "&start=earliest";
  if (from && random_() % 2 == 0) {
    headers.push_back("Last-Event-ID: " + from->ToString());
  } else if (from) {
    more += "&last_event_id=" + from->ToString();
  }
  absl::StatusOr<testing::SseStream> stream = testing::SseStream::Open(port, Target(more), headers, absl::Seconds(10));
  if (!stream.ok() || Refused(stream->status(), Transport::kSse, edge)) {
    return;
  }
  if (settings_.slow) {
    const int bytes = 32 * 1024;
    setsockopt(stream->connection().fd(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
  }
  Connect(Transport::kSse, edge);
  while (!Over(until)) {
    const absl::StatusOr<testing::SseEvent> event = stream->Next(absl::Milliseconds(100));
    if (event.ok() ? !TakeSse(*event) : !absl::IsDeadlineExceeded(event.status())) {
      return;
    }
    MayBeSlow();
  }
}

// False when the stream says that it ends.
bool ReaderLoad::TakeSse(const testing::SseEvent& event) {
  if (event.event == "weir.draining" || event.event == "weir.overloaded" || event.event == "weir.auth_expired") {
    return false;
  }
  const json data = json::parse(event.data, nullptr, false);
  if (event.event == "weir.gap") {
    AddGap(data);
    return true;
  }
  const bool connected = event.event == "weir.connected" || event.event == "connected";
  if (!connected && event.event != "heartbeat") {
    AddEvent(event.id, TextOf(data));
    return true;
  }
  const std::optional<Cursor> cursor = Cursor::Parse(event.id);
  if (!cursor) {
    AddUnreadable(event.event + " without a cursor: " + event.id);
    return true;
  }
  Add({.kind = connected ? Kind::kConnected : Kind::kProgress, .cursor = *cursor});
  return true;
}

void ReaderLoad::ReadPolls(size_t edge, uint16_t port, absl::Time until) {
  bool first = true;
  while (!Over(until)) {
    const std::optional<Cursor> from = position();
    const std::string more =
        fmt::format("&limit={}&wait={}ms{}", 1 + random_() % 1000, random_() % 3 * 300,
                    from ? (random_() % 2 == 0 ? "&cursor=" : "&last_event_id=") + from->ToString() : "");
    const absl::StatusOr<testing::Response> response =
        testing::Fetch(port, Target(more), HeadersFor("application/json"), "GET", absl::Seconds(5));
    if (!response.ok() || Refused(response->status, Transport::kPoll, edge)) {
      return;  // cut, or not now
    }
    const json answer = json::parse(response->body, nullptr, false);
    if (!TakePoll(answer, from, edge, first)) {
      return;
    }
    first = false;
    MayBeSlow();
    absl::SleepFor(absl::Milliseconds(static_cast<int64_t>(random_() % 100)));
  }
}

bool ReaderLoad::TakePoll(const json& answer, std::optional<Cursor> asked, size_t edge, bool first) {
  if (first) {
    Connect(Transport::kPoll, edge);
  }
  const std::optional<Cursor> cursor = Cursor::Parse(TextMember(answer, "cursor"));
  if (!cursor || !answer.contains("events") || !answer["events"].is_array()) {
    AddUnreadable("a poll without a cursor: " + (answer.is_discarded() ? "no JSON" : answer.dump()));
    return false;
  }
  if (first) {
    Add({.kind = Kind::kConnected, .cursor = asked.value_or(*cursor)});
  }
  if (answer.contains("gap") && !answer["gap"].is_null()) {
    AddGap(answer["gap"]);
  }
  for (const json& event : answer["events"]) {
    AddEvent(TextMember(event, "id"), TextOf(event.value("data", json())));
  }
  Add({.kind = Kind::kProgress, .cursor = *cursor});
  return true;
}

SubscriberCallbacks ReaderLoad::Callbacks() {
  SubscriberCallbacks callbacks;
  const auto place = [](const std::string& text) { return Cursor::Parse(text).value_or(Cursor()); };
  callbacks.on_started = [this, place](const v1::SubscriptionStarted& started) {
    if (nothing_shown_) {  // the subscriber asks for everything again
      const std::lock_guard<std::mutex> lock(mutex_);
      position_.reset();
    }
    Connect(Transport::kGrpc, 0);
    Add({.kind = Kind::kConnected, .cursor = place(started.cursor())});
  };
  callbacks.on_events = [this](const v1::EventBatch& batch) {
    for (const v1::Event& event : batch.events()) {
      AddEvent(event.cursor(), TextOf(event));
    }
    MayBeSlow();
  };
  callbacks.on_progress = [this, place](const v1::Progress& progress) {
    Add({.kind = Kind::kProgress, .cursor = place(progress.cursor())});
  };
  callbacks.on_gap = [this, place](const v1::Gap& gap) {
    Add({.kind = Kind::kGap,
         .cursor = place(gap.resume_cursor()),
         .text = ReasonOf(gap),
         .requested = Cursor::Parse(gap.requested_cursor())});
  };
  callbacks.on_failed = [this](const absl::Status& status) {
    Connect(Transport::kGrpc, 0);
    AddUnreadable("a refusal for good: " + status.ToString());
  };
  return callbacks;
}

void ReaderLoad::ReadGrpc(absl::Time until) {
  ClientOptions options;
  options.server = settings_.server;
  options.name = "chaos-" + settings_.name;
  options.backoff_min = absl::Milliseconds(20);
  options.backoff_max = absl::Milliseconds(500);
  Client client(options);
  SubscriberOptions subscription;
  subscription.filters = settings_.view.filters;
  subscription.progress_interval = absl::Seconds(1);
  subscription.batch_events_max = static_cast<int32_t>(1 + random_() % 300);
  if (const std::optional<Cursor> from = position()) {
    subscription.start.set_after_cursor(from->ToString());
  } else if (settings_.from_earliest) {
    subscription.start.mutable_earliest();
  }
  nothing_shown_ = !subscription.start.has_after_cursor();
  const Subscriber subscriber(client, subscription, Callbacks());
  while (!Over(until)) {
    absl::SleepFor(absl::Milliseconds(20));
  }
}

}  // namespace weir::chaos
