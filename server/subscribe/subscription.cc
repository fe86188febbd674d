#include "server/subscribe/subscription.h"

#include <algorithm>
#include <utility>

#include "base/topic.h"
#include "base/wire.h"

namespace weir::server {
namespace {

// What one look at the tail takes when only some of it is wanted; more follows in the next. A reader of everything
// takes a batch at a time: each chunk that it passes over costs two atomic operations.
constexpr size_t kTailEventsMax = 2'048;

bool WantsEverything(const log::Selection& selection) {
  const std::vector<std::string>& wildcard = selection.filters.wildcard();
  return selection.types.empty() && std::find(wildcard.begin(), wildcard.end(), ">") != wildcard.end();
}

WireMessage Encode(const v1::SubscribeResponse& response) { return WireMessage(response.SerializeAsString()); }

}  // namespace

Subscription::Subscription(const SubscriptionContext& context, std::string id, SubscriptionOptions options,
                           SubscriptionSink& sink)
    : context_(context),
      id_(std::move(id)),
      options_(std::move(options)),
      sink_(sink),
      epoch_(context.log.bounds().epoch),
      everything_(WantsEverything(options_.selection)) {}

Subscription::~Subscription() { SetCatchingUp(false); }

void Subscription::Begin() {
  // Resolving a time may read the disk.
  context_.pool.Post([self = shared_from_this()] { self->Start(); });
}

void Subscription::OnWritten(bool ok) {
  if (!ok) {
    stop_ = kCancelled;
  }
  Run();
}

Subscription::StopReason Subscription::StopOf(StreamEnd end) {
  switch (end) {
    case StreamEnd::kTokenExpired:
      return kTokenExpired;
    case StreamEnd::kTokenRevoked:
      return kTokenRevoked;
    case StreamEnd::kAccessChanged:
      return kAccessChanged;
    default:
      return kDraining;
  }
}

StreamEnd Subscription::EndOf(StopReason reason) {
  switch (reason) {
    case kTokenExpired:
      return StreamEnd::kTokenExpired;
    case kTokenRevoked:
      return StreamEnd::kTokenRevoked;
    case kAccessChanged:
      return StreamEnd::kAccessChanged;
    default:
      return StreamEnd::kDraining;
  }
}

void Subscription::Drain(StreamEnd end) { Stop(StopOf(end)); }

void Subscription::Stop(StopReason reason) {
  StopReason expected = kNo;
  if (!stop_.compare_exchange_strong(expected, reason) && reason == kCancelled) {
    stop_ = kCancelled;
  }
  context_.waker.Nudge();
}

void Subscription::End(const std::optional<Fault>& fault) {
  SetCatchingUp(false);
  sink_.Finish(fault);
}

void Subscription::SetCatchingUp(bool catching_up) {
  if (catching_up_ != catching_up) {
    catching_up_ = catching_up;
    context_.counts.catching_up += catching_up ? 1 : -1;
  }
}

void Subscription::Start() {
  FaultOr<ReadPlan> plan = ResolveStart(options_.start, v1::Start::kLatest, context_.log);
  if (!plan.ok()) {
    End(plan.fault());
    return;
  }
  if (plan->gap.has_value() && options_.fail_on_gap) {
    End(FaultOf(*plan->gap));
    return;
  }
  position_ = plan->after;
  target_ = plan->head;
  not_before_millis_ = plan->not_before_millis;
  snapshot_ = plan->last_per_topic && position_ < target_;
  v1::SubscribeResponse started;
  started.set_schema_version(*NewSchemaVersion());
  started.mutable_started()->set_subscription_id(id_);
  started.mutable_started()->set_cursor(Cursor{epoch_, position_}.ToString());
  started.mutable_started()->set_epoch(std::string(epoch_.text()));
  started.mutable_started()->set_head_sequence(plan->head);
  control_.push_back(Encode(started));
  if (plan->gap.has_value()) {
    v1::SubscribeResponse gap;
    *gap.mutable_gap() = *std::move(plan->gap);
    control_.push_back(Encode(gap));
  }
  progress_due_ = context_.now() + options_.progress_interval;
  Run();
}

void Subscription::Run() {
  Turn turn = Turn::kMine;
  while (turn == Turn::kMine) {
    const StopReason stop = stop_.load();
    if (stop != kNo) {
      if (stop == kCancelled) {
        End(std::nullopt);
      } else {
        End(FaultOf(EndOf(stop)));
      }
      return;
    }
    turn = SendControl();
    if (turn == Turn::kMine) {
      turn = ReadTail();
    }
  }
}

Subscription::Turn Subscription::SendControl() {
  if (!control_.empty()) {
    WireMessage message = std::move(control_.front());
    control_.pop_front();
    Write(std::move(message));
    return Turn::kGiven;
  }
  if (!snapshot_ && !caught_up_ && position_ >= target_) {
    caught_up_ = true;
    SendProgress(true);
    return Turn::kGiven;
  }
  // A long scan that finds nothing is idle too.
  if (catching_up_ && context_.now() >= progress_due_) {
    SendProgress(false);
    return Turn::kGiven;
  }
  return Turn::kMine;
}

Subscription::Turn Subscription::ReadTail() {
  if (snapshot_) {
    PostRead();
    return Turn::kGiven;
  }
  const LiveTail::View view = context_.tail.After(position_, everything_ ? options_.batch_events_max : kTailEventsMax);
  if (!view.inside) {
    PostRead();
    return Turn::kGiven;
  }
  SetCatchingUp(false);
  if (view.chunks.empty()) {
    if (context_.now() >= progress_due_) {
      SendProgress(false);
      return Turn::kGiven;
    }
    context_.waker.Wait(shared_from_this(), position_, progress_due_);
    return Turn::kGiven;
  }
  EventElements elements;
  for (const log::ChunkPtr& chunk : view.chunks) {
    for (const log::StoredEvent& event : chunk->events()) {
      if (event.sequence <= position_) {
        continue;
      }
      if (Wanted(event)) {
        const bool full = elements.events() >= options_.batch_events_max ||
                          elements.bytes() + event.element.size() > options_.batch_bytes_max;
        if (full && !elements.empty()) {
          return Send(std::move(elements));
        }
        elements.Add(event, chunk);
      }
      position_ = event.sequence;
    }
  }
  return Send(std::move(elements));
}

bool Subscription::Wanted(const log::StoredEvent& event) const {
  return event.publish_millis >= not_before_millis_ &&
         ((everything_ && !IsReservedTopic(event.topic)) || options_.selection.Matches(event));
}

void Subscription::PostRead() {
  SetCatchingUp(true);
  context_.pool.Post([self = shared_from_this()] {
    if ((self->snapshot_ ? self->ReadSnapshot() : self->ReadPage()) == Turn::kMine) {
      self->Run();
    }
  });
}

Subscription::Turn Subscription::ReadPage() {
  absl::StatusOr<log::Page> page = context_.log.Read({.after = position_,
                                                      .selection = &options_.selection,
                                                      .events_max = options_.batch_events_max,
                                                      .bytes_max = options_.batch_bytes_max});
  if (!page.ok()) {
    if (absl::IsOutOfRange(page.status())) {
      return OnGap();
    }
    End(ReadFault(page.status()));
    return Turn::kGiven;
  }
  return SendPage(*std::move(page));
}

Subscription::Turn Subscription::ReadSnapshot() {
  absl::StatusOr<log::Page> page = context_.log.ReadLastPerTopic({.after = position_,
                                                                  .until = target_,
                                                                  .selection = &options_.selection,
                                                                  .events_max = options_.batch_events_max,
                                                                  .bytes_max = options_.batch_bytes_max});
  if (!page.ok()) {
    if (absl::IsOutOfRange(page.status())) {
      // Retention passed by: what it removed is no topic's newest retained event any more.
      position_ = std::max(position_, context_.log.bounds().earliest - 1);
      snapshot_ = position_ < target_;
      return Turn::kMine;
    }
    End(ReadFault(page.status()));
    return Turn::kGiven;
  }
  return SendPage(*std::move(page));
}

Subscription::Turn Subscription::OnGap() {
  v1::SubscribeResponse response;
  *response.mutable_gap() = ExpiredGap(position_, context_.log.bounds());
  if (options_.fail_on_gap) {
    End(FaultOf(response.gap()));
    return Turn::kGiven;
  }
  position_ = Cursor::Parse(response.gap().resume_cursor())->sequence;
  if (!caught_up_) {
    // What was carried over from the removed part lies behind the head of then.
    target_ = std::max(target_, context_.log.bounds().head);
  }
  Write(Encode(response));
  return Turn::kGiven;
}

Subscription::Turn Subscription::SendPage(log::Page page) {
  position_ = std::max(position_, page.read_to);
  snapshot_ = snapshot_ && position_ < target_;
  EventElements elements;
  const auto owner = std::make_shared<const log::Page>(std::move(page));
  for (const log::StoredEvent& event : owner->events) {
    if (event.publish_millis >= not_before_millis_) {
      elements.Add(event, owner);
    }
  }
  return Send(std::move(elements));
}

Subscription::Turn Subscription::Send(EventElements elements) {
  if (elements.empty()) {
    return Turn::kMine;
  }
  constexpr uint32_t kBatch = 2;  // SubscribeResponse.batch
  constexpr uint32_t kSchemaVersion = 5;
  std::string header;
  if (const std::string* version = NewSchemaVersion(); version != nullptr) {
    wire::AppendTag(header, kSchemaVersion, wire::Type::kBytes);
    wire::AppendVarint(header, version->size());
    header += *version;
  }
  wire::AppendTag(header, kBatch, wire::Type::kBytes);
  wire::AppendVarint(header, elements.bytes());
  WireMessage message(std::move(header));
  elements.MoveTo(message);
  Write(std::move(message));
  return Turn::kGiven;
}

void Subscription::SendProgress(bool caught_up) {
  v1::SubscribeResponse response;
  if (const std::string* version = NewSchemaVersion(); version != nullptr) {
    response.set_schema_version(*version);
  }
  response.mutable_progress()->set_cursor(Cursor{epoch_, position_}.ToString());
  response.mutable_progress()->set_caught_up(caught_up);
  response.mutable_progress()->set_head_sequence(context_.log.bounds().head);
  Write(Encode(response));
}

const std::string* Subscription::NewSchemaVersion() {
  const EventTypes& types = context_.types.get();
  return std::exchange(announced_, &types) == &types ? nullptr : &types.version();
}

void Subscription::Write(WireMessage message) {
  progress_due_ = context_.now() + options_.progress_interval;
  sink_.Write(std::move(message));
}

}  // namespace weir::server
