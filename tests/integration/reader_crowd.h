// Many readers of one SSE route on one thread, which notes when each of them was given which event. An event's text
// holds its number as `#17#`. Start and destroy on one thread; the rest from any.
#ifndef WEIR_TESTS_INTEGRATION_READER_CROWD_H_
#define WEIR_TESTS_INTEGRATION_READER_CROWD_H_

#include <sys/epoll.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/support/http.h"

namespace weir::testing {

class ReaderCrowd {
 public:
  struct Arrival {
    size_t reader;
    int event;
    absl::Time at;
  };

  // Opens the streams; `failure` says why not.
  ReaderCrowd(uint16_t port, const std::string& target, size_t count) : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (size_t i = 0; i < count; ++i) {
      absl::StatusOr<Connection> connection = Connection::Open(port);
      if (!connection.ok()) {
        failure_ = connection.status().ToString();
        return;
      }
      const absl::Status sent = connection->Send("GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n");
      epoll_event event = {EPOLLIN, {.u64 = i}};
      if (!sent.ok() || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection->fd(), &event) != 0) {
        failure_ = "the stream cannot be watched";
        return;
      }
      readers_.push_back({*std::move(connection), ""});
    }
    thread_ = std::thread([this] { Run(); });
  }
  ~ReaderCrowd() {
    stop_ = true;
    if (thread_.joinable()) {
      thread_.join();
    }
    ::close(epoll_);
  }
  ReaderCrowd(const ReaderCrowd&) = delete;
  ReaderCrowd& operator=(const ReaderCrowd&) = delete;

  const std::string& failure() const { return failure_; }
  // Readers whose stream has ended.
  int lost() const { return lost_; }
  size_t arrivals() const {
    const std::lock_guard lock(mutex_);
    return arrivals_.size();
  }
  std::vector<Arrival> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(arrivals_, {});
  }

 private:
  struct Reader {
    Connection connection;
    std::string rest;
  };

  void Run() {
    epoll_event ready[64];
    while (!stop_) {
      const int count = ::epoll_wait(epoll_, ready, 64, 50);
      for (int i = 0; i < count; ++i) {
        Read(ready[i].data.u64);
      }
    }
  }
  void Read(size_t index) {
    Reader& reader = readers_[index];
    const absl::StatusOr<std::string> bytes = reader.connection.Receive(absl::ZeroDuration());
    const absl::Time now = absl::Now();
    if (!bytes.ok()) {
      ::epoll_ctl(epoll_, EPOLL_CTL_DEL, reader.connection.fd(), nullptr);
      ++lost_;
      return;
    }
    reader.rest += *bytes;
    const std::lock_guard lock(mutex_);
    while (true) {
      const size_t begin = reader.rest.find('#');
      const size_t end = begin == std::string::npos ? begin : reader.rest.find('#', begin + 1);
      if (end == std::string::npos) {
        break;
      }
      arrivals_.push_back({index, std::atoi(reader.rest.c_str() + begin + 1), now});
      reader.rest.erase(0, end + 1);
    }
    if (reader.rest.find('#') == std::string::npos) {
      reader.rest.clear();
    }
  }

  const int epoll_;
  std::string failure_;
  std::vector<Reader> readers_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> lost_ = 0;
  mutable std::mutex mutex_;
  std::vector<Arrival> arrivals_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_INTEGRATION_READER_CROWD_H_
