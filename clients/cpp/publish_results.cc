#include "clients/cpp/publish_results.h"

#include "base/wire.h"
#include "clients/cpp/rpc_status.h"
#include "google/rpc/status.pb.h"

namespace weir::client {

bool ReadPublishResults(std::string_view bytes, PublishResults& results) {
  results.first_index = 0;
  results.results.clear();
  wire::Reader reader(bytes);
  for (wire::Field field; reader.Next(field);) {
    if (field.number == 1 && field.type == wire::Type::kVarint) {
      results.first_index = field.value;
    } else if (field.number == 2 && field.type == wire::Type::kBytes) {
      results.results.push_back(field.bytes);
    }
  }
  return reader.ok();
}

void SetOutcome(std::string_view result, PublishOutcome& outcome) {
  outcome.status = absl::InternalError("the server sent a result that cannot be read");
  outcome.ack.Clear();
  wire::Reader reader(result);
  for (wire::Field field; reader.Next(field);) {
    const int size = static_cast<int>(field.bytes.size());
    if (field.type != wire::Type::kBytes) {
      continue;
    }
    google::rpc::Status error;
    if (field.number == 1 && outcome.ack.ParseFromArray(field.bytes.data(), size)) {
      outcome.status = absl::OkStatus();
    } else if (field.number == 2 && error.ParseFromArray(field.bytes.data(), size) && error.code() != 0) {
      outcome.status = FromRpc(error);
    }
  }
}

}  // namespace weir::client
