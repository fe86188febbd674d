// weir-sync-floor: the least a server can do that acknowledges what is durable. The same gRPC server as
// weir-server's, with a handler that reads nothing: one thread writes all requests that wait to a file, syncs it, and
// answers them. Prints its port; ends when nobody reads its output any more.
#include <fcntl.h>
#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <poll.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "weir/v1/event_bus.grpc.pb.h"

namespace weir::bench {
namespace {

// As long as a PublishResponse of one acknowledgement.
constexpr size_t kAnswerBytes = 96;

struct Call {
  grpc::ServerUnaryReactor* reactor;
  const grpc::ByteBuffer* request;
  grpc::ByteBuffer* response;
};

class GroupSync {
 public:
  explicit GroupSync(const char* path) : file_(open(path, O_CREAT | O_WRONLY | O_APPEND, 0600)) {}
  ~GroupSync() { close(file_); }
  GroupSync(const GroupSync&) = delete;
  GroupSync& operator=(const GroupSync&) = delete;

  void Push(const Call& call) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(call);
    due_.notify_one();
  }

  void Run() {
    while (true) {
      std::vector<Call> group;
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
  void Commit(const std::vector<Call>& group) {
    std::string bytes;
    for (const Call& call : group) {
      bytes.append(call.request->Length(), 'x');
    }
    const bool stored =
        write(file_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) && fdatasync(file_) == 0;
    for (const Call& call : group) {
      const grpc::Slice slice(std::string(kAnswerBytes, 'x'));
      *call.response = grpc::ByteBuffer(&slice, 1);
      call.reactor->Finish(stored ? grpc::Status::OK : grpc::Status(grpc::StatusCode::INTERNAL, "the disk failed"));
    }
  }

  const int file_;
  std::mutex mutex_;
  std::condition_variable due_;
  std::vector<Call> waiting_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
};

class Service final : public v1::EventBus::WithRawCallbackMethod_Publish<v1::EventBus::Service> {
 public:
  explicit Service(GroupSync& sync) : sync_(sync) {}

  grpc::ServerUnaryReactor* Publish(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    sync_.Push({reactor, request, response});
    return reactor;
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
