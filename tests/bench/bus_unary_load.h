// The load of many clients that publish: each has a connection of its own, and one call at a time.
#ifndef WEIR_TESTS_BENCH_BUS_UNARY_LOAD_H_
#define WEIR_TESTS_BENCH_BUS_UNARY_LOAD_H_

#include <grpcpp/channel.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace weir::bench {

// One thread.
class UnaryLoad {
 public:
  // Connects `clients` clients.
  static absl::StatusOr<std::unique_ptr<UnaryLoad>> Open(const std::string& address, size_t clients);

  // Lets all of them publish for so long; calls a second. An error when one fails or is answered without a result.
  absl::StatusOr<double> Run(absl::Duration duration);

 private:
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
};

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_BUS_UNARY_LOAD_H_
