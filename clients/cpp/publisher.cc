// A publisher is a queue of unanswered events and at most one stream. While something is unanswered, exactly one of two
// things is under way: a stream, or the wait for the next one. A stream sends the queue in order, one write at a time;
// what comes meanwhile forms the next batch. Answers come in the same order and take events off the front. When a
// stream ends, what it had sent and what was not answered is sent again on the next: the same bytes, so the same ids.
//
// Callbacks run without the mutex. Their order needs no lock of its own: answers come from one stream's reads, one
// stream lives at a time, and an event that was refused here is answered only while it is at the front, when nothing is
// in flight.
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "clients/cpp/backoff.h"
#include "clients/cpp/byte_buffer.h"
#include "clients/cpp/client_impl.h"
#include "clients/cpp/event_bytes.h"
#include "clients/cpp/publish_queue.h"
#include "clients/cpp/publish_results.h"
#include "clients/cpp/rpc_status.h"
#include "fmt/format.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/alarm.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/client_callback.h"
#include "weir/client.h"

namespace weir {
namespace {

using client::PublishQueue;
using client::PublishResults;

constexpr char kPublishStream[] = "/weir.v1.EventBus/PublishStream";

absl::Status TooLarge() {
  google::rpc::ErrorInfo info;
  info.set_domain("weir");
  info.set_reason("EVENT_TOO_LARGE");
  (*info.mutable_metadata())["limit"] = std::to_string(PublishQueue::kEventBytesMax);
  google::rpc::Status status;
  status.set_code(static_cast<int>(absl::StatusCode::kInvalidArgument));
  status.set_message(
      fmt::format("the event is larger than the {} bytes that one message may hold", PublishQueue::kEventBytesMax));
  status.add_details()->PackFrom(info);
  return client::FromRpc(status);
}

bool IsTooLarge(const std::string& event) { return event.size() > PublishQueue::kEventBytesMax; }

}  // namespace

struct Publisher::Impl : std::enable_shared_from_this<Impl> {
  class Stream;
  using Lock = std::unique_lock<std::mutex>;

  Impl(Client::Impl& from, const PublisherOptions& options)
      : owner(from),
        on_disconnected(options.on_disconnected),
        backoff(from.options.backoff_min, from.options.backoff_max, from.options.random),
        queue(options) {}

  void Take(Lock& lock, std::string event, Done done);
  void Open(Lock& lock);
  void Pump(Lock& lock);
  bool OnAnswers(std::string_view bytes, uint64_t& answered_on_stream);
  void OnStreamEnd(absl::Status status);
  void Answer(Lock& lock, size_t count, const absl::Status& status);
  void Answered(size_t count);
  void AnswerRefused(Lock& lock);
  void End();
  void Stop();

  Client::Impl& owner;
  const std::function<void(const absl::Status&, absl::Duration)> on_disconnected;

  // All below is guarded by the mutex.
  mutable std::mutex mutex;
  std::condition_variable answered_changed;  // room, Flush
  std::condition_variable ended_changed;     // Stop
  client::Backoff backoff;
  PublishQueue queue;
  uint64_t taken = 0;
  uint64_t answered = 0;
  bool under_way = false;  // a stream or a wait
  bool stopping = false;
  bool answering_refused = false;  // a thread is in the callback of the refused event at the front
  Stream* stream = nullptr;        // deletes itself after it took itself out of here
  std::unique_ptr<grpc::Alarm> wait;
};

// One PublishStream. `writing` and `broken` are guarded by the publisher's mutex. A hold keeps the call from being done
// while a write may still be started: it is given back when the stream is broken and no write is in flight.
class Publisher::Impl::Stream final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit Stream(std::shared_ptr<Impl> impl)
      : hold_(impl->owner.open_calls), impl_(std::move(impl)), connection_(impl_->owner.connection()) {}

  void Start(std::string first_batch) {
    connection_->Authorize(context_);
    connection_->generic.PrepareBidiStreamingCall(&context_, kPublishStream, grpc::StubOptions(), this);
    AddHold();
    Write(std::move(first_batch));
    StartRead(&response_);
    StartCall();
  }

  void Write(std::string batch) {
    request_ = client::ToByteBuffer(std::move(batch));
    StartWrite(&request_);
  }

  void Cancel() { context_.TryCancel(); }

  void OnWriteDone(bool ok) override {
    Lock lock(impl_->mutex);
    writing = false;
    broken = broken || !ok;
    if (!broken) {
      impl_->Pump(lock);
    } else {
      ReleaseHold();
    }
  }

  void OnReadDone(bool ok) override {
    if (ok) {
      const std::string bytes = client::Flatten(response_);
      response_.Clear();
      if (impl_->OnAnswers(bytes, answered_)) {
        StartRead(&response_);
        return;
      }
      violated_ = true;
      context_.TryCancel();
    }
    const Lock lock(impl_->mutex);
    broken = true;
    if (!writing) {
      ReleaseHold();
    }
  }

  void OnDone(const grpc::Status& status) override {
    impl_->OnStreamEnd(violated_ ? absl::DataLossError("the server's answers do not fit what was sent")
                                 : connection_->Failure(status));
    delete this;
  }

  bool writing = true;  // the first batch
  bool broken = false;

 private:
  void ReleaseHold() {
    if (holding_) {
      holding_ = false;
      RemoveHold();
    }
  }

  const client::OpenCalls::Hold hold_;
  const std::shared_ptr<Impl> impl_;
  const std::shared_ptr<client::Connection> connection_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  uint64_t answered_ = 0;  // events of this stream
  bool holding_ = true;
  bool violated_ = false;
};

void Publisher::Impl::Take(Lock& lock, std::string event, Done done) {
  ++taken;
  if (IsTooLarge(event)) {
    queue.PushRefused(std::move(done));
    if (queue.size() == 1) {
      AnswerRefused(lock);
    }
  } else {
    queue.Push(std::move(event), std::move(done));
  }
  if (!under_way && queue.size() > 0 && !queue.front_is_refused()) {
    Open(lock);
  } else {
    Pump(lock);
  }
}

// Something is to be sent, and nothing is under way.
void Publisher::Impl::Open(Lock&) {
  under_way = true;
  stream = new Stream(shared_from_this());
  stream->Start(queue.TakeBatch());
}

void Publisher::Impl::Pump(Lock& lock) {
  if (stream == nullptr || stream->writing || stream->broken) {
    return;
  }
  std::string batch = queue.TakeBatch();
  if (batch.empty()) {
    return;
  }
  stream->writing = true;
  Stream* const writer = stream;
  // The write may be done, and the stream with it, before the call that starts it has returned on this thread.
  writer->AddHold();
  lock.unlock();
  writer->Write(std::move(batch));
  writer->RemoveHold();
  lock.lock();
}

// False when the answers are not those to the next events of the stream.
bool Publisher::Impl::OnAnswers(std::string_view bytes, uint64_t& answered_on_stream) {
  PublishResults results;
  if (!client::ReadPublishResults(bytes, results) || results.first_index != answered_on_stream) {
    return false;
  }
  const size_t count = results.results.size();
  std::vector<Done> done;
  {
    const Lock lock(mutex);
    if (count > queue.sent()) {
      return false;
    }
    backoff.Reset();
    done = queue.TakeDone(count);
  }
  answered_on_stream += count;
  PublishOutcome outcome;
  for (size_t i = 0; i < count; ++i) {
    if (done[i]) {
      client::SetOutcome(results.results[i], outcome);
      done[i](outcome);
    }
  }
  Lock lock(mutex);
  Answered(count);
  AnswerRefused(lock);
  Pump(lock);
  return true;
}

// Calls the first `count` events' callbacks with one error.
void Publisher::Impl::Answer(Lock& lock, size_t count, const absl::Status& status) {
  const std::vector<Done> done = queue.TakeDone(count);
  PublishOutcome outcome;
  outcome.status = status;
  lock.unlock();
  for (const Done& callback : done) {
    if (callback) {
      callback(outcome);
    }
  }
  lock.lock();
  Answered(count);
}

// The first `count` events' callbacks have run.
void Publisher::Impl::Answered(size_t count) {
  queue.Pop(count);
  answered += count;
  answered_changed.notify_all();
}

void Publisher::Impl::AnswerRefused(Lock& lock) {
  // Another thread may be in the callback of the event at the front: then it goes on behind it.
  while (!answering_refused && queue.front_is_refused()) {
    answering_refused = true;
    Answer(lock, 1, TooLarge());
    answering_refused = false;
  }
}

void Publisher::Impl::OnStreamEnd(absl::Status status) {
  if (status.ok()) {
    status = absl::UnavailableError("the server ended the stream");
  }
  Lock lock(mutex);
  stream = nullptr;
  if (client::IsPermanent(status) && !stopping) {
    Answer(lock, queue.sent(), status);
    AnswerRefused(lock);
  }
  queue.Rewind();
  if (stopping || queue.size() == 0) {
    End();
    return;
  }
  const absl::Duration retry_in = client::RetryDelay(status) + backoff.Next();
  if (on_disconnected) {
    lock.unlock();
    on_disconnected(status, retry_in);
    lock.lock();
    if (stopping) {
      End();
      return;
    }
  }
  wait = std::make_unique<grpc::Alarm>();
  wait->Set(absl::ToChronoTime(absl::Now() + retry_in), [self = shared_from_this()](bool) {
    Lock open_lock(self->mutex);
    self->wait.reset();  // it holds this callback, which holds the publisher
    // Nothing to send: the rest were refused here. Who answers the last of them opens the next stream.
    if (self->stopping || self->queue.size() == 0 || self->queue.front_is_refused()) {
      self->End();
    } else {
      self->Open(open_lock);
    }
  });
}

void Publisher::Impl::End() {
  under_way = false;
  ended_changed.notify_all();
}

void Publisher::Impl::Stop() {
  Lock lock(mutex);
  stopping = true;
  if (stream != nullptr) {
    stream->Cancel();
  }
  if (wait != nullptr) {
    wait->Cancel();
  }
  ended_changed.wait(lock, [this] { return !under_way; });
  Answer(lock, queue.size(), absl::AbortedError("the publisher was destroyed before the event was answered"));
}

Publisher::Publisher(Client& client, PublisherOptions options)
    : impl_(std::make_shared<Impl>(*client.impl_, options)) {}

Publisher::~Publisher() { impl_->Stop(); }

void Publisher::Publish(const EventToPublish& event, Done done) {
  std::string bytes = client::EventBytes(event);
  Impl::Lock lock(impl_->mutex);
  impl_->answered_changed.wait(lock, [this, &bytes] { return impl_->queue.HasRoom(bytes.size()); });
  impl_->Take(lock, std::move(bytes), std::move(done));
}

void Publisher::Publish(v1::Event event, Done done) {
  std::string bytes = client::EventBytes(std::move(event));
  Impl::Lock lock(impl_->mutex);
  impl_->answered_changed.wait(lock, [this, &bytes] { return impl_->queue.HasRoom(bytes.size()); });
  impl_->Take(lock, std::move(bytes), std::move(done));
}

absl::Status Publisher::TryPublish(v1::Event event, Done done) {
  std::string bytes = client::EventBytes(std::move(event));
  if (IsTooLarge(bytes)) {
    return TooLarge();
  }
  Impl::Lock lock(impl_->mutex);
  if (!impl_->queue.HasRoom(bytes.size())) {
    return absl::ResourceExhaustedError("too many events are waiting for their answers");
  }
  impl_->Take(lock, std::move(bytes), std::move(done));
  return absl::OkStatus();
}

absl::Status Publisher::Flush(absl::Time deadline) {
  Impl::Lock lock(impl_->mutex);
  const uint64_t target = impl_->taken;
  const bool reached = impl_->answered_changed.wait_until(lock, absl::ToChronoTime(deadline),
                                                          [this, target] { return impl_->answered >= target; });
  return reached ? absl::OkStatus()
                 : absl::DeadlineExceededError(fmt::format("{} events are not yet answered", impl_->queue.size()));
}

size_t Publisher::pending() const {
  const Impl::Lock lock(impl_->mutex);
  return impl_->queue.size();
}

}  // namespace weir
