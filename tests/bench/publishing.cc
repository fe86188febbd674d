#include "tests/bench/publishing.h"

#include <fmt/format.h>

#include <atomic>
#include <cstdio>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "apps/dispatch/v1/dispatch.pb.h"

namespace weir::bench {

v1::Event MakeEvent(size_t text_bytes, uint64_t sequence) {
  apps::dispatch::v1::FlashMessage message;
  message.set_id(fmt::format("@{:08}", sequence));
  message.set_text(std::string(text_bytes, 'x'));
  message.set_severity("warning");
  message.set_sender("central");
  v1::Event event;
  event.set_topic("dispatch.broadcast");
  event.mutable_payload()->PackFrom(message);
  return event;
}

absl::StatusOr<std::unique_ptr<load::StreamLoad>> OpenReadersAt(
    uint16_t port, size_t count, decltype(load::StreamLoad::Options::on_event) on_event) {
  return load::StreamLoad::Open({.port = port,
                                 .count = count,
                                 .request =
                                     [](size_t) {
                                       return load::StreamRequest{"/api/sse", ""};
                                     },
                                 .begins_with = "weir.connected",
                                 .on_event = std::move(on_event)});
}

double PublishAll(Client& client, size_t count, size_t batch_events) {
  PublisherOptions options;
  options.batch_events_max = batch_events;
  Publisher publisher(client, options);
  const v1::Event event = MakeEvent();
  std::atomic<size_t> failed{0};
  const absl::Time start = absl::Now();
  for (size_t i = 0; i < count; ++i) {
    publisher.Publish(event, [&](const PublishOutcome& outcome) {
      if (!outcome.status.ok()) {
        failed.fetch_add(1);
      }
    });
  }
  if (absl::Status status = publisher.Flush(absl::Now() + absl::Minutes(5)); !status.ok() || failed.load() > 0) {
    fmt::print(stderr, "weir-bench: publishing failed: {} events refused, {}\n", failed.load(), status.ToString());
    return 0;
  }
  return static_cast<double>(count) / absl::ToDoubleSeconds(absl::Now() - start);
}

}  // namespace weir::bench
