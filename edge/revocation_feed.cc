#include "edge/revocation_feed.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "base/duration_text.h"
#include "base/text.h"
#include "base/token_revocation.h"
#include "weir/v1/event_bus.pb.h"

namespace weir::edge {
namespace {

// How long after a refusal the server is asked again: somebody has to mend its rules.
constexpr absl::Duration kRefusedRetry = absl::Minutes(1);

// What it says comes from the server.
std::string ProblemOf(const absl::Status& status) { return Quotable(Message(status), 1'000); }

SubscriberOptions Options() {
  SubscriberOptions options;
  options.filters = {std::string(kRevocationsTopic)};
  options.types = {std::string(kRevocationType)};
  options.start.mutable_earliest();
  options.refused_retry = kRefusedRetry;
  return options;
}

}  // namespace

RevocationFeed::RevocationFeed(Client& client, Revocations& revocations, OnRevoked on_revoked)
    : revocations_(revocations), on_revoked_(std::move(on_revoked)) {
  SubscriberCallbacks callbacks;
  callbacks.on_batch_bytes = [this](const std::shared_ptr<const std::string>& batch) { return OnBatch(*batch); };
  callbacks.on_progress = [this](const v1::Progress& progress) {
    if (progress.caught_up()) {
      revocations_.SetComplete(true);
      Answered();
    }
  };
  callbacks.on_gap = [this](const v1::Gap& gap) { OnGap(gap); };
  callbacks.on_disconnected = [this](const absl::Status& status, absl::Duration retry_in) {
    spdlog::warn("revocations of tokens: {}; again in {}", ProblemOf(status), DurationText(retry_in));
    Answered();
  };
  callbacks.on_failed = [this](const absl::Status& status) {
    spdlog::error("revocations of tokens: the server refuses the subscription of {}: {}; again in {}",
                  kRevocationsTopic, ProblemOf(status), absl::FormatDuration(kRefusedRetry));
    Answered();
  };
  subscriber_.emplace(client, Options(), std::move(callbacks));
}

void RevocationFeed::AwaitAnswer(absl::Duration timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, absl::ToChronoMilliseconds(timeout), [this] { return answered_; });
}

void RevocationFeed::Answered() {
  const std::lock_guard lock(mutex_);
  answered_ = true;
  changed_.notify_all();
}

absl::Status RevocationFeed::OnBatch(const std::string& bytes) {
  v1::EventBatch batch;
  if (!batch.ParseFromString(bytes)) {
    return absl::DataLossError("a batch of revocations is no EventBatch");
  }
  RevocationTable fresh;
  for (const v1::Event& event : batch.events()) {
    v1::TokenRevocation revocation;
    const absl::Status status = event.payload().UnpackTo(&revocation) ? CheckTokenRevocation(revocation)
                                                                      : absl::InvalidArgumentError("it cannot be read");
    if (status.ok()) {
      fresh.Add(revocation);
    } else {
      revocations_.CountMalformed();
      spdlog::error("revocations of tokens: event {} is passed over: {}", Quotable(event.cursor()), Message(status));
    }
  }
  const absl::Status status = revocations_.Add(fresh);
  on_revoked_(fresh);
  return status;
}

// What a server whose log was put back does not have any more is known already, and it reads what it has from the
// beginning. Only what could not be read at all is missing.
void RevocationFeed::OnGap(const v1::Gap& gap) {
  if (gap.reason() == v1::Gap::REASON_UNRENDERABLE) {
    spdlog::error("revocations of tokens: one after {} cannot be read, so that no token is taken until a restart",
                  Quotable(gap.requested_cursor()));
    revocations_.SetComplete(false);
  }
}

}  // namespace weir::edge
