// Keeps revocations of tokens in the log for as long as they are in force: those that retention is about to remove are
// published again, so that a reader which begins with the earliest event misses none.
//
// One thread, which is not the committer's: it waits for the commit. Everything must outlive it. Holds a page of the
// log at a time.
#ifndef WEIR_SERVER_REVOCATION_KEEPER_H_
#define WEIR_SERVER_REVOCATION_KEEPER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "log/log_engine.h"
#include "server/publish/committer.h"
#include "server/publish/validator.h"

namespace weir::server {

class RevocationKeeper {
 public:
  RevocationKeeper(const log::LogEngine& log, const Validator& validator, Committer& committer, Clock clock);

  // For RetentionOptions::before_removal. What cannot be stored again (a full disk, a drain) stays where it is.
  absl::Status CarryOver(uint64_t& end);

 private:
  // The PublishRequest of those events of the page that are in force, and where the first of them is; empty: there are
  // none.
  std::string StillInForce(const log::Page& page, uint64_t& first) const;
  absl::Status Store(std::string request);

  const log::LogEngine& log_;
  const Validator& validator_;
  Committer& committer_;
  const Clock clock_;
  const log::Selection selection_;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_REVOCATION_KEEPER_H_
