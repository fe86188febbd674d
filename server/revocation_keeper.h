// Keeps revocations of tokens in the log for as long as they are in force: those that retention is about to remove are
// published again, so that a reader which begins with the earliest event misses none.
//
// One thread, which is not the committer's: it waits for the commit. Everything must outlive it. Holds a page of the
// log at a time.
#ifndef WEIR_SERVER_REVOCATION_KEEPER_H_
#define WEIR_SERVER_REVOCATION_KEEPER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "log/log_engine.h"
#include "server/publish/committer.h"

namespace weir::server {

class RevocationKeeper {
 public:
  RevocationKeeper(const log::LogEngine& log, Committer& committer, Clock clock);

  // For RetentionOptions::before_removal. What cannot be stored again (a full disk, a drain) stays where it is.
  absl::Status CarryOver(uint64_t& end);

 private:
  // Those of a page that are in force, as they are but for the id. The views are of the page and of `ids`.
  struct Carried {
    uint64_t first = 0;  // where the first of them was
    std::deque<std::string> ids;
    std::vector<log::NewEvent> events;
    size_t bytes = 0;
  };
  Carried StillInForce(const log::Page& page) const;
  absl::Status Store(const Carried& carried);

  const log::LogEngine& log_;
  Committer& committer_;
  const Clock clock_;
  const log::Selection selection_;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_REVOCATION_KEEPER_H_
