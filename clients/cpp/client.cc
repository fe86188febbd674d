#include "weir/client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/time/clock.h"
#include "base/secret_file.h"
#include "base/tls_files.h"
#include "clients/cpp/byte_buffer.h"
#include "clients/cpp/client_impl.h"
#include "clients/cpp/rpc_status.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "grpcpp/support/channel_arguments.h"

namespace weir {
namespace {

// The contract's bound of a message in either direction.
constexpr int kMessageBytesMax = 4 * 1024 * 1024;
// How often the files of TLS are looked at.
constexpr unsigned kTlsLookSeconds = 2;
constexpr size_t kTokenBytesMax = 16 * 1024;
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

std::shared_ptr<grpc::ChannelCredentials> Credentials(const ClientTls& tls) {
  if (tls.ca.empty()) {
    return grpc::InsecureChannelCredentials();
  }
  using grpc::experimental::FileWatcherCertificateProvider;
  grpc::experimental::TlsChannelCredentialsOptions options;
  if (tls.certificate.empty()) {
    options.set_certificate_provider(std::make_shared<FileWatcherCertificateProvider>(tls.ca, kTlsLookSeconds));
  } else {
    options.set_certificate_provider(
        std::make_shared<FileWatcherCertificateProvider>(tls.key, tls.certificate, tls.ca, kTlsLookSeconds));
    options.watch_identity_key_cert_pairs();
  }
  options.watch_root_certs();
  return grpc::experimental::TlsCredentials(options);
}

template <typename Impl, typename Request, typename Response>
absl::StatusOr<Response> Call(const Impl& client,
                              grpc::Status (v1::EventBus::Stub::*method)(grpc::ClientContext*, const Request&,
                                                                         Response*),
                              const Request& request, absl::Time deadline) {
  grpc::ClientContext context;
  context.set_deadline(Deadline(deadline));
  client.Authorize(context);
  Response response;
  const grpc::Status status = (client.stub.get()->*method)(&context, request, &response);
  if (!status.ok()) {
    return client::FromGrpc(status);
  }
  return response;
}

}  // namespace

Client::Impl::Impl(ClientOptions client_options)
    : options(std::move(client_options)),
      channel(grpc::CreateCustomChannel(options.server, Credentials(options.tls), Arguments(options))),
      stub(v1::EventBus::NewStub(channel)),
      generic(channel) {}

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() { impl_->open_calls.WaitForNone(); }

absl::StatusOr<v1::PublishResponse> Client::Publish(const v1::PublishRequest& request, absl::Time deadline) {
  return Call(*impl_, &v1::EventBus::Stub::Publish, request, deadline);
}

absl::StatusOr<v1::ListEventsResponse> Client::ListEvents(const v1::ListEventsRequest& request, absl::Time deadline) {
  return Call(*impl_, &v1::EventBus::Stub::ListEvents, request, deadline);
}

absl::StatusOr<v1::GetSchemaResponse> Client::GetSchema(const v1::GetSchemaRequest& request, absl::Time deadline) {
  return Call(*impl_, &v1::EventBus::Stub::GetSchema, request, deadline);
}

absl::StatusOr<v1::GetStatusResponse> Client::GetStatus(absl::Time deadline) {
  return Call(*impl_, &v1::EventBus::Stub::GetStatus, v1::GetStatusRequest(), deadline);
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
  impl_->Authorize(call->context);
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

void Client::Authorize(grpc::ClientContext& context) const { impl_->Authorize(context); }

absl::Status CheckClientTls(const ClientTls& tls, std::vector<std::string>* warnings) {
  if (tls.ca.empty() && (!tls.certificate.empty() || !tls.key.empty())) {
    return absl::InvalidArgumentError("TLS needs the file of the server's authorities (ca)");
  }
  absl::StatusOr<TlsPems> pems =
      ReadTlsFiles({.certificate = tls.certificate, .key = tls.key, .ca = tls.ca}, absl::Now());
  if (pems.ok() && warnings != nullptr) {
    *warnings = std::move(pems->warnings);
  }
  return pems.status();
}

std::function<std::string()> TokenFromFile(std::string path) {
  struct Last {
    std::mutex mutex;
    std::string token;  // guarded by mutex
  };
  return [path = std::move(path), last = std::make_shared<Last>()] {
    const absl::StatusOr<std::string> content = ReadSecretFile(path, kTokenBytesMax);
    const std::string token = content.ok() ? std::string(absl::StripAsciiWhitespace(*content)) : std::string();
    const std::lock_guard lock(last->mutex);
    if (IsToken(token)) {
      last->token = token;
    }
    return last->token;
  };
}

const ClientOptions& Client::options() const { return impl_->options; }
const std::shared_ptr<grpc::Channel>& Client::channel() const { return impl_->channel; }

}  // namespace weir
