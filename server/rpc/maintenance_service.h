// Maintenance as a gRPC service: hands each call to its part.
#ifndef WEIR_SERVER_RPC_MAINTENANCE_SERVICE_H_
#define WEIR_SERVER_RPC_MAINTENANCE_SERVICE_H_

#include "server/backup/backup_call.h"
#include "server/revoke/revoke_call.h"
#include "weir/v1/maintenance.grpc.pb.h"

namespace weir::server {

// What the service works with. All of it must outlive the service and its calls.
struct MaintenanceContext {
  const AccessControl& access;
  BackupContext backup;
  RevokeContext revoke;
};

// A request of RevokeTokens is raw bytes, so that those that are no message get an error of ours.
class MaintenanceService final : public v1::Maintenance::WithRawCallbackMethod_RevokeTokens<
                                     v1::Maintenance::WithCallbackMethod_Backup<v1::Maintenance::Service>> {
 public:
  explicit MaintenanceService(const MaintenanceContext& context) : context_(context) {}

  grpc::ServerWriteReactor<v1::BackupResponse>* Backup(grpc::CallbackServerContext* call,
                                                       const v1::BackupRequest*) override;
  grpc::ServerUnaryReactor* RevokeTokens(grpc::CallbackServerContext* call, const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override;

 private:
  const MaintenanceContext& context_;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_RPC_MAINTENANCE_SERVICE_H_
