#include "tests/bench/bus_unary_load.h"

#include <fmt/format.h>
#include <grpcpp/generic/generic_stub.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "absl/time/clock.h"
#include "tests/bench/bus_events.h"
#include "tests/bench/bus_publish_load.h"

namespace weir::bench {
namespace {

constexpr char kMethod[] = "/weir.v1.EventBus/Publish";
constexpr size_t kTopics = 1'000;

// What the clients of one run share.
struct Run {
  absl::Time end;
  std::atomic<uint64_t> calls{0};
  std::mutex mutex;
  std::condition_variable changed;
  size_t active = 0;   // guarded by mutex
  std::string failed;  // guarded by mutex: the first fault
};

class OneClient {
 public:
  OneClient(const std::shared_ptr<grpc::Channel>& channel, Run& run) : stub_(channel), run_(run), maker_(kTopics) {}

  void Call() {
    grpc::Slice slice(EventMaker::kElementBytes);
    maker_.Write(reinterpret_cast<char*>(const_cast<uint8_t*>(slice.begin())));
    request_ = grpc::ByteBuffer(&slice, 1);
    response_.Clear();
    context_ = std::make_unique<grpc::ClientContext>();
    stub_.UnaryCall(context_.get(), kMethod, grpc::StubOptions(), &request_, &response_,
                    [this](const grpc::Status& status) { OnDone(status); });
  }

 private:
  void OnDone(const grpc::Status& status) {
    if (!status.ok() || response_.Length() == 0) {
      return End(status.ok() ? "an empty answer" : status.error_message());
    }
    run_.calls.fetch_add(1, std::memory_order_relaxed);
    if (absl::Now() < run_.end) {
      Call();
    } else {
      End("");
    }
  }

  void End(const std::string& fault) {
    const std::lock_guard lock(run_.mutex);
    --run_.active;
    if (run_.failed.empty()) {
      run_.failed = fault;
    }
    run_.changed.notify_one();
  }

  grpc::GenericStub stub_;
  Run& run_;
  EventMaker maker_;
  std::unique_ptr<grpc::ClientContext> context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<UnaryLoad>> UnaryLoad::Open(const std::string& address, size_t clients) {
  auto load = std::make_unique<UnaryLoad>();
  for (size_t i = 0; i < clients; ++i) {
    absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = Connect(address);
    if (!channel.ok()) {
      return channel.status();
    }
    load->channels_.push_back(*std::move(channel));
  }
  return load;
}

absl::StatusOr<double> UnaryLoad::Run(absl::Duration duration) {
  struct Run run;
  run.active = channels_.size();
  std::vector<std::unique_ptr<OneClient>> clients;
  clients.reserve(channels_.size());
  for (const auto& channel : channels_) {
    clients.push_back(std::make_unique<OneClient>(channel, run));
  }
  const absl::Time start = absl::Now();
  run.end = start + duration;
  for (const auto& client : clients) {
    client->Call();
  }
  std::unique_lock lock(run.mutex);
  run.changed.wait(lock, [&] { return run.active == 0; });
  if (!run.failed.empty()) {
    return absl::InternalError(fmt::format("a call failed: {}", run.failed));
  }
  return static_cast<double>(run.calls.load()) / absl::ToDoubleSeconds(absl::Now() - start);
}

}  // namespace weir::bench
