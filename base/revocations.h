// Which tokens (JWT) are revoked, for who judges tokens: weir-edge, which reads it over gRPC, and weir-server, which
// has it in its own log.
//
// Names are kept as digests of 64 bits, subjects' and ids' apart: two names with the same digest would be revoked
// together, and to find one takes 2^64 tries.
#ifndef WEIR_BASE_REVOCATIONS_H_
#define WEIR_BASE_REVOCATIONS_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/jwt.h"
#include "base/token_marks.h"
#include "weir/v1/revocation.pb.h"

namespace weir {

TokenMarks MarksOf(const JwtClaims& claims);

// UNAUTHENTICATED, and how to tell it from others.
absl::Status TokenRevokedError();
bool IsTokenRevoked(const absl::Status& status);

// Some revocations: about 50 bytes each. One thread, or const.
class RevocationTable {
 public:
  // It has been checked: CheckTokenRevocation.
  void Add(const v1::TokenRevocation& revocation);
  // Adds those of the other.
  void Merge(const RevocationTable& other);
  // Adds those of the other that are in force, up to `entries_max` in all. Whether there was room.
  bool Merge(const RevocationTable& other, size_t entries_max, absl::Time now);
  // Drops those whose time is over.
  void DropExpired(absl::Time now);

  bool Revokes(const TokenMarks& token, absl::Time now) const;
  size_t size() const { return entries_.size(); }

 private:
  struct Name {
    uint64_t name;    // of a subject or a token
    uint32_t issuer;  // 0: whichever

    bool operator==(const Name&) const = default;
    template <typename H>
    friend H AbslHashValue(H h, const Name& name) {
      return H::combine(std::move(h), name.name, name.issuer);
    }
  };
  // In whole seconds.
  struct Entry {
    int64_t issued_until;
    int64_t expires;
  };

  void Put(const Name& name, const Entry& entry);

  absl::flat_hash_map<Name, Entry> entries_;
};

// Those that this process knows of. Any thread. Bounded by `entries_max`; nothing is forgotten before its time: while
// there is no room for more, as while not everything was read yet, no token is taken at all.
class Revocations : public prometheus::Collectable {
 public:
  static constexpr size_t kEntriesMaxDefault = 100'000;
  // What a configuration may set at most.
  static constexpr size_t kEntriesMaxMost = 10'000'000;

  // The prefix begins the metrics' names.
  explicit Revocations(std::string metric_prefix, Clock clock = SystemClock())
      : metric_prefix_(std::move(metric_prefix)), clock_(std::move(clock)) {}

  void SetMax(size_t entries_max);

  // RESOURCE_EXHAUSTED: not all are taken; to be tried again, and no token is taken until SetComplete(true).
  absl::Status Add(const RevocationTable& more);
  void CountMalformed();
  // Everything that was published before is in there. False: something is missing that will not come any more.
  void SetComplete(bool complete);

  // OK, or why no token can be judged.
  absl::Status Readiness() const;
  // OK, TokenRevokedError, or UNAVAILABLE as above.
  absl::Status Judge(const TokenMarks& token, absl::Time now) const;

  // PREFIX_revocations, PREFIX_revocations_complete, PREFIX_revocations_total{result}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  absl::Status ReadinessLocked() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const std::string metric_prefix_;
  const Clock clock_;
  mutable std::mutex mutex_;
  RevocationTable table_ ABSL_GUARDED_BY(mutex_);
  size_t entries_max_ ABSL_GUARDED_BY(mutex_) = kEntriesMaxDefault;
  absl::Time cleaned_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  bool complete_ ABSL_GUARDED_BY(mutex_) = false;
  bool full_ ABSL_GUARDED_BY(mutex_) = false;
  bool holed_ ABSL_GUARDED_BY(mutex_) = false;  // for good
  uint64_t taken_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t malformed_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t refused_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace weir

#endif  // WEIR_BASE_REVOCATIONS_H_
