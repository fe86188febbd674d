#include "edge/upstream.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "absl/time/clock.h"
#include "base/duration_text.h"
#include "base/event_view.h"
#include "base/text.h"

namespace weir::edge {
namespace {

constexpr size_t kProblemBytesMax = 1'000;

SubscriberOptions OptionsOf(const UpstreamOptions& options, const TailState& tail) {
  SubscriberOptions result;
  result.filters = options.filters;
  if (tail.generation == 0) {
    const int64_t millis = absl::ToUnixMillis(absl::Now() - options.history);
    result.start.mutable_from_time()->set_seconds(millis / 1000);
    result.start.mutable_from_time()->set_nanos(static_cast<int32_t>(millis % 1000) * 1'000'000);
  } else {
    result.start.set_after_cursor(Cursor{tail.epoch, tail.head}.ToString());
  }
  result.progress_interval = absl::Seconds(5);
  result.refused_retry = options.refused_retry;
  return result;
}

// What it says may come from outside.
std::string ProblemOf(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  return fmt::format("{}{}{}", reason, reason.empty() ? "" : ": ", Quotable(Message(status), kProblemBytesMax));
}

// The place before a batch's first event.
std::optional<Cursor> BeforeFirst(std::string_view batch) {
  std::optional<Cursor> before;
  ForEachEvent(batch, [&before](std::string_view, std::string_view bytes) {
    EventView event;
    if (ReadEvent(bytes, event) != EventForm::kMalformed) {
      before = Cursor::Parse(event.cursor);
    }
    return false;
  });
  if (before && before->sequence > 0) {
    --before->sequence;
  }
  return before;
}

}  // namespace

GapReason ReasonOf(const v1::Gap& gap) {
  switch (gap.reason()) {
    case v1::Gap::REASON_OTHER_EPOCH:
      return GapReason::kOtherEpoch;
    case v1::Gap::REASON_BEYOND_HEAD:
      return GapReason::kBeyondHead;
    case v1::Gap::REASON_UNRENDERABLE:
      return GapReason::kUnrenderable;
    default:
      return GapReason::kExpired;
  }
}

Upstream::Upstream(Client& client, SchemaCache& schemas, Tail& tail, UpstreamOptions options)
    : client_(client), schemas_(schemas), tail_(tail), options_(std::move(options)) {
  tail_.SetUpstream(false, absl::Now());
  Open();
}

// What the old stream was given is in the tail, or comes again: the new one goes on after the tail's head. That the
// connection is away for a moment is not told.
Coverage Upstream::Reopen(std::vector<std::string> filters, uint32_t presentations) {
  subscriber_.reset();
  options_.filters = std::move(filters);
  tail_.SetPresentations(presentations);
  const TailState tail = tail_.state();
  Open();
  return {tail.generation, tail.head};
}

void Upstream::Retry() {
  if (!status_.connected) {
    subscriber_.reset();
    Open();
  }
}

void Upstream::Open() {
  subscriber_ = std::make_unique<Subscriber>(client_, OptionsOf(options_, tail_.state()), Callbacks());
}

// What is wrong is in the log before anybody can see that it is.
SubscriberCallbacks Upstream::Callbacks() {
  SubscriberCallbacks callbacks;
  callbacks.on_started = [this](const v1::SubscriptionStarted& started) { OnStarted(started); };
  callbacks.on_schema = [this](const std::string& version) { return OnSchema(version); };
  callbacks.on_batch_bytes = [this](std::shared_ptr<const std::string> batch) { return OnBatch(std::move(batch)); };
  callbacks.on_progress = [this](const v1::Progress& progress) { OnProgress(progress); };
  callbacks.on_gap = [this](const v1::Gap& gap) { OnGap(gap); };
  callbacks.on_disconnected = [this](const absl::Status& status, absl::Duration retry_in) {
    spdlog::warn("upstream: {}; again in {}", ProblemOf(status), DurationText(retry_in));
    OnDisconnected(status, false);
  };
  callbacks.on_failed = [this, retry = options_.refused_retry](const absl::Status& status) {
    spdlog::error("upstream: the server refuses the subscription: {}; again in {}", ProblemOf(status),
                  absl::FormatDuration(retry));
    OnDisconnected(status, true);
  };
  return callbacks;
}

void Upstream::OnStarted(const v1::SubscriptionStarted& started) {
  spdlog::info("upstream: connected, reading on after {}, head {}", Quotable(started.cursor()),
               started.head_sequence());
  status_.connected = true;
  status_.refused = false;
  status_.SetProblem("");
  ++status_.connects;
  tail_.SetUpstream(true, absl::Now());
  status_.server_head = started.head_sequence();
}

// Also of a try to connect that failed. Whoever sees that it is refused finds why.
void Upstream::OnDisconnected(const absl::Status& status, bool refused) {
  status_.SetProblem(ProblemOf(status));
  status_.refused = refused;
  if (status_.connected.exchange(false)) {
    ++status_.disconnects;
    tail_.SetUpstream(false, absl::Now());
  }
}

// The tail begins with the first thing that the server says about events, not where it began to read: events before the
// time that was asked for are passed over in silence, so the tail may not claim them.
void Upstream::Begin(std::optional<Cursor> after) {
  if (!began_ && after) {
    began_ = true;
    tail_.Reset(*after, GapReason::kExpired);
  }
}

// What comes next cannot be shown without the schema: it comes again when the schema can be had.
absl::Status Upstream::OnSchema(const std::string& version) {
  absl::StatusOr<std::shared_ptr<const Schema>> schema = schemas_.Get(version);
  if (!schema.ok()) {
    return absl::UnavailableError(fmt::format("schema {}: {}", version, Message(schema.status())));
  }
  ++status_.schema_changes;
  has_schema_ = true;
  tail_.SetSchema(*std::move(schema));
  return absl::OkStatus();
}

absl::Status Upstream::OnBatch(std::shared_ptr<const std::string> batch) {
  if (!has_schema_) {
    if (absl::Status status = OnSchema(""); !status.ok()) {
      return status;
    }
  }
  if (!began_) {
    Begin(BeforeFirst(*batch));
  }
  ++status_.batches;
  status_.bytes += batch->size();
  return tail_.Append(std::move(batch));
}

void Upstream::OnProgress(const v1::Progress& progress) {
  status_.server_head = progress.head_sequence();
  const std::optional<Cursor> cursor = Cursor::Parse(progress.cursor());  // the client gives out good ones only
  Begin(cursor);
  tail_.Progress(*cursor);
  if (progress.caught_up()) {
    tail_.SetReady();
  }
}

void Upstream::OnGap(const v1::Gap& gap) {
  began_ = true;
  ++status_.gaps;
  spdlog::warn("upstream: events after {} are missing ({}); going on after {}", Quotable(gap.requested_cursor()),
               v1::Gap::Reason_Name(gap.reason()), Quotable(gap.resume_cursor()));
  if (const std::optional<Cursor> cursor = Cursor::Parse(gap.resume_cursor())) {
    tail_.Reset(*cursor, ReasonOf(gap));
  }
}

}  // namespace weir::edge
