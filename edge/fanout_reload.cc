// Readers whose route or key is not what it was any more, or whose token is revoked: they are ended.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/revocations.h"
#include "edge/fanout_hub.h"
#include "edge/fanout_internal.h"

namespace weir::edge {
namespace {

// Streams that are ended, and looked at, before others have their turn.
constexpr int kEndsInARow = 128;
constexpr int kLooksInARow = 8192;

}  // namespace

struct FanoutHub::Ending {
  Judgement judgement;
  std::function<void()> done;
  size_t left;  // the sessions before this place are still to be asked about
};

void FanoutHub::EndStreams(Judgement judgement, absl::Duration retry_max, std::function<void()> done) {
  retry_max_ms_ = std::max<int64_t>(0, absl::ToInt64Milliseconds(retry_max));
  EndPolls(judgement);
  EndSome(std::make_shared<Ending>(Ending{std::move(judgement), std::move(done), sessions_.size()}));
}

// Backwards: whoever takes the place of a session that was closed comes from behind, and was asked about or is new.
void FanoutHub::EndSome(const std::shared_ptr<Ending>& ending) {
  ending->left = std::min(ending->left, sessions_.size());
  for (int looks = 0, ends = 0; looks < kLooksInARow && ends < kEndsInARow && ending->left > 0; ++looks) {
    Session& session = *sessions_[--ending->left].session;
    const Fate fate = ending->judgement(*session.channel->route, session.token);
    if (fate != Fate::kStays) {
      ++ends;
      End(session, fate == Fate::kRevoked ? CloseReason::kRevoked : CloseReason::kReload, fate == Fate::kGone);
    }
  }
  if (ending->left > 0) {
    boost::asio::post(context_, [this, ending] { EndSome(ending); });
  } else {
    ending->done();
  }
}

void FanoutHub::EndPolls(const Judgement& judgement) {
  std::vector<std::pair<uint64_t, Fate>> ends;
  for (const auto& [id, poll] : polls_) {
    const Fate fate = judgement(*poll->channel->route, poll->request.reader.token);
    if (fate != Fate::kStays) {
      ends.emplace_back(id, fate);
    }
  }
  for (const auto& [id, fate] : ends) {
    PollOperation& poll = *polls_.at(id);
    if (fate == Fate::kRevoked) {
      FinishPoll(poll, TokenRevokedError());
      continue;
    }
    FinishPoll(poll, poll.has_place && generation_ != 0
                         ? absl::StatusOr<std::string>(PollBody(poll))
                         : absl::UnavailableError("the configuration of this path has just changed"));
  }
}

}  // namespace weir::edge
