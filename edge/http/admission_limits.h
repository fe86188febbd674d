// Whom the edge takes: the limits of connections and requests. Plain data.
#ifndef WEIR_EDGE_HTTP_ADMISSION_LIMITS_H_
#define WEIR_EDGE_HTTP_ADMISSION_LIMITS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace weir::edge {

// As EdgeLimits; all set. 0 of a rate: any number.
struct AdmissionLimits {
  uint64_t connections_max = 100'000;
  uint64_t answer_bytes_max = uint64_t{256} << 20U;
  uint64_t connections_per_address = 4096;
  uint64_t connections_per_principal = 1000;
  uint64_t connects_per_minute = 6000;
  uint64_t attempts_per_minute = 6000;
  uint64_t polls_per_minute = 60'000;
};

// How many connections more than `connections_max` are read, so that they can be told.
constexpr uint64_t HeadroomAbove(uint64_t connections_max) {
  return std::clamp<uint64_t>(connections_max / 16, 16, 1024);
}

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_ADMISSION_LIMITS_H_
