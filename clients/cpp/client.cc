#include "weir/client.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "absl/time/clock.h"
#include "base/address.h"
#include "base/secret_file.h"
#include "base/text.h"
#include "base/tls_files.h"
#include "clients/cpp/byte_buffer.h"
#include "clients/cpp/client_impl.h"
#include "fmt/format.h"
#include "grpcpp/client_context.h"

namespace weir {
namespace {

constexpr char kListEvents[] = "/weir.v1.EventBus/ListEvents";

gpr_timespec Deadline(absl::Time deadline) {
  if (deadline == absl::InfiniteFuture()) {
    return gpr_inf_future(GPR_CLOCK_REALTIME);
  }
  const timespec time = absl::ToTimespec(deadline);
  return {time.tv_sec, static_cast<int32_t>(time.tv_nsec), GPR_CLOCK_REALTIME};
}

template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Call(const std::shared_ptr<client::Connection>& connection,
                              const std::unique_ptr<Stub> client::Connection::*stub,
                              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                              const Request& request, absl::Time deadline) {
  grpc::ClientContext context;
  context.set_deadline(Deadline(deadline));
  connection->Authorize(context);
  Response response;
  const grpc::Status status = (((*connection).*stub).get()->*method)(&context, request, &response);
  if (!status.ok()) {
    return connection->Failure(status);
  }
  return response;
}

}  // namespace

// Replaced connections go here and not with their last call, which ends on one of gRPC's threads.
void Client::Impl::SetCredentials(ClientTls tls, std::function<std::string()> token) {
  ClientOptions next_options = options;
  next_options.tls = std::move(tls);
  next_options.token = std::move(token);
  auto next = std::make_shared<client::Connection>(next_options);
  std::vector<std::shared_ptr<client::Connection>> unused;  // destroyed without the lock
  const std::lock_guard<std::mutex> lock(mutex);
  replaced.push_back(std::exchange(current, std::move(next)));
  const auto first_unused = std::partition(replaced.begin(), replaced.end(),
                                           [](const auto& connection) { return connection.use_count() > 1; });
  unused.assign(std::make_move_iterator(first_unused), std::make_move_iterator(replaced.end()));
  replaced.erase(first_unused, replaced.end());
}

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() { impl_->open_calls.WaitForNone(); }

absl::StatusOr<v1::PublishResponse> Client::Publish(const v1::PublishRequest& request, absl::Time deadline) {
  return Call(impl_->connection(), &client::Connection::stub, &v1::EventBus::Stub::Publish, request, deadline);
}

absl::StatusOr<v1::ListEventsResponse> Client::ListEvents(const v1::ListEventsRequest& request, absl::Time deadline) {
  return Call(impl_->connection(), &client::Connection::stub, &v1::EventBus::Stub::ListEvents, request, deadline);
}

absl::StatusOr<v1::GetSchemaResponse> Client::GetSchema(const v1::GetSchemaRequest& request, absl::Time deadline) {
  return Call(impl_->connection(), &client::Connection::stub, &v1::EventBus::Stub::GetSchema, request, deadline);
}

absl::StatusOr<v1::GetStatusResponse> Client::GetStatus(absl::Time deadline) {
  return Call(impl_->connection(), &client::Connection::stub, &v1::EventBus::Stub::GetStatus, v1::GetStatusRequest(),
              deadline);
}

absl::StatusOr<v1::RevokeTokensResponse> Client::RevokeTokens(const v1::RevokeTokensRequest& request,
                                                              absl::Time deadline) {
  return Call(impl_->connection(), &client::Connection::maintenance, &v1::Maintenance::Stub::RevokeTokens, request,
              deadline);
}

void Client::ListEventsRaw(const v1::ListEventsRequest& request, absl::Time deadline,
                           std::function<void(absl::StatusOr<std::string>)> done) {
  struct OpenCall {
    explicit OpenCall(client::OpenCalls& calls) : hold(calls) {}
    client::OpenCalls::Hold hold;
    std::shared_ptr<client::Connection> connection;
    grpc::ClientContext context;
    grpc::ByteBuffer request;
    grpc::ByteBuffer response;
  };
  auto call = std::make_shared<OpenCall>(impl_->open_calls);
  call->connection = impl_->connection();
  call->context.set_deadline(Deadline(deadline));
  call->connection->Authorize(call->context);
  call->request = client::ToByteBuffer(request);
  call->connection->generic.UnaryCall(&call->context, kListEvents, grpc::StubOptions(), &call->request, &call->response,
                                      [call, done = std::move(done)](const grpc::Status& status) {
                                        if (status.ok()) {
                                          done(client::Flatten(call->response));
                                        } else {
                                          done(call->connection->Failure(status));
                                        }
                                      });
}

std::shared_ptr<grpc::Channel> Client::channel() const { return impl_->connection()->channel; }
void Client::Authorize(grpc::ClientContext& context) const { impl_->connection()->Authorize(context); }

void Client::SetCredentials(ClientTls tls, std::function<std::string()> token) {
  impl_->SetCredentials(std::move(tls), std::move(token));
}

absl::Status CheckClientTls(const ClientTls& tls, std::vector<std::string>* warnings) {
  if (tls.ca.empty() && (!tls.certificate.empty() || !tls.key.empty())) {
    return absl::InvalidArgumentError("TLS needs the file of the server's authorities (ca, or --tls-ca)");
  }
  const absl::StatusOr<TlsPems> pems =
      ReadTlsFiles({.certificate = tls.certificate, .key = tls.key, .ca = tls.ca}, absl::Now());
  if (pems.ok() && warnings != nullptr) {
    warnings->insert(warnings->end(), pems->warnings.begin(), pems->warnings.end());
  }
  return pems.status();
}

absl::Status CheckTokenFile(const std::string& file, const std::string& server, const ClientTls& tls,
                            std::vector<std::string>* warnings) {
  if (const absl::Status token = ReadTokenFile(file).status(); !token.ok()) {
    return token;
  }
  const absl::StatusOr<Address> address = ParseAddress(server);
  if (tls.ca.empty() && (!address.ok() || !IsLoopback(*address))) {
    return absl::InvalidArgumentError(fmt::format("{}: a token is not sent to {} without TLS", file, server));
  }
  if (const absl::Status open = CheckPermissions(file, FileHolds::kSecret); !open.ok() && warnings != nullptr) {
    warnings->emplace_back(Message(open));
  }
  return absl::OkStatus();
}

std::function<std::string()> TokenFromFile(std::string path) {
  using Clock = std::chrono::steady_clock;
  struct Last {
    std::mutex mutex;
    std::string token;        // guarded by mutex
    Clock::time_point until;  // guarded by mutex; the file is not looked at before, but for a first token
  };
  return [path = std::move(path), last = std::make_shared<Last>()] {
    {
      const std::lock_guard lock(last->mutex);
      const Clock::time_point now = Clock::now();
      if (now < last->until && !last->token.empty()) {
        return last->token;
      }
      last->until = now + std::chrono::seconds(1);
    }
    absl::StatusOr<std::string> token = ReadTokenFile(path);  // without the lock: who comes meanwhile need not wait
    const std::lock_guard lock(last->mutex);
    if (token.ok()) {
      last->token = *std::move(token);
    }
    return last->token;
  };
}

}  // namespace weir
