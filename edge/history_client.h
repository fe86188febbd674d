// History by gRPC: ListEvents of the server.
#ifndef WEIR_EDGE_HISTORY_CLIENT_H_
#define WEIR_EDGE_HISTORY_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "edge/history.h"
#include "edge/schema_cache.h"
#include "weir/client.h"

namespace weir::edge {

// Any thread. A read takes at most ten seconds. Client and schemas must outlive it, and its answers.
class HistoryClient final : public History {
 public:
  HistoryClient(Client& client, SchemaCache& schemas) : client_(client), schemas_(schemas) {}

  void Read(const HistoryRequest& request, Done done) override;

 private:
  Client& client_;
  SchemaCache& schemas_;
};

// The request as the server reads it.
v1::ListEventsRequest ToListEvents(const HistoryRequest& request);

// A page from the wire bytes of a ListEventsResponse, without its schema, whose version is `schema_version`. DATA_LOSS:
// malformed.
absl::StatusOr<HistoryPage> ReadPage(std::string bytes, std::string& schema_version);

}  // namespace weir::edge

#endif  // WEIR_EDGE_HISTORY_CLIENT_H_
