#include "weir/client.h"

#include <algorithm>
#include <utility>

#include "clients/cpp/byte_buffer.h"
#include "clients/cpp/client_impl.h"
#include "clients/cpp/rpc_status.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace weir {
namespace {

// The contract's bound of a message in either direction.
constexpr int kMessageBytesMax = 4 * 1024 * 1024;
constexpr char kListEvents[] = "/weir.v1.EventBus/ListEvents";

int Millis(absl::Duration duration) {
  return static_cast<int>(std::clamp<int64_t>(absl::ToInt64Milliseconds(duration), 1, INT32_MAX));
}

grpc::ChannelArguments Arguments(const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  arguments.SetMaxSendMessageSize(kMessageBytesMax);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, Millis(options.keepalive));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Millis(options.keepalive));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Streams wait by their own back-off, whose tries fail while the channel waits: so the channel waits briefly.
  const absl::Duration connect_wait_max = std::min(options.backoff_max, absl::Seconds(1));
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, Millis(std::min(options.backoff_min, connect_wait_max)));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, Millis(connect_wait_max));
  // A connection of its own for each Client, whatever else this process has open to the same address.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return arguments;
}

gpr_timespec Deadline(absl::Time deadline) {
  if (deadline == absl::InfiniteFuture()) {
    return gpr_inf_future(GPR_CLOCK_REALTIME);
  }
  const timespec time = absl::ToTimespec(deadline);
  return {time.tv_sec, static_cast<int32_t>(time.tv_nsec), GPR_CLOCK_REALTIME};
}

template <typename Request, typename Response>
absl::StatusOr<Response> Call(v1::EventBus::Stub& stub,
                              grpc::Status (v1::EventBus::Stub::*method)(grpc::ClientContext*, const Request&,
                                                                         Response*),
                              const Request& request, absl::Time deadline) {
  grpc::ClientContext context;
  context.set_deadline(Deadline(deadline));
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (!status.ok()) {
    return client::FromGrpc(status);
  }
  return response;
}

}  // namespace

Client::Impl::Impl(ClientOptions client_options)
    : options(std::move(client_options)),
      channel(grpc::CreateCustomChannel(options.server, grpc::InsecureChannelCredentials(), Arguments(options))),
      stub(v1::EventBus::NewStub(channel)),
      generic(channel) {}

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() { impl_->open_calls.WaitForNone(); }

absl::StatusOr<v1::PublishResponse> Client::Publish(const v1::PublishRequest& request, absl::Time deadline) {
  return Call(*impl_->stub, &v1::EventBus::Stub::Publish, request, deadline);
}

absl::StatusOr<v1::ListEventsResponse> Client::ListEvents(const v1::ListEventsRequest& request, absl::Time deadline) {
  return Call(*impl_->stub, &v1::EventBus::Stub::ListEvents, request, deadline);
}

absl::StatusOr<v1::GetSchemaResponse> Client::GetSchema(const v1::GetSchemaRequest& request, absl::Time deadline) {
  return Call(*impl_->stub, &v1::EventBus::Stub::GetSchema, request, deadline);
}

absl::StatusOr<v1::GetStatusResponse> Client::GetStatus(absl::Time deadline) {
  return Call(*impl_->stub, &v1::EventBus::Stub::GetStatus, v1::GetStatusRequest(), deadline);
}

void Client::ListEventsRaw(const v1::ListEventsRequest& request, absl::Time deadline,
                           std::function<void(absl::StatusOr<std::string>)> done) {
  struct OpenCall {
    explicit OpenCall(client::OpenCalls& calls) : hold(calls) {}
    client::OpenCalls::Hold hold;
    grpc::ClientContext context;
    grpc::ByteBuffer request;
    grpc::ByteBuffer response;
  };
  auto call = std::make_shared<OpenCall>(impl_->open_calls);
  call->context.set_deadline(Deadline(deadline));
  call->request = client::ToByteBuffer(request);
  impl_->generic.UnaryCall(&call->context, kListEvents, grpc::StubOptions(), &call->request, &call->response,
                           [call, done = std::move(done)](const grpc::Status& status) {
                             if (status.ok()) {
                               done(client::Flatten(call->response));
                             } else {
                               done(client::FromGrpc(status));
                             }
                           });
}

const ClientOptions& Client::options() const { return impl_->options; }
const std::shared_ptr<grpc::Channel>& Client::channel() const { return impl_->channel; }

}  // namespace weir
