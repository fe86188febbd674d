#include "server/revocation_keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "base/token_revocation.h"
#include "weir/v1/event_bus.pb.h"
#include "weir/v1/revocation.pb.h"

namespace weir::server {
namespace {

log::Selection Revocations() {
  return {.filters = *FilterSet::Parse({std::string(kRevocationsTopic)}), .types = {std::string(kRevocationType)}};
}

struct Batch final : PublishBatch {
  explicit Batch(std::string bytes) : request(std::move(bytes)) {}

  void OnCommitted(std::span<const log::AppendResult> results) override {
    const bool stored = results.size() == size() && std::all_of(results.begin(), results.end(), [](const auto& result) {
                          return result.outcome != log::AppendResult::Outcome::kIdReused;
                        });
    done.set_value(stored ? absl::OkStatus() : absl::InternalError("not all were taken"));
  }
  void OnFailed(const Fault& fault) override { done.set_value(absl::UnavailableError(fault.message)); }

  const std::string request;
  std::promise<absl::Status> done;
};

}  // namespace

RevocationKeeper::RevocationKeeper(const log::LogEngine& log, const Validator& validator, Committer& committer,
                                   Clock clock)
    : log_(log), validator_(validator), committer_(committer), clock_(std::move(clock)), selection_(Revocations()) {}

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
      if (std::string request = StillInForce(*page, stays); !request.empty()) {
        status = Store(std::move(request));
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

std::string RevocationKeeper::StillInForce(const log::Page& page, uint64_t& first) const {
  const absl::Time now = clock_();
  v1::PublishRequest request;
  for (const log::StoredEvent& stored : page.events) {
    v1::EventBatch element;
    v1::TokenRevocation revocation;
    if (!element.ParseFromArray(stored.element.data(), static_cast<int>(stored.element.size())) ||
        element.events_size() != 1 || !element.events(0).payload().UnpackTo(&revocation) ||
        ExpiryOf(revocation) <= now) {
      continue;
    }
    if (request.events_size() == 0) {
      first = stored.sequence;
    }
    v1::Event& event = *request.add_events();
    event = element.events(0);
    // The same when it is tried again: then it is stored once.
    event.set_id(fmt::format("carried-{}", element.events(0).cursor()));
  }
  return request.SerializeAsString();
}

absl::Status RevocationKeeper::Store(std::string request) {
  auto batch = std::make_unique<Batch>(std::move(request));
  std::future<absl::Status> done = batch->done.get_future();
  std::optional<Fault> fault = batch->Read(batch->request, validator_);
  if (!fault) {
    fault = committer_.Submit(std::move(batch), Committer::WhenFull::kTake);
  }
  return fault ? absl::UnavailableError(fault->message) : done.get();
}

}  // namespace weir::server
