// A subscriber is a cursor and one stream at a time. Its life is a ring: open a stream, read it until it ends, wait,
// open the next one after the cursor. Exactly one thing is under way at any moment (a stream or a wait), and it holds a
// reference to the state, so that the destructor only has to cancel it and to wait until it is over.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/cursor.h"
#include "clients/cpp/backoff.h"
#include "clients/cpp/byte_buffer.h"
#include "clients/cpp/client_impl.h"
#include "clients/cpp/rpc_status.h"
#include "clients/cpp/subscribe_message.h"
#include "grpcpp/alarm.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/client_callback.h"
#include "weir/client.h"

namespace weir {
namespace {

using client::SubscribeKind;
using client::SubscribeMessage;

constexpr char kSubscribe[] = "/weir.v1.EventBus/Subscribe";
// The same message cannot be read on so many streams in a row: the reader goes on after it.
constexpr int kUnreadableMax = 5;

v1::SubscribeRequest RequestOf(const ClientOptions& client, const SubscriberOptions& options) {
  v1::SubscribeRequest request;
  request.mutable_filters()->Assign(options.filters.begin(), options.filters.end());
  request.mutable_types()->Assign(options.types.begin(), options.types.end());
  *request.mutable_start() = options.start;
  // The word is no place to come back to: a reconnection goes on where the first stream began.
  if (options.start.after_cursor() == kLatestCursor) {
    request.mutable_start()->mutable_latest();
  } else if (options.start.after_cursor() == kEarliestCursor) {
    request.mutable_start()->mutable_earliest();
  }
  request.set_gap_policy(options.gap_policy);
  request.set_max_batch_events(options.batch_events_max);
  request.set_client_name(client.name);
  const int64_t millis = absl::ToInt64Milliseconds(options.progress_interval);
  request.mutable_progress_interval()->set_seconds(millis / 1000);
  request.mutable_progress_interval()->set_nanos(static_cast<int32_t>(millis % 1000) * 1'000'000);
  return request;
}

// Calls `callback` with the body as a message.
template <typename T>
absl::Status Give(const std::function<void(const T&)>& callback, std::string_view body) {
  if (!callback) {
    return absl::OkStatus();
  }
  T message;
  if (!message.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return absl::DataLossError("the server sent a message of a subscription that cannot be read");
  }
  callback(message);
  return absl::OkStatus();
}

// Cuts the message down to its body, in place.
std::shared_ptr<const std::string> Keep(std::string& message, std::string_view body) {
  const auto offset = static_cast<size_t>(body.data() - message.data());
  std::string bytes = std::move(message);
  bytes.resize(offset + body.size());
  bytes.erase(0, offset);
  return std::make_shared<const std::string>(std::move(bytes));
}

}  // namespace

struct Subscriber::Impl : std::enable_shared_from_this<Impl> {
  class Stream;

  Impl(Client::Impl& from, const SubscriberOptions& options, SubscriberCallbacks given)
      : owner(from),
        callbacks(std::move(given)),
        request(RequestOf(from.options, options)),
        gap_policy(options.gap_policy),
        refused_retry(options.refused_retry),
        lasting(absl::ToChronoNanoseconds(from.options.backoff_max)),
        backoff(from.options.backoff_min, from.options.backoff_max, from.options.random),
        cursor(request.start().after_cursor()) {}

  void Open();
  absl::Status Handle(std::string bytes);
  absl::Status Dispatch(const SubscribeMessage& message, std::string& bytes);
  void MoveCursor(SubscribeKind kind, std::string to);
  absl::Status PassUnreadable();
  // `own`: the status is this side's; it could not use what the server sent.
  void OnStreamEnd(absl::Status status, bool own);
  void End();
  void Stop();

  // Used by one of the stream's or the wait's calls at a time.
  Client::Impl& owner;
  const SubscriberCallbacks callbacks;
  v1::SubscribeRequest request;
  const v1::GapPolicy gap_policy;
  const absl::Duration refused_retry;
  const std::chrono::nanoseconds lasting;  // a stream that held so long was a good one
  client::Backoff backoff;
  std::string schema_version;
  std::chrono::steady_clock::time_point opened;
  bool moved = false;       // the stream brought the reader on
  int unreadable = 0;       // streams in a row that ended at the same message, which could not be read
  std::string message_end;  // the cursor of the message at hand; empty when it has none
  std::string head;         // the log's, as the stream said when it started

  mutable std::mutex mutex;
  std::condition_variable ended_changed;
  std::string cursor;                 // guarded by mutex
  bool stopping = false;              // guarded by mutex
  bool ended = false;                 // guarded by mutex: nothing is under way, and nothing will be
  Stream* stream = nullptr;           // guarded by mutex; deletes itself after it took itself out of here
  std::unique_ptr<grpc::Alarm> wait;  // guarded by mutex
};

// Reads one stream to its end. The next message is asked for when the callbacks of the last one have returned.
class Subscriber::Impl::Stream final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit Stream(std::shared_ptr<Impl> impl)
      : hold_(impl->owner.open_calls),
        impl_(std::move(impl)),
        connection_(impl_->owner.connection()),
        request_(client::ToByteBuffer(impl_->request)) {}

  void Start() {
    connection_->Authorize(context_);
    connection_->generic.PrepareBidiStreamingCall(&context_, kSubscribe, grpc::StubOptions(), this);
    StartWriteLast(&request_, grpc::WriteOptions());
    StartRead(&response_);
    StartCall();
  }

  void Cancel() { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (!ok) {
      return;
    }
    std::string bytes = client::Flatten(response_);
    response_.Clear();
    error_ = impl_->Handle(std::move(bytes));
    if (error_.ok()) {
      StartRead(&response_);
    } else {
      context_.TryCancel();
    }
  }

  void OnDone(const grpc::Status& status) override {
    impl_->OnStreamEnd(error_.ok() ? connection_->Failure(status) : error_, !error_.ok());
    delete this;
  }

 private:
  const client::OpenCalls::Hold hold_;
  const std::shared_ptr<Impl> impl_;
  const std::shared_ptr<client::Connection> connection_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  absl::Status error_;
};

void Subscriber::Impl::Open() {
  const std::lock_guard<std::mutex> lock(mutex);
  wait.reset();  // it holds its callback, which holds this
  if (stopping) {
    End();
    return;
  }
  if (!cursor.empty()) {
    request.mutable_start()->set_after_cursor(cursor);
  }
  opened = std::chrono::steady_clock::now();
  moved = false;
  stream = new Stream(shared_from_this());
  stream->Start();
}

absl::Status Subscriber::Impl::Handle(std::string bytes) {
  message_end.clear();
  const absl::StatusOr<SubscribeMessage> message = client::ReadSubscribeMessage(bytes);
  if (!message.ok()) {
    return message.status();
  }
  message_end = message->cursor;
  if (!message->schema_version.empty() && message->schema_version != schema_version) {
    std::string version(message->schema_version);
    if (callbacks.on_schema) {
      if (absl::Status status = callbacks.on_schema(version); !status.ok()) {
        return status;
      }
    }
    schema_version = std::move(version);
  }
  const SubscribeKind kind = message->kind;
  if (absl::Status status = Dispatch(*message, bytes); !status.ok()) {
    return status;
  }
  MoveCursor(kind, message_end);
  return absl::OkStatus();
}

absl::Status Subscriber::Impl::Dispatch(const SubscribeMessage& message, std::string& bytes) {
  switch (message.kind) {
    case SubscribeKind::kStarted:
      return Give<v1::SubscriptionStarted>(
          [this](const v1::SubscriptionStarted& started) {
            const std::optional<Epoch> epoch = Epoch::Parse(started.epoch());
            head = epoch ? Cursor{*epoch, started.head_sequence()}.ToString() : "";
            if (callbacks.on_started) {
              callbacks.on_started(started);
            }
          },
          message.body);
    case SubscribeKind::kBatch:
      if (callbacks.on_batch_bytes) {
        return callbacks.on_batch_bytes(Keep(bytes, message.body));
      }
      return Give(callbacks.on_events, message.body);
    case SubscribeKind::kProgress:
      return Give(callbacks.on_progress, message.body);
    case SubscribeKind::kGap:
      return Give(callbacks.on_gap, message.body);
  }
  return absl::OkStatus();
}

void Subscriber::Impl::MoveCursor(SubscribeKind kind, std::string to) {
  // `started` says where reading goes on, but nothing up to there has been given out yet: a gap or a snapshot may come
  // first, and a stream that broke before it must come to it again. Only a reader of what is new begins right there.
  const bool reads_latest = request.start().position_case() == v1::Start::kLatest ||
                            request.start().position_case() == v1::Start::POSITION_NOT_SET;
  if (kind != SubscribeKind::kStarted || reads_latest) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (kind != SubscribeKind::kStarted && cursor != to) {
      moved = true;
      unreadable = 0;
    }
    cursor = std::move(to);
  }
}

// Goes on after a message that could not be read, again and again, and says so. OK also when there is no place known to
// go on at: then the next stream will tell, or be readable.
absl::Status Subscriber::Impl::PassUnreadable() {
  const std::string& past = message_end.empty() ? head : message_end;
  const std::optional<Cursor> from = Cursor::Parse(cursor);
  const std::optional<Cursor> to = Cursor::Parse(past);
  if (!to || (from && from->epoch == to->epoch && to->sequence <= from->sequence)) {
    return absl::OkStatus();
  }
  if (gap_policy == v1::GAP_POLICY_FAIL) {
    return absl::DataLossError("what the server sends cannot be read");
  }
  v1::Gap gap;
  gap.set_reason(v1::Gap::REASON_UNRENDERABLE);
  gap.set_requested_cursor(cursor);
  gap.set_resume_cursor(past);
  if (callbacks.on_gap) {
    callbacks.on_gap(gap);
  }
  MoveCursor(SubscribeKind::kGap, past);
  return absl::OkStatus();
}

void Subscriber::Impl::OnStreamEnd(absl::Status status, bool own) {
  if (status.ok()) {
    status = absl::UnavailableError("the server ended the stream");
  }
  {
    const std::lock_guard<std::mutex> lock(mutex);
    stream = nullptr;
    if (stopping) {
      End();
      return;
    }
  }
  // A stream that starts and ends, again and again, is no success.
  if (moved || std::chrono::steady_clock::now() - opened >= lasting) {
    backoff.Reset();
  }
  bool failed = !own && client::IsPermanent(status);
  if (own && absl::IsDataLoss(status) && ++unreadable >= kUnreadableMax) {
    if (absl::Status passed = PassUnreadable(); !passed.ok()) {
      status = std::move(passed);
      failed = true;
    }
  }
  const absl::Duration retry_in = backoff.Next() + (failed ? refused_retry : client::RetryDelay(status));
  if (failed && callbacks.on_failed) {
    callbacks.on_failed(status);
  } else if (!failed && callbacks.on_disconnected) {
    callbacks.on_disconnected(status, retry_in);
  }
  const std::lock_guard<std::mutex> lock(mutex);
  if (stopping || retry_in == absl::InfiniteDuration()) {
    End();
    return;
  }
  wait = std::make_unique<grpc::Alarm>();
  wait->Set(absl::ToChronoTime(absl::Now() + retry_in), [self = shared_from_this()](bool) { self->Open(); });
}

// The mutex is held.
void Subscriber::Impl::End() {
  ended = true;
  ended_changed.notify_all();
}

void Subscriber::Impl::Stop() {
  std::unique_lock<std::mutex> lock(mutex);
  stopping = true;
  if (stream != nullptr) {
    stream->Cancel();
  }
  if (wait != nullptr) {
    wait->Cancel();
  }
  ended_changed.wait(lock, [this] { return ended; });
}

Subscriber::Subscriber(Client& client, SubscriberOptions options, SubscriberCallbacks callbacks)
    : impl_(std::make_shared<Impl>(*client.impl_, options, std::move(callbacks))) {
  impl_->Open();
}

Subscriber::~Subscriber() { impl_->Stop(); }

std::string Subscriber::cursor() const {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  return impl_->cursor;
}

}  // namespace weir
