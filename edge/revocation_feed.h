// Reads which tokens are revoked from the server: the reserved topic `weir.revocations`, from the earliest event that
// the log has, and then as they are published. weir-server keeps those in force in the log, so that this is all of
// them.
//
// After a lost connection it goes on where it was. What there is no room for is read again until there is.
#ifndef WEIR_EDGE_REVOCATION_FEED_H_
#define WEIR_EDGE_REVOCATION_FEED_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/revocations.h"
#include "weir/client.h"

namespace weir::edge {

// Starts when it is made. One thread, not gRPC's. Client and revocations must outlive it.
class RevocationFeed {
 public:
  // Called on a gRPC thread with each batch, after `revocations` has it, to end the streams whose tokens are in there.
  // The next batch waits for it.
  using OnRevoked = std::function<void(const RevocationTable&)>;

  RevocationFeed(Client& client, Revocations& revocations, OnRevoked on_revoked);
  // No callback runs any more when it returns.
  ~RevocationFeed() = default;
  RevocationFeed(const RevocationFeed&) = delete;
  RevocationFeed& operator=(const RevocationFeed&) = delete;

  // Waits until all that were published are known, or the server could not be asked, or so long.
  void AwaitAnswer(absl::Duration timeout);

 private:
  absl::Status OnBatch(const std::string& bytes);
  void OnGap(const v1::Gap& gap);
  void Answered();

  Revocations& revocations_;
  const OnRevoked on_revoked_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool answered_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<Subscriber> subscriber_;  // last: its callbacks use everything above
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_REVOCATION_FEED_H_
