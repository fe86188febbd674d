// Hubs on threads of their own, as in production: one thread appends, others read, and browsers come and go.
#include <boost/asio/post.hpp>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "edge/fanout_hub.h"
#include "edge/testing/fake_log.h"
#include "edge/testing/test_reader.h"
#include "gtest/gtest.h"

namespace weir::edge {
namespace {

constexpr int kHubs = 2;
constexpr int kReadersPerHub = 8;
constexpr uint64_t kEvents = 1000;

class FanoutThreadsTest : public testing::Test {
 protected:
  FanoutThreadsTest() {
    route_->presentation = std::make_shared<Presentation>(PresentationOptions());
    for (int i = 0; i < kHubs; ++i) {
      hubs_.push_back(std::make_unique<FanoutHub>(HubOptions{.sweep_interval = absl::Milliseconds(1)},
                                                  HubServices{tail_, history_, connections_}));
    }
    log_.Fill(tail_, 0);
    for (const auto& hub : hubs_) {
      threads_.emplace_back([&hub = *hub] { hub.context().run(); });
    }
  }
  ~FanoutThreadsTest() override {
    for (const auto& hub : hubs_) {
      hub->context().stop();
    }
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }

  // Runs on the hub's thread, and waits for it.
  void On(FanoutHub& hub, const std::function<void()>& action) {
    std::promise<void> done;
    boost::asio::post(hub.context(), [&] {
      action();
      done.set_value();
    });
    done.get_future().wait();
  }

  std::unique_ptr<TestReader> Open(FanoutHub& hub, std::optional<Cursor> after) {
    std::unique_ptr<TestReader> reader;
    On(hub, [&] {
      StreamRequest request;
      request.reader.route = route_;
      request.reader.filters = {"a.>"};
      request.reader.principal = "ann";
      if (after) {
        request.reader.start = {ReadStart::Kind::kAfter, *after, {}};
      }
      Socket socket(hub.context());
      reader = std::make_unique<TestReader>(hub.context(), socket);
      hub.OpenStream(Transport(std::move(socket)), std::move(request));
    });
    return reader;
  }

  FakeLog log_;
  Tail tail_{{}};
  HistoryQueue history_{log_, 4};
  ConnectionCounts connections_;
  std::shared_ptr<Route> route_ = std::make_shared<Route>();
  std::vector<std::unique_ptr<FanoutHub>> hubs_;
  std::vector<std::thread> threads_;
};

TEST_F(FanoutThreadsTest, EveryReaderOfEveryHubGetsEverythingInOrder) {
  std::vector<std::unique_ptr<TestReader>> readers;
  for (uint64_t i = 0; i < kEvents; ++i) {
    log_.Add("a.b", std::to_string(i));
    if (i % 20 == 19) {
      log_.Feed(tail_, 7);
    }
    if (i % (kEvents / kReadersPerHub) == 0) {
      for (const auto& hub : hubs_) {
        readers.push_back(Open(*hub, log_.At(i / 2)));
      }
      Open(*hubs_[0], std::nullopt);  // goes at once
    }
  }
  for (size_t n = 0; n < readers.size(); ++n) {
    TestReader& reader = *readers[n];
    const uint64_t first = (n / kHubs) * (kEvents / kReadersPerHub) / 2;
    const std::string last = "data: " + std::to_string(kEvents - 1) + "\n";
    while (!reader.ended() && reader.raw().find(last) == std::string::npos) {
      reader.Read();
    }
    const std::vector<std::string> data = reader.data("t.Event");
    ASSERT_EQ(data.size(), kEvents - first);
    for (size_t i = 0; i < data.size(); ++i) {
      ASSERT_EQ(data[i], std::to_string(first + i));
    }
  }
  std::promise<void> drained;
  On(*hubs_[0], [&] { hubs_[0]->Drain(absl::ZeroDuration(), absl::Seconds(1), [&] { drained.set_value(); }); });
  drained.get_future().wait();
  EXPECT_EQ(hubs_[0]->open_streams(), 0);
  EXPECT_EQ(hubs_[1]->open_streams(), kReadersPerHub);
}

}  // namespace
}  // namespace weir::edge
