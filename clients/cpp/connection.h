// One channel to the server, and what its calls show of the client.
#ifndef WEIR_CLIENTS_CPP_CONNECTION_H_
#define WEIR_CLIENTS_CPP_CONNECTION_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/status.h"
#include "weir/client.h"
#include "weir/v1/event_bus.grpc.pb.h"
#include "weir/v1/maintenance.grpc.pb.h"

namespace weir::client {

// Any thread. Must not be destroyed by one of gRPC's threads: the channel would wait there for itself to end.
struct Connection {
  explicit Connection(const ClientOptions& client_options);

  // Shows the token, over TLS or to this machine.
  void Authorize(grpc::ClientContext& context) const;

  // The error of a call, and where there was no connection what may be why: gRPC says little of that.
  absl::Status Failure(const grpc::Status& status) const;

  const ClientOptions options;
  const std::shared_ptr<grpc::Channel> channel;
  const std::unique_ptr<v1::EventBus::Stub> stub;
  const std::unique_ptr<v1::Maintenance::Stub> maintenance;
  grpc::GenericStub generic;

 private:
  const bool may_show_token_;
};

// What may be why there is no connection; empty when nothing is known beyond what `failure` says.
std::string ReasonOfNoConnection(const absl::Status& failure, const ClientTls& tls);

}  // namespace weir::client

#endif  // WEIR_CLIENTS_CPP_CONNECTION_H_
