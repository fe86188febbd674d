#include "edge/testing/hub_harness.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace weir::edge {

HubHarness::HubHarness(TailOptions tail_options, HubOptions hub_options)
    : tail(tail_options),
      history(log, 4),
      hub(
          [&] {
            hub_options.sweep_interval = absl::InfiniteDuration();
            hub_options.now = [this] { return now += look_lasts; };
            hub_options.monotonic = hub_options.now;
            return hub_options;
          }(),
          HubServices{tail, history, connections}) {
  route->path = "/r";
  route->presentation = std::make_shared<Presentation>(PresentationOptions());
}

StreamRequest HubHarness::Request(std::vector<std::string> filters, ReadStart start) const {
  StreamRequest request;
  request.reader.route = route;
  std::sort(filters.begin(), filters.end());
  request.reader.filters = std::move(filters);
  request.reader.start = start;
  request.reader.resumed = start.kind == ReadStart::Kind::kAfter || start.kind == ReadStart::Kind::kMalformedCursor;
  request.reader.principal = "ann";
  return request;
}

std::unique_ptr<TestReader> HubHarness::Open(StreamRequest request, int receive_buffer) {
  Socket socket(hub.context());
  auto reader = std::make_unique<TestReader>(hub.context(), socket, receive_buffer);
  hub.OpenStream(Transport(std::move(socket)), std::move(request));
  return reader;
}

std::unique_ptr<TestReader> HubHarness::OpenAndStart(StreamRequest request) {
  std::unique_ptr<TestReader> reader = Open(std::move(request));
  Until(*reader, [&] { return !reader->blocks().empty(); });
  return reader;
}

void HubHarness::Spin() {
  hub.context().restart();
  hub.context().poll();
}

bool HubHarness::Until(TestReader& reader, const std::function<bool()>& condition) {
  return Until([&] {
    reader.Read();
    return condition();
  });
}

bool HubHarness::Until(const std::function<bool()>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) {
      return false;
    }
    Spin();
  }
  return true;
}

bool HubHarness::Until(TestReader& reader, size_t events) {
  size_t seen = 0;
  return Until(reader, [&] {
    // Taking everything apart is slow: only when nothing more comes just now.
    const bool quiet = seen == reader.raw().size();
    seen = reader.raw().size();
    return quiet && reader.data("t.Event").size() >= events;
  });
}

void HubHarness::Feed() {
  log.Feed(tail);
  Spin();
}

void HubHarness::Advance(absl::Duration time) {
  now += time;
  hub.Sweep();
  Spin();
}

std::string HubHarness::PollOnce(PollRequest request) {
  auto answer = std::make_shared<std::string>();
  hub.Poll(std::move(request), [answer](const absl::StatusOr<std::string>& body) {
    *answer = body.ok() ? *body : std::string(absl::StatusCodeToString(body.status().code()));
  });
  for (int i = 0; i < 10; ++i) {
    Spin();
  }
  return *answer;
}

}  // namespace weir::edge
