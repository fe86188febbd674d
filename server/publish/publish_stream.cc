#include "server/publish/publish_stream.h"

#include <fmt/format.h>
#include <grpcpp/server_context.h>

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "base/wire.h"
#include "server/rpc/call_alarm.h"
#include "server/rpc/grpc_status.h"

namespace weir::server {
namespace {

constexpr uint32_t kFirstIndex = 1;  // PublishStreamResponse.first_index
constexpr uint32_t kResults = 2;     // PublishStreamResponse.results

// gRPC's threads, the committer's and the one that drains meet here, under one lock. gRPC's Start… and Finish only hand
// work over, so they are called with the lock held: that keeps them in order.
class PublishStream final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                            public Drainable,
                            public std::enable_shared_from_this<PublishStream> {
 public:
  PublishStream(const PublishContext& context, FaultOr<Caller> caller, grpc::CallbackServerContext& call)
      : context_(context), caller_(std::move(caller)), call_(call) {}

  void Begin() {
    self_ = shared_from_this();
    const std::optional<Fault> refusal = Enter();
    const std::lock_guard lock(mutex_);
    if (refusal.has_value()) {
      SetEnd(ToGrpcStatus(*refusal));
    }
    Advance();
  }

  void Drain(StreamEnd end) override {
    const std::lock_guard lock(mutex_);
    told_to_end_ = true;
    SetEnd(ToGrpcStatus(FaultOf(end)));
    Advance();
  }

  void OnReadDone(bool ok) override {
    std::unique_ptr<Batch> batch;
    if (ok) {
      batch = std::make_unique<Batch>(shared_from_this(), source_, Flatten(read_));
      read_.Clear();
      batch->fault = batch->Read(BytesOf(batch->request), context_.validator, caller_->rights);
    }
    const std::lock_guard lock(mutex_);
    reading_ = false;
    if (!ok) {
      SetEnd(grpc::Status::OK);
    } else if (!end_.has_value()) {
      Submit(std::move(batch));
    }
    Advance();
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (!ok) {
      broken_ = true;
    }
    Advance();
  }

  void OnCancel() override {
    const std::lock_guard lock(mutex_);
    broken_ = true;
    Advance();
  }

  void OnDone() override {
    expiry_.Cancel();
    cut_.Cancel();
    context_.streams.Remove(this);
    if (holds_place_) {
      context_.stream_places.GiveBack();
    }
    self_.reset();
  }

 private:
  struct Batch final : PublishBatch {
    Batch(std::shared_ptr<PublishStream> owner, std::shared_ptr<PublishSource> from, grpc::Slice bytes)
        : PublishBatch(std::move(from)), stream(std::move(owner)), request(std::move(bytes)) {}

    void OnCommitted(std::span<const log::AppendResult> results) override { stream->OnCommitted(*this, results); }
    void OnFailed(const Fault& failure) override { stream->OnFailed(*this, failure); }

    const std::shared_ptr<PublishStream> stream;
    const grpc::Slice request;
    std::optional<Fault> fault;
  };

  // Why the stream cannot begin, or none: then it may be drained from now on.
  std::optional<Fault> Enter() {
    if (!caller_.ok()) {
      return caller_.fault();
    }
    holds_place_ = context_.stream_places.Take();
    if (!holds_place_) {
      return TooMany();
    }
    if (!context_.streams.Add(self_, caller_->token)) {
      return FaultOf(StreamEnd::kDraining);
    }
    if (const std::optional<StreamEnd> end = context_.access.EndOf(*caller_)) {
      return FaultOf(*end);
    }
    expiry_.Set(caller_->expires, [this] { Drain(StreamEnd::kTokenExpired); });
    return std::nullopt;
  }

  Fault TooMany() const {
    return {.reason = v1::ERROR_REASON_TOO_MANY_STREAMS,
            .message = fmt::format("{} publish streams are open, which is the limit", context_.stream_places.most()),
            .limit = fmt::format("{}", context_.stream_places.most()),
            .retry_after = absl::Seconds(1)};
  }

  // Results of one batch, ready to be sent.
  struct Results {
    std::string bytes;
    size_t count;
  };

  void OnCommitted(const Batch& batch, std::span<const log::AppendResult> results) {
    Results answered{.bytes = {}, .count = batch.size()};
    context_.Count(batch.WriteResults(kResults, context_.epoch, results, answered.bytes));
    const std::lock_guard lock(mutex_);
    bytes_in_flight_ -= batch.bytes();
    --batches_in_flight_;
    if (!failed_) {
      result_bytes_ += answered.bytes.size();
      results_.push_back(std::move(answered));
    }
    Advance();
  }

  void OnFailed(const Batch& batch, const Fault& fault) {
    const std::lock_guard lock(mutex_);
    bytes_in_flight_ -= batch.bytes();
    --batches_in_flight_;
    if (!failed_) {
      failed_ = true;
      end_ = ToGrpcStatus(fault);  // also instead of an end that waited: what it counted on did not come
    }
    Advance();
  }

  void Submit(std::unique_ptr<Batch> batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (batch->fault.has_value()) {
      SetEnd(ToGrpcStatus(*batch->fault));
      return;
    }
    const size_t bytes = batch->bytes();
    if (const std::optional<Fault> fault = context_.committer.Submit(std::move(batch), Committer::WhenFull::kTake)) {
      SetEnd(ToGrpcStatus(*fault));
      return;
    }
    bytes_in_flight_ += bytes;
    ++batches_in_flight_;
  }

  // The stream ends so, once everything in flight is answered. The first word counts.
  void SetEnd(grpc::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!end_.has_value()) {
      end_ = std::move(status);
    }
  }

  // Starts what can be started.
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (finished_) {
      return;
    }
    if (broken_) {
      finished_ = true;
      Finish(grpc::Status::CANCELLED);
      return;
    }
    if (!writing_ && !results_.empty()) {
      WriteResults();
    }
    if (end_.has_value()) {
      if (told_to_end_ && (failed_ || batches_in_flight_ == 0)) {
        // What is left is the client's to take. Before, the log has the time that it needs.
        CutUnlessDone(cut_, call_, fmt::format("publish stream of {}", call_.peer()));
      }
      if (!writing_ && results_.empty() && (failed_ || batches_in_flight_ == 0)) {
        finished_ = true;
        Finish(*end_);
      }
      return;
    }
    const bool pause = bytes_in_flight_ >= kStreamBytesInFlightMax || result_bytes_ >= kStreamResultBytesMax ||
                       (batches_in_flight_ > 0 && context_.committer.full());
    if (!reading_ && !pause) {
      reading_ = true;
      StartRead(&read_);
    }
  }

  void WriteResults() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::string message;
    if (next_index_ != 0) {
      wire::AppendUint64(message, kFirstIndex, next_index_);
    }
    do {
      message += results_.front().bytes;
      next_index_ += results_.front().count;
      result_bytes_ -= results_.front().bytes.size();
      results_.pop_front();
    } while (!results_.empty() && message.size() + results_.front().bytes.size() <= kStreamResultBytesMax);
    write_ = BufferOf(message);
    writing_ = true;
    StartWrite(&write_);
  }

  const PublishContext& context_;
  const FaultOr<Caller> caller_;
  grpc::CallbackServerContext& call_;  // until OnDone
  CallAlarm expiry_;
  CallAlarm cut_;
  const std::shared_ptr<PublishSource> source_ = std::make_shared<PublishSource>();
  std::shared_ptr<PublishStream> self_;  // until OnDone
  bool holds_place_ = false;

  std::mutex mutex_;
  grpc::ByteBuffer read_;   // gRPC's while reading_
  grpc::ByteBuffer write_;  // gRPC's while writing_
  std::deque<Results> results_ ABSL_GUARDED_BY(mutex_);
  size_t result_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t next_index_ ABSL_GUARDED_BY(mutex_) = 0;  // of the first event in results_
  size_t bytes_in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t batches_in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<grpc::Status> end_ ABSL_GUARDED_BY(mutex_);
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool failed_ ABSL_GUARDED_BY(mutex_) = false;
  bool told_to_end_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StartPublishStream(const PublishContext& context,
                                                                                FaultOr<Caller> caller,
                                                                                grpc::CallbackServerContext& call) {
  const auto stream = std::make_shared<PublishStream>(context, std::move(caller), call);
  stream->Begin();
  return stream.get();
}

}  // namespace weir::server
