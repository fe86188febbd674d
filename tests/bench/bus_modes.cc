// The modes of server and log.
#include "tests/bench/bus_history.h"
#include "tests/bench/bus_latency.h"
#include "tests/bench/bus_publish.h"
#include "tests/bench/bus_render.h"
#include "tests/bench/bus_subscribe.h"
#include "tests/bench/mode.h"

namespace weir::bench {

std::vector<Mode> BusModes() {
  return {
      {.name = "publish",
       .what = "a stream that publishes to a durable log",
       .quick = true,
       .run = MeasurePublishStream,
       .ratios = {{StreamRatioFigure(64), kSyncFloor}, {StreamRatioFigure(1), kSyncFloor}}},
      {.name = "unary",
       .what = "64 clients that publish one event a call, against a server that only syncs",
       .quick = true,
       .run = MeasurePublishUnary,
       .ratios = {{kUnaryFigure, kSyncFloor}}},
      {.name = "subscribe", .what = "gRPC readers, from memory and from disk", .run = MeasureSubscribe},
      {.name = "durable",
       .what = "one event on an idle system, with the log on disk and in memory",
       .run = MeasureDurableLatency},
      {.name = "history",
       .what = "a log of ten million events: growth, replay of a topic, start, retention (7 GB of disk)",
       .run = MeasureHistory},
      {.name = "render", .what = "the rendering of one event", .run = MeasureRender},
  };
}

}  // namespace weir::bench
