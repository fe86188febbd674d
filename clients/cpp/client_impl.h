// What a Client shares with the publishers and subscribers made from it.
#ifndef WEIR_CLIENTS_CPP_CLIENT_IMPL_H_
#define WEIR_CLIENTS_CPP_CLIENT_IMPL_H_

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "weir/client.h"
#include "weir/v1/event_bus.grpc.pb.h"

namespace weir {
namespace client {

// Counts calls whose objects gRPC's threads still use. Each of them refers to the channel, and the last reference must
// not go on one of gRPC's threads: it would wait there for itself to end. So a Client waits for its calls. Any thread.
class OpenCalls {
 public:
  // Stands for one call; declare it first in the call's object, so that everything else goes before it.
  class Hold {
   public:
    explicit Hold(OpenCalls& calls) : calls_(calls) {
      const std::lock_guard<std::mutex> lock(calls_.mutex_);
      ++calls_.count_;
    }
    ~Hold() {
      const std::lock_guard<std::mutex> lock(calls_.mutex_);
      --calls_.count_;
      calls_.changed_.notify_all();
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    OpenCalls& calls_;
  };

  void WaitForNone() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return count_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;  // guarded by mutex_
};

}  // namespace client

// Visible ASCII, and some of it.
inline bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

struct Client::Impl {
  explicit Impl(ClientOptions client_options);

  void Authorize(grpc::ClientContext& context) const {
    // gRPC ends the process over a byte that a header cannot have. A server says what is missing.
    if (const std::string token = options.token ? options.token() : std::string(); IsToken(token)) {
      context.AddMetadata("authorization", "Bearer " + token);
    }
  }

  const ClientOptions options;
  const std::shared_ptr<grpc::Channel> channel;
  const std::unique_ptr<v1::EventBus::Stub> stub;
  grpc::GenericStub generic;
  client::OpenCalls open_calls;
};

}  // namespace weir

#endif  // WEIR_CLIENTS_CPP_CLIENT_IMPL_H_
