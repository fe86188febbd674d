// weir-sync-floor: the least a server can do that acknowledges what is durable. The same gRPC server as
// weir-server's, with handlers that read nothing: one thread writes all requests that wait to a file, syncs it, and
// answers them. A stream's events are told by their size, which is that of all of EventMaker's. Prints its port; ends
// when nobody reads its output any more.
#include <fcntl.h>
#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <poll.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "tests/bench/bus_events.h"
#include "weir/v1/event_bus.grpc.pb.h"

namespace weir::bench {
namespace {

// As long as a PublishResponse of one acknowledgement, or one of a stream's.
constexpr size_t kAnswerBytes = 96;

// What waits to be written.
struct Waiting {
  size_t bytes;
  std::function<void(bool stored)> done;
};

class GroupSync {
 public:
  explicit GroupSync(const char* path) : file_(open(path, O_CREAT | O_WRONLY | O_APPEND, 0600)) {}
  ~GroupSync() { close(file_); }
  GroupSync(const GroupSync&) = delete;
  GroupSync& operator=(const GroupSync&) = delete;

  void Push(Waiting one) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(one));
    due_.notify_one();
  }

  void Run() {
    while (true) {
      std::vector<Waiting> group;
      {
        std::unique_lock lock(mutex_);
        due_.wait(lock, [this] { return !waiting_.empty() || ending_; });
        group.swap(waiting_);
      }
      if (group.empty()) {
        return;
      }
      Commit(group);
    }
  }

  void End() {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    due_.notify_one();
  }

 private:
  void Commit(const std::vector<Waiting>& group) {
    std::string bytes;
    for (const Waiting& one : group) {
      bytes.append(one.bytes, 'x');
    }
    const bool stored =
        write(file_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) && fdatasync(file_) == 0;
    for (const Waiting& one : group) {
      one.done(stored);
    }
  }

  const int file_;
  std::mutex mutex_;
  std::condition_variable due_;
  std::vector<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
};

grpc::Status StatusOf(bool stored) {
  return stored ? grpc::Status::OK : grpc::Status(grpc::StatusCode::INTERNAL, "the disk failed");
}

// An element of PublishStreamResponse.results: an ack with a sequence and an id of blanks.
class AckWriter {
 public:
  void Append(size_t count, std::string& out) {
    for (size_t i = 0; i < count; ++i) {
      uint64_t rest = ++sequence_;
      for (size_t at = 0; at < kDigits; ++at, rest >>= 7) {
        ack_[kHead + at] = static_cast<char>((rest & 0x7F) | (at + 1 < kDigits ? 0x80 : 0));
      }
      out += ack_;
    }
  }

 private:
  static constexpr size_t kHead = 5;    // tags and lengths of result and ack, tag of the sequence
  static constexpr size_t kDigits = 5;  // of the sequence, as a varint
  static constexpr size_t kIdBytes = kAnswerBytes - kHead - kDigits - 2;

  std::string ack_ = std::string{'\x12', kAnswerBytes - 2, '\x0a', kAnswerBytes - 4, '\x10'} +
                     std::string(kDigits, '\0') + std::string{'\x1a', kIdBytes} + std::string(kIdBytes, ' ');
  uint64_t sequence_ = 0;
};

// One PublishStream. Results that come while a write is under way are gathered into the next one.
class Stream final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                     public std::enable_shared_from_this<Stream> {
 public:
  explicit Stream(GroupSync& sync) : sync_(sync) {}

  void Begin() {
    self_ = shared_from_this();
    const std::lock_guard lock(mutex_);
    Advance();
  }

  void OnReadDone(bool ok) override {
    const size_t bytes = ok ? request_.Length() : 0;
    const std::lock_guard lock(mutex_);
    reading_ = false;
    if (ok) {
      in_flight_ += bytes;
      sync_.Push({bytes, [self = self_, bytes](bool stored) { self->OnStored(bytes, stored); }});
    } else {
      ended_ = true;
    }
    Advance();
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    broken_ = broken_ || !ok;
    Advance();
  }

  void OnDone() override { self_.reset(); }

 private:
  void OnStored(size_t bytes, bool stored) {
    const std::lock_guard lock(mutex_);
    in_flight_ -= bytes;
    broken_ = broken_ || !stored;
    acks_.Append(bytes / EventMaker::kElementBytes, results_);
    Advance();
  }

  // Starts what can be started.
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (broken_) {
      results_.clear();
      ended_ = true;
    }
    if (!writing_ && !results_.empty()) {
      const grpc::Slice slice(std::exchange(results_, {}));
      response_ = grpc::ByteBuffer(&slice, 1);
      writing_ = true;
      StartWrite(&response_);
    }
    if (!ended_ && !reading_ && in_flight_ < kInFlightMax) {
      reading_ = true;
      StartRead(&request_);
    }
    if (ended_ && !finished_ && !reading_ && !writing_ && in_flight_ == 0) {
      finished_ = true;
      Finish(StatusOf(!broken_));
    }
  }

  static constexpr size_t kInFlightMax = 4 << 20;  // as weir-server's

  GroupSync& sync_;
  std::shared_ptr<Stream> self_;  // until OnDone
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  std::mutex mutex_;
  AckWriter acks_ ABSL_GUARDED_BY(mutex_);
  std::string results_ ABSL_GUARDED_BY(mutex_);
  size_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;  // bytes
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

using RawPublish = v1::EventBus::WithRawCallbackMethod_Publish<v1::EventBus::Service>;

class Service final : public v1::EventBus::WithRawCallbackMethod_PublishStream<RawPublish> {
 public:
  explicit Service(GroupSync& sync) : sync_(sync) {}

  grpc::ServerUnaryReactor* Publish(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    sync_.Push({request->Length(), [reactor, response](bool stored) {
                  const grpc::Slice slice(std::string(kAnswerBytes, 'x'));
                  *response = grpc::ByteBuffer(&slice, 1);
                  reactor->Finish(StatusOf(stored));
                }});
    return reactor;
  }

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* PublishStream(
      grpc::CallbackServerContext* /*context*/) override {
    const auto stream = std::make_shared<Stream>(sync_);
    stream->Begin();
    return stream.get();
  }

 private:
  GroupSync& sync_;
};

int Main(const char* path) {
  GroupSync sync(path);
  Service service(sync);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  std::thread committer([&] { sync.Run(); });
  fmt::print("{}\n", port);
  std::fflush(stdout);
  pollfd output{.fd = 1, .events = 0, .revents = 0};
  while (poll(&output, 1, -1) <= 0) {
  }
  server->Shutdown();
  sync.End();
  committer.join();
  return 0;
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "weir-sync-floor FILE: a part of weir-bench\n");
    return 2;
  }
  return weir::bench::Main(argv[1]);
}
