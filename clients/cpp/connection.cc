#include "clients/cpp/connection.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "base/address.h"
#include "base/text.h"
#include "clients/cpp/rpc_status.h"
#include "fmt/format.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "grpcpp/support/channel_arguments.h"

namespace weir::client {
namespace {

// The contract's bound of a message in either direction.
constexpr int kMessageBytesMax = 4 * 1024 * 1024;
// How often the files of TLS are looked at.
constexpr unsigned kTlsLookSeconds = 2;

int Millis(absl::Duration duration) {
  return static_cast<int>(std::clamp<int64_t>(absl::ToInt64Milliseconds(duration), 1, INT32_MAX));
}

bool IsOnThisMachine(const std::string& server) {
  const absl::StatusOr<Address> address = ParseAddress(server);
  return address.ok() && IsLoopback(*address);
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
  if (IsOnThisMachine(options.server)) {
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // whatever `http_proxy` says: what goes there is in clear
  }
  return arguments;
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

// Visible ASCII, and some of it.
bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace

Connection::Connection(const ClientOptions& client_options)
    : options(client_options),
      channel(grpc::CreateCustomChannel(options.server, Credentials(options.tls), Arguments(options))),
      stub(v1::EventBus::NewStub(channel)),
      maintenance(v1::Maintenance::NewStub(channel)),
      generic(channel),
      may_show_token_(!options.tls.ca.empty() || IsOnThisMachine(options.server)) {}

void Connection::Authorize(grpc::ClientContext& context) const {
  if (!may_show_token_) {
    return;  // in clear, to another machine
  }
  // gRPC ends the process over a byte that a header cannot have. A server says what is missing.
  if (const std::string token = options.token ? options.token() : std::string(); IsToken(token)) {
    context.AddMetadata("authorization", "Bearer " + token);
  }
}

absl::Status Connection::Failure(const grpc::Status& status) const {
  if (!may_show_token_ && options.token && status.error_code() == grpc::StatusCode::UNAUTHENTICATED) {
    return FromGrpc(
        {status.error_code(),
         fmt::format("{}; the token is not shown to {} without TLS", status.error_message(), options.server),
         status.error_details()});
  }
  absl::Status failure = FromGrpc(status);
  const std::string reason = ReasonOfNoConnection(failure, options.tls);
  return reason.empty() ? failure : absl::UnavailableError(fmt::format("{}; {}", Message(failure), reason));
}

std::string ReasonOfNoConnection(const absl::Status& failure, const ClientTls& tls) {
  if (!absl::IsUnavailable(failure) || !absl::StartsWith(failure.message(), "failed to connect")) {
    return {};
  }
  if (const absl::Status files = CheckClientTls(tls); !files.ok()) {
    return std::string(Message(files));
  }
  if (absl::StrContains(failure.message(), "wrong version number")) {
    return "perhaps the server does not speak TLS";
  }
  if (absl::StrContains(failure.message(), "certificate verify failed")) {
    return fmt::format("the server's certificate is over, or of none of the authorities in {}", tls.ca);
  }
  // A server that does not like the client's certificate closes the connection, and says nothing that gRPC would tell.
  if (!absl::StrContains(failure.message(), "Socket closed")) {
    return {};
  }
  if (tls.ca.empty()) {
    return "perhaps the server speaks TLS, which is not used here";
  }
  return tls.certificate.empty() ? "perhaps the server asks for a certificate, and none is shown"
                                 : fmt::format("perhaps the server refuses the certificate in {}", tls.certificate);
}

}  // namespace weir::client
