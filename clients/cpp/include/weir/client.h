// The C++ client of Weir's EventBus: publish typed events, and read them from any place on, without losing one.
//
//   weir::Client client({.server = "127.0.0.1:50051"});
//   weir::Publisher publisher(client);
//   publisher.Publish({.topic = "vehicles.updates", .payload = update},
//                     [](const weir::PublishOutcome& outcome) { … });
//   publisher.Flush(absl::Now() + absl::Seconds(10));
//
//   weir::Subscriber subscriber(client, {.filters = {"vehicles.>"}}, {.on_events = …});
//
// Threads: every class here may be used from any thread. Callbacks run on gRPC's threads, one at a time per object, and
// must not block. A Client must outlive what is made from it.
#ifndef WEIR_CLIENT_H_
#define WEIR_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "weir/v1/event.pb.h"
#include "weir/v1/event_bus.pb.h"

namespace grpc {
class Channel;
}

namespace weir {

struct ClientOptions {
  // The server's gRPC address, `HOST:PORT`.
  std::string server = "127.0.0.1:50051";
  // Shown in the server's status and metrics: at most 64 bytes of visible ASCII.
  std::string name{};
  // Reconnections wait a random time up to 2^n × min, at most max ("full jitter").
  absl::Duration backoff_min = absl::Milliseconds(100);
  absl::Duration backoff_max = absl::Seconds(10);
  // A silent connection is pinged after this long, and given up when the ping is not answered as long again.
  absl::Duration keepalive = absl::Seconds(10);
};

// A connection to one server. Cheap to make; connects when first used, and again after failures.
class Client {
 public:
  explicit Client(ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Unary calls, each with its own deadline. Errors carry the server's code and message; ErrorReason names the reason.
  absl::StatusOr<v1::PublishResponse> Publish(const v1::PublishRequest& request, absl::Time deadline);
  absl::StatusOr<v1::ListEventsResponse> ListEvents(const v1::ListEventsRequest& request, absl::Time deadline);
  absl::StatusOr<v1::GetSchemaResponse> GetSchema(const v1::GetSchemaRequest& request, absl::Time deadline);
  absl::StatusOr<v1::GetStatusResponse> GetStatus(absl::Time deadline);

  // The wire bytes of a ListEventsResponse, for readers that do not want message objects. `done` runs on a gRPC thread.
  void ListEventsRaw(const v1::ListEventsRequest& request, absl::Time deadline,
                     std::function<void(absl::StatusOr<std::string>)> done);

  const ClientOptions& options() const;
  const std::shared_ptr<grpc::Channel>& channel() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The reason of an error that the server made (`TOPIC_INVALID`), or empty.
std::string ErrorReason(const absl::Status& status);

// An event to publish. `payload` is packed at once; it need not outlive the call.
struct EventToPublish {
  std::string topic;
  // Empty: the client makes a UUIDv7, so that its own retries are recognised.
  std::string id{};
  // Unset: the server's publish time.
  std::optional<absl::Time> time{};
  std::map<std::string, std::string> attributes{};
  const google::protobuf::Message& payload;
};

// What became of an event.
struct PublishOutcome {
  // OK, or why the event was refused for good (a permanent fault), or ABORTED when the publisher was destroyed first.
  absl::Status status;
  v1::PublishAck ack;  // when status is OK
};

struct PublisherOptions {
  // Events and bytes put into one message of the stream; what is waiting is sent at once, so that batches form only
  // under load. At most 1,000 and 3 MiB.
  size_t batch_events_max = 64;
  size_t batch_bytes_max = 512 * 1024;
  // Events and bytes sent or waiting without an answer; beyond it Publish blocks (TryPublish refuses).
  size_t pending_events_max = 16 * 1024;
  size_t pending_bytes_max = 16 * 1024 * 1024;
};

// Publishes over one PublishStream, pipelined and in order. After a transient fault it reconnects and sends again from
// the first unanswered event, with the same event ids: nothing is lost, stored twice or reordered.
class Publisher {
 public:
  using Done = std::function<void(const PublishOutcome&)>;

  explicit Publisher(Client& client, PublisherOptions options = {});
  // Calls the `done` of every unanswered event with ABORTED; Flush first.
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // Takes the event; waits while too much is pending. `done` is called exactly once, in the order of publishing.
  void Publish(const EventToPublish& event, Done done);
  // The same with a complete event; an empty id is filled in.
  void Publish(v1::Event event, Done done);
  // As Publish, but RESOURCE_EXHAUSTED instead of waiting.
  absl::Status TryPublish(v1::Event event, Done done);

  // Waits until every event taken so far is answered. DEADLINE_EXCEEDED when that did not come in time.
  absl::Status Flush(absl::Time deadline);

  // Events taken and not yet answered.
  size_t pending() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

struct SubscriberOptions {
  // 1 to 1,024 topic filters.
  std::vector<std::string> filters;
  // Full names of payload types; empty: all.
  std::vector<std::string> types{};
  // Where to begin the first time. Reconnections go on after the last event given out.
  v1::Start start{};
  v1::GapPolicy gap_policy = v1::GAP_POLICY_ANNOUNCE;
  absl::Duration progress_interval = absl::Seconds(10);
  int32_t batch_events_max = 256;
};

// Everything is called in the order of the log, one call at a time. `bytes` are wire bytes, valid during the call.
struct SubscriberCallbacks {
  // The subscription is in force (again, after a reconnection).
  std::function<void(const v1::SubscriptionStarted&)> on_started;
  // Events, as messages. Set this, or on_batch_bytes.
  std::function<void(const v1::EventBatch&)> on_events;
  // The wire bytes of an EventBatch instead, for readers that do not want message objects; they may be kept.
  std::function<void(std::shared_ptr<const std::string> batch)> on_batch_bytes;
  std::function<void(const v1::Progress&)> on_progress;
  std::function<void(const v1::Gap&)> on_gap;
  // Before the first message to which the new version applies.
  std::function<void(const std::string& schema_version)> on_schema;
  // The stream was lost and will be opened again after `retry_in`.
  std::function<void(const absl::Status&, absl::Duration retry_in)> on_disconnected;
  // The server refused for good (bad filter, expired cursor with GAP_POLICY_FAIL, …): nothing more will come.
  std::function<void(const absl::Status&)> on_failed;
};

// Reads the log from a place on, for ever: reconnects after failures and goes on after the last event given out. Flow
// control holds the server back while a callback runs.
class Subscriber {
 public:
  Subscriber(Client& client, SubscriberOptions options, SubscriberCallbacks callbacks);
  // Ends the stream; no callback runs after it returns. Not from a callback.
  ~Subscriber();
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  // The cursor that a reconnection would go on after; empty before the first `started`.
  std::string cursor() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace weir

#endif  // WEIR_CLIENT_H_
