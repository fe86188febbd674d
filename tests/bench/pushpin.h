// Pushpin as a target: Debian's, with peers/pushpin.conf.
#ifndef WEIR_TESTS_BENCH_PUSHPIN_H_
#define WEIR_TESTS_BENCH_PUSHPIN_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/bench/grip_origin.h"
#include "tests/bench/peer_sockets.h"
#include "tests/bench/target.h"
#include "tests/support/process.h"

namespace weir::bench {

class Pushpin final : public Target {
 public:
  static bool Installed();

  // An error when it does not start.
  static absl::StatusOr<std::unique_ptr<Target>> Start();
  ~Pushpin() override;

  std::string name() const override { return "pushpin"; }
  bool peer() const override { return true; }
  uint16_t port() const override { return port_; }
  std::string PathOf(size_t topic) const override;
  // It answers with 502, or ends streams, when many come at once.
  size_t under_way_max() const override { return 10; }
  // All that its runner has started.
  std::vector<pid_t> pids() const override { return ChildrenOf(process_.pid()); }
  void Send(size_t topic, uint64_t sequence) override;
  void Flush() override { pipe_->Flush(); }

 private:
  Pushpin() : Target({}) {}

  GripOrigin origin_;
  testing::TempDir dir_;
  const uint16_t port_ = FreePort();
  testing::Process process_;
  std::optional<Pipe> pipe_;
};

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_PUSHPIN_H_
