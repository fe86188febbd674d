// Weir as a target: the real server and edge with the configuration that they have by default.
#ifndef WEIR_TESTS_BENCH_WEIR_TARGET_H_
#define WEIR_TESTS_BENCH_WEIR_TARGET_H_

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/jwt_key.h"
#include "tests/bench/target.h"
#include "tests/support/system.h"
#include "weir/client.h"

namespace weir::bench {

class WeirTarget final : public Target {
 public:
  // Null when the edge does not become ready.
  static std::unique_ptr<WeirTarget> Start(const TargetOptions& options = {});
  ~WeirTarget() override;

  std::string name() const override { return "weir"; }
  uint16_t port() const override;
  std::string PathOf(size_t topic) const override;
  // The same stream behind tokens.
  static std::string PrivatePathOf(size_t topic);
  std::string begins_with() const override { return "weir.connected"; }
  std::vector<pid_t> pids() const override;
  void Send(size_t topic, uint64_t sequence) override;

  // A token of that subject, signed with ES256.
  std::string TokenOf(const std::string& subject) const;
  Client& client() { return *client_; }
  testing::System& system() { return system_; }
  // What was refused so far.
  size_t refused() const { return refused_; }
  // The topic's name.
  static std::string TopicOf(size_t topic);

 private:
  explicit WeirTarget(const TargetOptions& options);

  testing::System system_;
  std::optional<JwtKey> key_;
  std::unique_ptr<Client> client_;
  std::atomic<size_t> refused_{0};
  std::unique_ptr<Publisher> publisher_;
};

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_WEIR_TARGET_H_
