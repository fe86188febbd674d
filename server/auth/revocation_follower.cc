#include "server/auth/revocation_follower.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "base/token_revocation.h"
#include "server/stored_revocations.h"

namespace weir::server {

RevocationFollower::RevocationFollower(const log::LogEngine& log, Revocations& revocations, OnRevoked on_revoked,
                                       std::chrono::milliseconds retry_interval)
    : log_(log),
      revocations_(revocations),
      on_revoked_(std::move(on_revoked)),
      retry_interval_(retry_interval),
      selection_(SelectRevocations()),
      position_(log.bounds().earliest - 1) {
  CatchUp();
  thread_ = std::thread([this] { Run(); });
}

RevocationFollower::~RevocationFollower() { Stop(); }

void RevocationFollower::Stop() {
  if (!thread_.joinable()) {
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void RevocationFollower::OnDurable(std::span<const log::ChunkPtr> chunks) {
  RevocationTable table;
  for (const log::ChunkPtr& chunk : chunks) {
    for (const log::StoredEvent& stored : chunk->events()) {
      if (stored.topic == kRevocationsTopic) {
        Take(stored, table);
      }
    }
  }
  if (table.size() == 0) {
    return;
  }
  {
    // Together, so that CatchUp does not say in between that everything is there.
    const std::lock_guard lock(mutex_);
    behind_ = !revocations_.Add(table).ok() || behind_;
    fresh_.Merge(table);
  }
  changed_.notify_one();
}

void RevocationFollower::Run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (fresh_.size() > 0) {
      const RevocationTable fresh = std::exchange(fresh_, RevocationTable());
      lock.unlock();
      on_revoked_(fresh);
      lock.lock();
    } else if (behind_ && SteadyClock::now() >= retry_due_) {
      lock.unlock();
      CatchUp();
      lock.lock();
    } else if (behind_) {
      changed_.wait_until(lock, retry_due_);
    } else {
      changed_.wait(lock);
    }
  }
}

void RevocationFollower::CatchUp() {
  {
    const std::lock_guard lock(mutex_);
    behind_ = false;
  }
  const absl::Status status = ReadOn();
  {
    const std::lock_guard lock(mutex_);
    behind_ = behind_ || !status.ok();
    if (!behind_) {
      revocations_.SetComplete(true);
    }
    retry_due_ = SteadyClock::now() + retry_interval_;
  }
  const std::string_view says = Message(status);
  if (says != said_) {
    if (status.ok()) {
      spdlog::info("revocations of tokens: all that are in the log are known");
    } else {
      spdlog::error("revocations of tokens: {}; no token is taken until then", says);
    }
    said_ = says;
  }
}

// What is appended meanwhile comes to OnDurable.
absl::Status RevocationFollower::ReadOn() {
  const log::Bounds bounds = log_.bounds();
  // Retention has removed some: those in force lie further behind, once more.
  log::ReadRequest read{.after = std::max(position_, bounds.earliest - 1), .selection = &selection_};
  while (read.after < bounds.head) {
    const absl::StatusOr<log::Page> page = log_.Read(read);
    if (absl::IsOutOfRange(page.status()) && log_.bounds().earliest - 1 > read.after) {
      read.after = log_.bounds().earliest - 1;
      continue;
    }
    if (!page.ok()) {
      return page.status();
    }
    RevocationTable table;
    for (const log::StoredEvent& stored : page->events) {
      Take(stored, table);
    }
    const absl::Status status = revocations_.Add(table);
    on_revoked_(table);
    if (!status.ok()) {
      return status;
    }
    read.after = page->read_to;
    position_ = read.after;
  }
  return absl::OkStatus();
}

void RevocationFollower::Take(const log::StoredEvent& stored, RevocationTable& table) const {
  v1::TokenRevocation revocation;
  const absl::Status status = ReadRevocation(ViewOf(stored), revocation)
                                  ? CheckTokenRevocation(revocation)
                                  : absl::InvalidArgumentError("it cannot be read");
  if (status.ok()) {
    table.Add(revocation);
    return;
  }
  revocations_.CountMalformed();
  spdlog::error("revocations of tokens: event {} is passed over: {}", stored.sequence, Message(status));
}

}  // namespace weir::server
