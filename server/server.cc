#include "server/server.h"

#include <fmt/format.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <mutex>
#include <optional>
#include <utility>

#include "base/text.h"
#include "base/uuid.h"
#include "base/version.h"
#include "server/auth/revocation_follower.h"
#include "server/health_watch.h"
#include "server/revocation_keeper.h"
#include "server/rpc/call_list.h"
#include "server/rpc/event_bus_service.h"
#include "server/rpc/grpc_listener.h"
#include "server/rpc/maintenance_service.h"
#include "server/rpc/places.h"
#include "server/rpc/tls_credentials.h"
#include "server/subscribe/waker.h"
#include "server/worker_pool.h"

namespace weir::server {
namespace {

constexpr int kMessageBytesMax = 4 << 20;
// ListEvents calls that wait for the log, or read it; more are answered LOG_UNAVAILABLE with RetryInfo.
constexpr int kListCallsMax = 256;
// Calls of one connection at once; clients hold more back.
constexpr int kConnectionCallsMax = 1'000;

void SetTimestamp(absl::Time time, google::protobuf::Timestamp& out) {
  const int64_t millis = absl::ToUnixMillis(time);
  out.set_seconds(millis / 1000);
  out.set_nanos(static_cast<int32_t>(millis % 1000) * 1'000'000);
}

void SetDuration(absl::Duration duration, google::protobuf::Duration& out) {
  out.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  out.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
}

// The token of a call is the largest thing in its metadata.
constexpr int kMetadataBytesMax = 16 << 10;

// For the answer to a ping, and for the kernel's acknowledgements.
constexpr absl::Duration kKeepaliveTimeout = absl::Seconds(10);

// What one connection may ask of the server. Clients may keep idle connections alive with pings, not oftener than every
// 5 s: the third one too many ends the connection. The server looks after silent ones itself.
void SetConnectionLimits(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMessageBytesMax);
  builder.SetMaxSendMessageSize(kMessageBytesMax);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kConnectionCallsMax);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytesMax);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, 300'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 2);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             static_cast<int>(absl::ToInt64Milliseconds(kKeepaliveTimeout)));
}

// What calls under way have when their connection has reached its age; streams that go on are cut then.
constexpr absl::Duration kConnectionGrace = absl::Seconds(5);

int Millis(absl::Duration duration) {
  return static_cast<int>(std::min<int64_t>(absl::ToInt64Milliseconds(duration), std::numeric_limits<int>::max()));
}

// Both are switches of the whole process, and must be thrown before the first server is built.
void EnablePlugins() {
  static const bool enabled = [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    return true;
  }();
  (void)enabled;
}

}  // namespace

class Server::Impl {
 public:
  Impl(std::unique_ptr<log::LogEngine> log, std::shared_ptr<const EventTypes> types, ServerOptions options)
      : options_(std::move(options)),
        log_(std::move(log)),
        types_(std::move(types)),
        revoked_(std::make_shared<Revocations>("weir", options_.clock)),
        access_(options_.access, options_.on_access_refused, revoked_.get()),
        start_time_(options_.clock()),
        ids_(options_.clock),
        validator_(
            types_, options_.event_bytes_max, [this] { return ids_.Next(); }, options_.clock),
        publish_places_(options_.publish_streams_max),
        subscription_places_(options_.subscriptions_max),
        tail_(options_.tail_bytes_max, log_->bounds().head),
        waker_(log_->bounds().head, MonotonicClock()),
        pool_(options_.read_threads),
        committer_(*log_, CommitOptions()),
        context_{.access = access_,
                 .publish = {.validator = validator_,
                             .committer = committer_,
                             .streams = streams_,
                             .stream_places = publish_places_,
                             .access = access_,
                             .epoch = log_->bounds().epoch,
                             .on_published = options_.on_published},
                 .subscribe = {.subscriptions = {.log = *log_,
                                                 .tail = tail_,
                                                 .waker = waker_,
                                                 .pool = pool_,
                                                 .types = types_,
                                                 .now = MonotonicClock(),
                                                 .counts = counts_},
                               .streams = streams_,
                               .places = subscription_places_,
                               .access = access_},
                 .list = {.log = *log_, .types = types_, .pool = pool_, .access = access_, .places = list_places_},
                 .status = [this](v1::GetStatusResponse& response) { FillStatus(response); }},
        maintenance_context_{
            .access = access_,
            .backup = {.log = *log_, .pool = pool_, .streams = streams_, .places = backup_places_, .access = access_},
            .revoke = {.publish = context_.publish, .clock = options_.clock}},
        service_(context_),
        maintenance_(maintenance_context_),
        revocations_(*log_, committer_, options_.clock),
        health_watch_(*log_, options_.health_check_interval,
                      [this](const absl::Status& status) { OnPoisoned(status); }) {
    // Nobody may call before it has read what is revoked.
    HoldRevocations();
    follower_.emplace(*log_, *revoked_,
                      [this](const RevocationTable& revoked) { streams_.EndRevoked(revoked, options_.clock()); });
    // Before the first Append: retention alone appends before the server listens, and begins after this.
    log_->SetObserver([this](std::span<const log::ChunkPtr> chunks) {
      if (!chunks.empty()) {
        follower_->OnDurable(chunks);
        tail_.Append(chunks);
        waker_.Notify(chunks.back()->last_sequence());
      }
    });
    retention_.emplace(*log_, Retain());
  }

  ~Impl() { Drain(); }

  absl::Status Listen() {
    EnablePlugins();
    std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
    if (!options_.tls.certificate.empty()) {
      absl::StatusOr<std::unique_ptr<TlsCredentials>> tls = TlsCredentials::Open(options_.tls);
      if (!tls.ok()) {
        return tls.status();
      }
      tls_ = *std::move(tls);
      credentials = tls_->ForListener();
    }
    absl::StatusOr<std::unique_ptr<GrpcListener>> listener = GrpcListener::Open(
        {.address = options_.listen, .limits = options_.connections, .unacknowledged_max = kKeepaliveTimeout});
    if (!listener.ok()) {
      return listener.status();
    }
    grpc::ServerBuilder builder;
    acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, credentials);
    builder.RegisterService(&service_);
    builder.RegisterService(&maintenance_);
    builder.SetResourceQuota(grpc::ResourceQuota("weir-server").Resize(options_.grpc_bytes_max));
    SetConnectionLimits(builder);
    if (options_.connection_age_max < absl::InfiniteDuration()) {
      builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, Millis(options_.connection_age_max));
      builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, Millis(kConnectionGrace));
    }
    std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    if (server == nullptr) {
      return absl::InternalError("gRPC does not start");
    }
    {
      const std::lock_guard lock(health_mutex_);
      server_ = std::move(server);
    }
    SetServing(log_->health().ok());
    listener_ = *std::move(listener);
    listener_->Start([this](int fd) {
      grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
      connection.fd = fd;
      acceptor_->HandleNewConnection(&connection);
    });
    return absl::OkStatus();
  }

  void Drain() {
    if (server_ == nullptr) {
      return;
    }
    SetServing(false);
    streams_.Drain();
    committer_.Drain();
    follower_->Stop();  // before what its streams use is gone
    listener_->Stop();  // first: gRPC would leak what is handed over after the other
    server_->Shutdown(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(options_.drain_timeout));
    server_->Wait();
    std::unique_ptr<grpc::Server> ended;  // without the lock
    const std::lock_guard lock(health_mutex_);
    ended = std::move(server_);
  }

  Address address() const { return {.host = options_.listen.host, .port = listener_->port()}; }

  absl::Status Reload(std::shared_ptr<const EventTypes> types, std::shared_ptr<const AccessPolicy> access) {
    // First what can be refused.
    if (absl::Status status = types_.Replace(std::move(types)); !status.ok()) {
      return status;
    }
    if (access_.Replace(std::move(access))) {
      HoldRevocations();
      streams_.Recall();
    }
    return absl::OkStatus();
  }

  absl::Status TokensReadiness() const {
    return access_.policy()->verifier == nullptr ? absl::OkStatus() : revoked_->Readiness();
  }

  std::shared_ptr<prometheus::Collectable> revocation_metrics() const { return revoked_; }

  ServerState state() const {
    const Committer::Refusals queue = committer_.refused();
    return {.log = log_->bounds(),
            .poisoned = !log_->health().ok(),
            .publish_queue_events = committer_.queued_events(),
            .publish_streams = publish_places_.taken(),
            .subscriptions = subscription_places_.taken(),
            .subscriptions_catching_up = counts_.catching_up.load(),
            .tail_bytes = tail_.bytes(),
            .connections = listener_->Counts(),
            .refused = {{"subscriptions_max", subscription_places_.refused()},
                        {"publish_streams_max", publish_places_.refused()},
                        {"publish_queue_events_max", queue.events},
                        {"publish_queue_bytes_max", queue.bytes},
                        {"lists", list_places_.refused()},
                        {"backups", backup_places_.refused()}}};
  }

 private:
  CommitterOptions CommitOptions() {
    CommitterOptions commit;
    commit.queue_events_max = options_.publish_queue_events_max;
    commit.queue_bytes_max = options_.publish_queue_bytes_max;
    commit.on_commit = options_.on_commit;
    commit.on_poisoned = [this](const absl::Status& status) { OnPoisoned(status); };
    return commit;
  }

  RetentionOptions Retain() {
    RetentionOptions retention = options_.retention;
    retention.before_removal = [this](uint64_t& end) { return revocations_.CarryOver(end); };
    return retention;
  }

  // As many as the policy says.
  void HoldRevocations() { revoked_->SetMax(access_.policy()->revocations_max); }

  // Seen by whoever comes first: the committer, or the watch.
  void OnPoisoned(const absl::Status& status) {
    std::call_once(poisoned_, [&] {
      spdlog::error("the log takes no more events until a restart: {}", Message(status));
      SetServing(false);
    });
  }

  void SetServing(bool serving) {
    const std::lock_guard lock(health_mutex_);
    // Once it is not serving, only a restart helps.
    serving_ = serving_ && serving;
    if (server_ != nullptr && server_->GetHealthCheckService() != nullptr) {
      server_->GetHealthCheckService()->SetServingStatus(serving_);
      server_->GetHealthCheckService()->SetServingStatus(v1::EventBus::service_full_name(), serving_);
    }
  }

  void FillStatus(v1::GetStatusResponse& response) const {
    const log::Bounds bounds = log_->bounds();
    response.set_server_version(std::string(Version()));
    SetTimestamp(start_time_, *response.mutable_start_time());
    response.set_epoch(std::string(bounds.epoch.text()));
    response.set_earliest_cursor(Cursor{bounds.epoch, bounds.earliest - 1}.ToString());
    response.set_head_cursor(Cursor{bounds.epoch, bounds.head}.ToString());
    response.set_head_sequence(bounds.head);
    response.set_stored_bytes(bounds.bytes);
    if (options_.retention.policy.age_max > absl::ZeroDuration()) {
      SetDuration(options_.retention.policy.age_max, *response.mutable_retention_age());
    }
    response.set_retention_bytes(options_.retention.policy.bytes_max);
    response.set_schema_version(types_.get().version());
    response.set_subscription_count(subscription_places_.taken());
    response.set_event_bytes_max(static_cast<int32_t>(options_.event_bytes_max));
    response.set_log_engine(std::string(log_->name()));
  }

  // In the order in which things need each other; they end in reverse.
  const ServerOptions options_;
  const std::unique_ptr<log::LogEngine> log_;
  TypesInForce types_;
  const std::shared_ptr<Revocations> revoked_;
  AccessControl access_;
  const absl::Time start_time_;
  UuidGenerator ids_;
  const Validator validator_;
  Places publish_places_;
  Places subscription_places_;
  Places list_places_{kListCallsMax};
  Places backup_places_{1};
  LiveTail tail_;
  SubscriptionCounts counts_;
  CallList streams_;
  std::optional<RevocationFollower> follower_;
  Waker waker_;
  WorkerPool pool_;
  Committer committer_;
  const EventBusContext context_;
  const MaintenanceContext maintenance_context_;
  EventBusService service_;
  MaintenanceService maintenance_;
  std::mutex health_mutex_;
  std::once_flag poisoned_;
  bool serving_ = true;
  std::unique_ptr<TlsCredentials> tls_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<GrpcListener> listener_;  // there from Listen on
  RevocationKeeper revocations_;
  std::optional<Retention> retention_;
  HealthWatch health_watch_;
};

absl::StatusOr<std::unique_ptr<Server>> Server::Start(std::unique_ptr<log::LogEngine> log,
                                                      std::shared_ptr<const EventTypes> types, ServerOptions options) {
  auto impl = std::make_unique<Impl>(std::move(log), std::move(types), std::move(options));
  if (absl::Status status = impl->Listen(); !status.ok()) {
    return status;
  }
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;
Address Server::address() const { return impl_->address(); }
ServerState Server::state() const { return impl_->state(); }
absl::Status Server::TokensReadiness() const { return impl_->TokensReadiness(); }
std::shared_ptr<prometheus::Collectable> Server::revocation_metrics() const { return impl_->revocation_metrics(); }
absl::Status Server::Reload(std::shared_ptr<const EventTypes> types, std::shared_ptr<const AccessPolicy> access) {
  return impl_->Reload(std::move(types), std::move(access));
}
void Server::Drain() { impl_->Drain(); }

}  // namespace weir::server
