// Keeps this server's own table of revoked tokens (base/revocations.h) true to its log: what was there when it began,
// and then what becomes durable, before the publisher is told so.
//
// What there is no room for, or cannot be read, is read again every second until it is there; no token is taken until
// then. One thread of its own reads that, and ends the streams of revoked tokens: the committer, which tells what is
// durable, waits for neither.
#ifndef WEIR_SERVER_AUTH_REVOCATION_FOLLOWER_H_
#define WEIR_SERVER_AUTH_REVOCATION_FOLLOWER_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/revocations.h"
#include "log/log_engine.h"

namespace weir::server {

// Log and revocations must outlive it.
class RevocationFollower {
 public:
  // Ends the streams that were opened with these tokens: after the table has them, but for those without room there. On
  // the follower's thread.
  using OnRevoked = std::function<void(const RevocationTable&)>;

  // Returns when what is in the log was read, or could not be. Nothing may be appended before OnDurable can be told.
  RevocationFollower(const log::LogEngine& log, Revocations& revocations, OnRevoked on_revoked,
                     std::chrono::milliseconds retry_interval = std::chrono::seconds(1));
  ~RevocationFollower();
  RevocationFollower(const RevocationFollower&) = delete;
  RevocationFollower& operator=(const RevocationFollower&) = delete;

  // Ends its thread, and so calls to OnRevoked. Any number of times; one thread.
  void Stop();

  // For the log's observer. Does not block.
  void OnDurable(std::span<const log::ChunkPtr> chunks);

 private:
  using SteadyClock = std::chrono::steady_clock;

  void Run();
  void CatchUp();
  absl::Status ReadOn();
  // Adds the revocation to the tables; one that is malformed is counted, and passed over.
  void Take(const log::StoredEvent& stored, RevocationTable& table) const;

  const log::LogEngine& log_;
  Revocations& revocations_;
  const OnRevoked on_revoked_;
  const std::chrono::milliseconds retry_interval_;
  const log::Selection selection_;

  // Of the thread that reads: the constructor's, and then its own.
  uint64_t position_;  // everything up to here is in the table
  std::string said_;   // why not everything is there

  std::mutex mutex_;
  std::condition_variable changed_;
  // Whose streams are still to be ended: what comes while those before are.
  RevocationTable fresh_ ABSL_GUARDED_BY(mutex_);
  bool behind_ ABSL_GUARDED_BY(mutex_) = false;  // something is in the log that is not in the table
  SteadyClock::time_point retry_due_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_AUTH_REVOCATION_FOLLOWER_H_
