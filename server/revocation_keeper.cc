#include "server/revocation_keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "base/token_revocation.h"
#include "server/stored_revocations.h"

namespace weir::server {
namespace {

struct Batch final : PublishBatch {
  using PublishBatch::PublishBatch;

  void OnCommitted(std::span<const log::AppendResult> results) override {
    const bool stored = std::all_of(results.begin(), results.end(), [](const auto& result) {
      return result.outcome != log::AppendResult::Outcome::kIdReused;
    });
    done.set_value(stored ? absl::OkStatus() : absl::InternalError("not all were taken"));
  }
  void OnFailed(const Fault& fault) override { done.set_value(absl::UnavailableError(fault.message)); }

  std::promise<absl::Status> done;
};

}  // namespace

RevocationKeeper::RevocationKeeper(const log::LogEngine& log, Committer& committer, Clock clock)
    : log_(log), committer_(committer), clock_(std::move(clock)), selection_(SelectRevocations()) {}

absl::Status RevocationKeeper::CarryOver(uint64_t& end) {
  log::ReadRequest read;
  read.after = log_.bounds().earliest - 1;
  read.until = end - 1;
  read.selection = &selection_;
  while (read.after < read.until) {
    const absl::StatusOr<log::Page> page = log_.Read(read);
    absl::Status status = page.status();
    uint64_t stays = read.after + 1;
    if (page.ok()) {
      if (const Carried carried = StillInForce(*page); !carried.events.empty()) {
        stays = carried.first;
        status = Store(carried);
      }
    }
    if (!status.ok()) {
      end = stays;
      return absl::Status(status.code(), fmt::format("revocations of tokens cannot be stored again, so that nothing "
                                                     "behind them is removed: {}",
                                                     Message(status)));
    }
    read.after = page->read_to;
  }
  return absl::OkStatus();
}

RevocationKeeper::Carried RevocationKeeper::StillInForce(const log::Page& page) const {
  const absl::Time now = clock_();
  Carried carried;
  for (const log::StoredEvent& stored : page.events) {
    const EventView view = ViewOf(stored);
    v1::TokenRevocation revocation;
    if (!ReadRevocation(view, revocation) || ExpiryOf(revocation) <= now) {
      continue;
    }
    if (carried.events.empty()) {
      carried.first = stored.sequence;
    }
    // The same when it is tried again: then it is stored once.
    const std::string& id = carried.ids.emplace_back(fmt::format("{}{}", kCarriedIdPrefix, view.cursor));
    carried.events.push_back(
        {.topic = view.topic, .id = id, .has_time = view.has_time, .time = view.time, .tail = view.tail});
    carried.bytes += sizeof(log::NewEvent) + id.size() + stored.element.size();
  }
  return carried;
}

absl::Status RevocationKeeper::Store(const Carried& carried) {
  auto batch = std::make_unique<Batch>(carried.events, carried.bytes);
  std::future<absl::Status> done = batch->done.get_future();
  const std::optional<Fault> fault = committer_.Submit(std::move(batch), Committer::WhenFull::kTake);
  return fault ? absl::UnavailableError(fault->message) : done.get();
}

}  // namespace weir::server
