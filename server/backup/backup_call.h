// Maintenance.Backup over gRPC: sends a snapshot of the log, file by file.
#ifndef WEIR_SERVER_BACKUP_BACKUP_CALL_H_
#define WEIR_SERVER_BACKUP_BACKUP_CALL_H_

#include <grpcpp/support/server_callback.h>

#include "log/log_engine.h"
#include "server/auth/access_control.h"
#include "server/rpc/call_list.h"
#include "server/rpc/places.h"
#include "server/worker_pool.h"
#include "weir/v1/maintenance.pb.h"

namespace weir::server {

// All of it must outlive the service and its calls.
struct BackupContext {
  log::LogEngine& log;
  WorkerPool& pool;  // what blocks on the disk runs here, one message at a time
  CallList& streams;
  Places& places;
  const AccessControl& access;
};

// The reactor of one call; it deletes itself. Holds one message in memory. Ends at once when the caller was not
// admitted, or may not copy the log.
grpc::ServerWriteReactor<v1::BackupResponse>* StartBackup(const BackupContext& context, FaultOr<Caller> caller,
                                                          grpc::CallbackServerContext& call);

}  // namespace weir::server

#endif  // WEIR_SERVER_BACKUP_BACKUP_CALL_H_
