// The schemas that events and pages refer to by version, fetched from the server when first met.
#ifndef WEIR_EDGE_SCHEMA_CACHE_H_
#define WEIR_EDGE_SCHEMA_CACHE_H_

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "edge/render/schema.h"
#include "weir/client.h"

namespace weir::edge {

// Any thread. The client must outlive it. Keeps the last four versions.
class SchemaCache {
 public:
  explicit SchemaCache(Client& client) : client_(client) {}

  // The schema of that version. The server only has its present one: when that is another by now, it is what is
  // returned, for what it no longer knows cannot be shown. A schema that does not compile is logged, and one that knows
  // no type takes its place: its events become gaps, not silence. Errors are the server's.
  absl::StatusOr<std::shared_ptr<const Schema>> Get(const std::string& version);

 private:
  std::shared_ptr<const Schema> Find(const std::string& version) const;

  Client& client_;
  mutable std::mutex mutex_;
  std::vector<std::pair<std::string, std::shared_ptr<const Schema>>> schemas_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_SCHEMA_CACHE_H_
