// A hub for tests of the HTTP front end: keeps the requests it gets, and lets the test say what becomes of them.
#ifndef WEIR_EDGE_HTTP_FAKE_HUB_H_
#define WEIR_EDGE_HTTP_FAKE_HUB_H_

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "edge/hub.h"

namespace weir::edge::test {

// Its event loop runs on a thread of its own between Run and Stop.
class FakeHub : public Hub {
 public:
  static constexpr std::string_view kGreeting = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nhello\n";

  ~FakeHub() override { Stop(); }

  void Run() {
    guard_.emplace(context_.get_executor());
    thread_ = std::thread([this] { context_.run(); });
  }
  void Stop() {
    if (thread_.joinable()) {
      context_.stop();
      thread_.join();
    }
    streams_.clear();
  }

  boost::asio::io_context& context() override { return context_; }

  void OpenStream(Transport transport, StreamRequest request) override {
    boost::system::error_code error;
    boost::asio::write(transport.socket(), boost::asio::buffer(kGreeting.data(), kGreeting.size()), error);
    const std::lock_guard lock(mutex_);
    streams_.push_back(std::move(transport));
    requests_.push_back(std::move(request));
    changed_.notify_all();
  }

  std::function<void()> Poll(PollRequest request, PollDone done) override {
    const std::lock_guard lock(mutex_);
    polls_.emplace_back(std::move(request), std::move(done));
    changed_.notify_all();
    const auto poll = std::prev(polls_.end());
    return [this, poll] {
      const std::lock_guard cancel_lock(mutex_);
      poll->second = nullptr;
      ++cancelled_;
      changed_.notify_all();
    };
  }

  size_t connections() const override {
    const std::lock_guard lock(mutex_);
    return streams_.size() + extra_streams_;
  }
  void EndStreams(Judgement judgement, absl::Duration, std::function<void()> done) override {
    {
      const std::lock_guard lock(mutex_);
      for (const StreamRequest& request : requests_) {
        ends_ += judgement(*request.reader.route, request.reader.token) != Fate::kStays ? 1 : 0;
      }
    }
    done();
  }
  void Drain(absl::Duration, absl::Duration, std::function<void()> done) override {
    ++drains_;
    done();
  }

  // From the test's thread.
  int drains() const { return drains_; }
  // Streams that EndStreams was to end.
  int ends() const { return ends_; }
  void PretendStreams(size_t count) {
    const std::lock_guard lock(mutex_);
    extra_streams_ = count;
  }
  StreamRequest AwaitStream() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(60), [this] { return !requests_.empty(); });
    return requests_.empty() ? StreamRequest() : requests_.back();
  }
  bool AwaitPolls(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [&] { return polls_.size() >= count; });
  }
  bool AwaitCancelled() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [this] { return cancelled_ > 0; });
  }
  size_t cancelled() const {
    const std::lock_guard lock(mutex_);
    return cancelled_;
  }
  // Answers the latest poll.
  void AnswerPoll(absl::StatusOr<std::string> body) {
    boost::asio::post(context_, [this, body = std::move(body)] {
      PollDone done;
      {
        const std::lock_guard lock(mutex_);
        done = std::exchange(polls_.back().second, nullptr);
      }
      if (done) {
        done(body);
      }
    });
  }
  void Post(std::function<void()> work) { boost::asio::post(context_, std::move(work)); }

 private:
  boost::asio::io_context context_;
  std::atomic<int> drains_ = 0;
  std::atomic<int> ends_ = 0;
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> guard_;
  std::thread thread_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Transport> streams_;
  std::vector<StreamRequest> requests_;
  std::list<std::pair<PollRequest, PollDone>> polls_;
  size_t cancelled_ = 0;
  size_t extra_streams_ = 0;
};

}  // namespace weir::edge::test

#endif  // WEIR_EDGE_HTTP_FAKE_HUB_H_
