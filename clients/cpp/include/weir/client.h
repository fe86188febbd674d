// The C++ client of Weir's EventBus: publish typed events, and read them from any place on, without losing one.
//
//   weir::Client client({.server = "127.0.0.1:50051", .name = "cars"});
//
//   weir::Publisher publisher(client);
//   publisher.Publish({.topic = "vehicles.updates", .payload = update},
//                     [](const weir::PublishOutcome& outcome) {
//                       if (!outcome.status.ok()) { … }  // refused for good; ErrorReason(outcome.status) says why
//                     });
//   absl::Status all_answered = publisher.Flush(absl::Now() + absl::Seconds(10));
//
//   weir::SubscriberOptions options;
//   options.filters = {"vehicles.>"};
//   options.start.set_after_cursor(saved_cursor);  // or mutable_earliest(), mutable_last_per_topic(), …
//   weir::SubscriberCallbacks callbacks;
//   callbacks.on_events = [](const weir::v1::EventBatch& batch) { … };
//   weir::Subscriber subscriber(client, options, callbacks);
//
// example/ holds both as whole programs.
//
// Threads: every class here may be used from any thread. Callbacks run on gRPC's threads, one at a time per object, and
// may begin before the constructor has returned. They should be short: what comes next waits for them.
// Ownership: a Client must outlive what is made from it. Errors are values; nothing here throws.
// Faults: a lost connection, a restarting server or a full one (UNAVAILABLE, RESOURCE_EXHAUSTED, …) is transient:
// publishers and subscribers try again by themselves, for ever, and lose nothing. What the same call would meet again
// (INVALID_ARGUMENT, PERMISSION_DENIED, UNIMPLEMENTED, …) is permanent, and is reported at once.
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
#include "weir/v1/maintenance.pb.h"

namespace grpc {
class Channel;
class ClientContext;
}  // namespace grpc

namespace weir {

// PEM files for TLS; relative paths are the process's. They are read again when they were replaced, for new
// connections.
struct ClientTls {
  // The authorities that the server's certificate must come from. Empty: no TLS. The server's certificate must hold the
  // host of ClientOptions::server.
  std::string ca{};
  // The client's own certificate, with the intermediate ones behind it, and its key, for a server that asks for one
  // (mTLS).
  std::string certificate{};
  std::string key{};

  friend bool operator==(const ClientTls&, const ClientTls&) = default;
};

// Whether the files can be used: INVALID_ARGUMENT, or the operating system's error, names the file and what is wrong. A
// Client with files that cannot be used does not connect, until they can. To `warnings`, which may be null, is added: a
// key that others may read, a certificate whose time is over.
absl::Status CheckClientTls(const ClientTls& tls, std::vector<std::string>* warnings = nullptr);

// Whether the file holds a token, and the token would stay secret: INVALID_ARGUMENT, or the operating system's error,
// names the file and what is wrong. To `warnings`, which may be null, is added: others may read the file.
absl::Status CheckTokenFile(const std::string& file, const std::string& server, const ClientTls& tls,
                            std::vector<std::string>* warnings = nullptr);

// For ClientOptions::token: the file's content without white space at its ends, read anew by calls, once a second at
// most, so that another program can renew it. While the file cannot be read, or holds anything but one word of visible
// ASCII, the token is the one that was there before; empty when there was none. The function is for any thread.
std::function<std::string()> TokenFromFile(std::string path);

struct ClientOptions {
  // The server's gRPC address, `HOST:PORT`.
  std::string server = "127.0.0.1:50051";
  // Unset: no TLS, as on the loopback address.
  ClientTls tls{};
  // Gives the token (JWT) that each call shows, for a server that asks for one. Called by any thread at each call's
  // beginning, and must not call back; a stream ends when its token is over, and is opened again with the next. It is
  // secret: without TLS it is shown to a server on a loopback address alone, by its number or as `localhost`.
  std::function<std::string()> token{};
  // Shown in the server's status and metrics: at most 64 bytes of visible ASCII.
  std::string name{};
  // Reconnections wait a random time up to 2^n × min, at most up to max ("full jitter"): clients that lost one server
  // at one moment come back spread out. When the server says how long to leave it alone (google.rpc.RetryInfo), that
  // comes on top, at most a minute of it.
  absl::Duration backoff_min = absl::Milliseconds(100);
  absl::Duration backoff_max = absl::Seconds(2);
  // Of the jitter: numbers in [0, 1), asked for by one thread at a time per publisher or subscriber. Default: the
  // client's own generator.
  std::function<double()> random{};
  // A silent connection is pinged after this long, and given up when the ping is not answered as long again.
  absl::Duration keepalive = absl::Seconds(10);
};

// A connection to one server. Cheap to make; connects when first used, and again after failures.
class Client {
 public:
  explicit Client(ClientOptions options);
  // Waits for the calls of ListEventsRaw. Not from a callback.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Unary calls, each with its own deadline; they wait for the answer and try once. Errors carry the server's code and
  // message; ErrorReason names the reason. Publish stores a batch at once; for a flow of events use a Publisher.
  absl::StatusOr<v1::PublishResponse> Publish(const v1::PublishRequest& request, absl::Time deadline);
  absl::StatusOr<v1::ListEventsResponse> ListEvents(const v1::ListEventsRequest& request, absl::Time deadline);
  absl::StatusOr<v1::GetSchemaResponse> GetSchema(const v1::GetSchemaRequest& request, absl::Time deadline);
  absl::StatusOr<v1::GetStatusResponse> GetStatus(absl::Time deadline);
  // Takes tokens (JWT) back before their time, by the server's clock: every edge of the server refuses them, and ends
  // their streams, within a second of the answer. The caller needs `revoke: true` in the server's rules of access.
  // After an error that is no refusal call again: doing it twice does no harm.
  absl::StatusOr<v1::RevokeTokensResponse> RevokeTokens(const v1::RevokeTokensRequest& request, absl::Time deadline);

  // The wire bytes of a ListEventsResponse, for readers that do not want message objects. `done` runs on a gRPC thread.
  void ListEventsRaw(const v1::ListEventsRequest& request, absl::Time deadline,
                     std::function<void(absl::StatusOr<std::string>)> done);

  // Calls that begin later use another connection, with these instead of ClientOptions::tls and token. Those that are
  // open go on over theirs: no stream ends. Not from a callback.
  void SetCredentials(ClientTls tls, std::function<std::string()> token);

  // For calls of your own, which end before the Client does.
  std::shared_ptr<grpc::Channel> channel() const;
  // Shows the token.
  void Authorize(grpc::ClientContext& context) const;

 private:
  friend class Publisher;
  friend class Subscriber;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The reason of an error that the server made (`TOPIC_INVALID`: weir.v1.ErrorReason without its prefix), or empty.
std::string ErrorReason(const absl::Status& status);

// An event to publish. Everything is copied at once; nothing need outlive the call.
struct EventToPublish {
  // Where it happened: `vehicles.updates`, 1 to 16 tokens of `[A-Za-z0-9_-]+`.
  std::string topic;
  // Unique per topic: an event with an id that the server has seen is stored once. Empty: the client makes a UUIDv7, so
  // that its own retries are recognised. Give an id of your own when your process may try again after a crash.
  std::string id{};
  // When it happened, by your clock. Unset: the server's publish time.
  std::optional<absl::Time> time{};
  // At most 16, keys `[a-z][a-z0-9_]{0,31}`. Browsers see those that a route names.
  std::map<std::string, std::string> attributes{};
  // A message whose type carries `option (weir.v1.event)` and is known to the server.
  const google::protobuf::Message& payload;
};

// What became of an event.
struct PublishOutcome {
  // OK: the event is durable. Otherwise why it was refused for good, or ABORTED when the publisher was destroyed first:
  // then the event may have been stored or not.
  absl::Status status;
  // When status is OK.
  v1::PublishAck ack;
};

struct PublisherOptions {
  // Events and bytes put into one message of the stream. What is waiting is sent at once, so that batches form only
  // under load. At most 1,000 and 3 MiB. Larger batches than 64 are not faster.
  size_t batch_events_max = 64;
  size_t batch_bytes_max = 512 * 1024;
  // Events and bytes sent or waiting without an answer; beyond it Publish waits, and TryPublish refuses. This is also
  // what an outage of the server can make a publisher hold.
  size_t pending_events_max = 16 * 1024;
  size_t pending_bytes_max = 16 * 1024 * 1024;
  // The stream was lost while events were unanswered, and will be opened again after `retry_in`. May be empty.
  std::function<void(const absl::Status&, absl::Duration retry_in)> on_disconnected{};
};

// Publishes over one PublishStream, pipelined and in order. After a transient fault it reconnects and sends again from
// the first unanswered event, with the same event ids: nothing is lost, stored twice or reordered. A permanent refusal
// of the whole stream fails the events that were sent on it; those behind them are tried on the next stream. One core
// carries some hundred thousand small events a second.
class Publisher {
 public:
  using Done = std::function<void(const PublishOutcome&)>;

  explicit Publisher(Client& client, PublisherOptions options = {});
  // Calls the `done` of every unanswered event with ABORTED; Flush first. Not from a callback.
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // Takes the event; waits while too much is pending, so do not call it from a `done`. `done` (may be empty) is called
  // exactly once, in the order of publishing; for an event above 3 MiB with INVALID_ARGUMENT, possibly before this
  // returns.
  void Publish(const EventToPublish& event, Done done = {});
  // The same with a complete event; an empty id is filled in.
  void Publish(v1::Event event, Done done = {});
  // As Publish, but RESOURCE_EXHAUSTED instead of waiting, and INVALID_ARGUMENT for an event above 3 MiB: then `done`
  // is not called. May be called from a `done`.
  absl::Status TryPublish(v1::Event event, Done done = {});

  // Waits until every event taken so far is answered: OK even when some were refused, for each `done` has said so.
  // DEADLINE_EXCEEDED when that did not come in time; the events stay pending. Not from a `done`.
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
  // Where to begin the first time; unset means latest. Reconnections go on after the last event given out.
  v1::Start start{};
  // When the server no longer has what comes after the cursor: on_gap and go on, or on_failed with OUT_OF_RANGE.
  v1::GapPolicy gap_policy = v1::GAP_POLICY_ANNOUNCE;
  // How often an idle stream says how far the log was read: 1 s to 5 min, both included.
  absl::Duration progress_interval = absl::Seconds(10);
  // Events in one batch: 1 to 1,000.
  int32_t batch_events_max = 256;
  // How long after a refusal for good (on_failed) it is tried again: for a reader that nobody restarts. Default: never.
  absl::Duration refused_retry = absl::InfiniteDuration();
};

// Everything is called in the order of the log, one call at a time. Any of them may be empty. To survive a restart of
// your process, save the last cursor that you have dealt with: an event's, a progress', or a gap's resume_cursor.
struct SubscriberCallbacks {
  // The subscription is in force (again, after a reconnection).
  std::function<void(const v1::SubscriptionStarted&)> on_started;
  // Events, as messages; valid during the call. Not called when on_batch_bytes is set.
  std::function<void(const v1::EventBatch&)> on_events;
  // The wire bytes of an EventBatch instead, for readers that do not want message objects; they may be kept. An error
  // says that the batch was not taken whole: the stream is opened again after the last one that was. DATA_LOSS says
  // that the batch cannot be read: see on_gap.
  std::function<absl::Status(std::shared_ptr<const std::string> batch)> on_batch_bytes;
  // Everything that matches up to this cursor was given out; `caught_up` marks the end of a replay or snapshot.
  std::function<void(const v1::Progress&)> on_progress;
  // Events are missing before what comes next: fetch your state anew. The server says so, or the client itself, with
  // REASON_UNRENDERABLE: the same message of the server could not be read on five streams in a row. It goes on after
  // that message, or, where not even its cursor can be read, at the log's head.
  std::function<void(const v1::Gap&)> on_gap;
  // The descriptors changed (see GetSchema). Called before the first message to which the new version applies. An error
  // says that this reader cannot go on without them: the stream is opened again later, and the change told again.
  std::function<absl::Status(const std::string& schema_version)> on_schema;
  // The stream was lost and will be opened again after `retry_in`.
  std::function<void(const absl::Status&, absl::Duration retry_in)> on_disconnected;
  // The server refused for good (bad filter, expired cursor with GAP_POLICY_FAIL, …): nothing more will come, unless
  // `refused_retry` is set.
  std::function<void(const absl::Status&)> on_failed;
};

// Reads the log from a place on, for ever: reconnects after failures and goes on after the last event given out, so
// that each event comes once. Flow control holds the server back while a callback runs: a slow reader loses nothing.
class Subscriber {
 public:
  Subscriber(Client& client, SubscriberOptions options, SubscriberCallbacks callbacks);
  // Ends the stream; no callback runs after it returns. Not from a callback.
  ~Subscriber();
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  // The cursor that a reconnection would go on after: the last one whose callback has returned. Empty while nothing was
  // given out and `start` held none.
  std::string cursor() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace weir

#endif  // WEIR_CLIENT_H_
