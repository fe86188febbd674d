// What a Client shares with the publishers and subscribers made from it.
#ifndef WEIR_CLIENTS_CPP_CLIENT_IMPL_H_
#define WEIR_CLIENTS_CPP_CLIENT_IMPL_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "clients/cpp/connection.h"
#include "weir/client.h"

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

struct Client::Impl {
  explicit Impl(ClientOptions client_options)
      : options(std::move(client_options)), current(std::make_shared<client::Connection>(options)) {}

  // The one that new calls use. Who holds it lets go before its hold on `open_calls`.
  std::shared_ptr<client::Connection> connection() const {
    const std::lock_guard<std::mutex> lock(mutex);
    return current;
  }
  void SetCredentials(ClientTls tls, std::function<std::string()> token);

  const ClientOptions options;  // tls and token are the connection's
  client::OpenCalls open_calls;

 private:
  mutable std::mutex mutex;
  std::shared_ptr<client::Connection> current;                // guarded by mutex
  std::vector<std::shared_ptr<client::Connection>> replaced;  // guarded by mutex; calls may still use them
};

}  // namespace weir

#endif  // WEIR_CLIENTS_CPP_CLIENT_IMPL_H_
