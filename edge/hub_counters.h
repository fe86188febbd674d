// What a hub counts. Written by the hub's thread only, read by any: plain adds, no locked instruction on the hot path.
#ifndef WEIR_EDGE_HUB_COUNTERS_H_
#define WEIR_EDGE_HUB_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "edge/event_names.h"

namespace weir::edge {

class HubCounter {
 public:
  void Add(uint64_t n = 1) { value_.store(get() + n, std::memory_order_relaxed); }
  void Subtract(uint64_t n = 1) { value_.store(get() - n, std::memory_order_relaxed); }
  uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_ = 0;
};

// Why a stream ended.
enum class CloseReason : uint8_t {
  kClient,
  kError,
  kSlow,
  kVanished,
  kExpired,
  kDrain,
  kHistory,
  kReload,
  kProtocol,
  kRefused,
  kAge,
  kRevoked,
  kRate,
  kDeadline
};
inline constexpr std::array<const char*, 14> kCloseReasonNames = {"client", "error",   "slow",   "vanished", "expired",
                                                                  "drain",  "history", "reload", "protocol", "refused",
                                                                  "age",    "revoked", "rate",   "deadline"};

// What the client of a WebSocket has sent.
enum class MessageKind : uint8_t { kAuth, kPing, kSubscribe, kInvalid };
inline constexpr std::array<const char*, 4> kMessageKindNames = {"auth", "ping", "subscribe", "invalid"};

// How a reader that came with a cursor went on.
enum class ResumeResult : uint8_t { kResumed, kExpired, kOtherEpoch, kBeyondHead, kMalformed };
inline constexpr std::array<const char*, 5> kResumeResultNames = {"resumed", "expired", "other_epoch", "beyond_head",
                                                                  "malformed"};

// Upper bounds of the histogram of streams' durations, in seconds.
inline constexpr std::array<double, 9> kDurationBounds = {1, 5, 15, 60, 300, 900, 3600, 14400, 86400};

struct HubCounters {
  HubCounter open_streams;
  HubCounter open_web_sockets;  // of them
  HubCounter lingering;         // WebSockets that have ended, and wait for their client to go
  HubCounter lagging;           // streams with bytes that the kernel did not take
  HubCounter parked;            // streams that wait for the tail or the server
  HubCounter bytes_sent;
  HubCounter frames_rendered;
  HubCounter unrenderable;
  HubCounter gaps_sent;
  HubCounter heartbeats_sent;
  HubCounter polls;
  HubCounter fell_behind;  // the hub itself was slower than the tail's window
  std::array<HubCounter, EventNames::kNamesMax> messages_sent;
  std::array<HubCounter, kCloseReasonNames.size()> closed;
  std::array<HubCounter, kResumeResultNames.size()> resumed;
  std::array<HubCounter, kMessageKindNames.size()> received;
  std::array<HubCounter, kDurationBounds.size() + 1> durations;  // the last one: above all bounds
  HubCounter duration_millis_sum;

  void CountDuration(int64_t millis) {
    size_t bucket = 0;
    while (bucket < kDurationBounds.size() && static_cast<double>(millis) > kDurationBounds[bucket] * 1000) {
      ++bucket;
    }
    durations[bucket].Add();
    duration_millis_sum.Add(static_cast<uint64_t>(millis < 0 ? 0 : millis));
  }
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HUB_COUNTERS_H_
