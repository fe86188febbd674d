// What the publishing calls of a server share. Must outlive them.
#ifndef WEIR_SERVER_PUBLISH_PUBLISH_CONTEXT_H_
#define WEIR_SERVER_PUBLISH_PUBLISH_CONTEXT_H_

#include <functional>

#include "base/cursor.h"
#include "server/auth/access_control.h"
#include "server/publish/batch.h"
#include "server/publish/committer.h"
#include "server/publish/validator.h"
#include "server/rpc/call_list.h"
#include "server/rpc/places.h"

namespace weir::server {

struct PublishContext {
  const Validator& validator;
  Committer& committer;
  CallList& streams;
  Places& stream_places;
  const AccessControl& access;
  Epoch epoch;
  // Called for each answered batch; any thread. May be empty.
  std::function<void(const PublishCounts&)> on_published = nullptr;

  void Count(const PublishCounts& counts) const {
    if (on_published) {
      on_published(counts);
    }
  }
};

}  // namespace weir::server

#endif  // WEIR_SERVER_PUBLISH_PUBLISH_CONTEXT_H_
