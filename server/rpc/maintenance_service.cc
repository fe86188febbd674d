#include "server/rpc/maintenance_service.h"

namespace weir::server {

grpc::ServerWriteReactor<v1::BackupResponse>* MaintenanceService::Backup(grpc::CallbackServerContext* call,
                                                                         const v1::BackupRequest*) {
  return StartBackup(context_.backup, context_.access.Admit(*call), *call);
}

grpc::ServerUnaryReactor* MaintenanceService::RevokeTokens(grpc::CallbackServerContext* call,
                                                           const grpc::ByteBuffer* request,
                                                           grpc::ByteBuffer* response) {
  return StartRevoke(context_.revoke, context_.access.Admit(*call), *request, *response, call->peer());
}

}  // namespace weir::server
