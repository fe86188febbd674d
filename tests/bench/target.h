// What is measured: Weir, the floor, or another server, as a process of its own with readers and a way to publish.
#ifndef WEIR_TESTS_BENCH_TARGET_H_
#define WEIR_TESTS_BENCH_TARGET_H_

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "load/tls_client.h"
#include "tests/bench/mode.h"

namespace weir::bench {

// As tables show them.
inline constexpr std::array<const char*, 5> kTargets = {"weir", "floor", "floor+", "nchan", "pushpin"};

struct TargetOptions {
  // Events of a topic that a reader can come back for.
  size_t kept_events = 0;
  // Files in PEM: readers are served over TLS. Empty: without.
  std::string certificate = {};
  std::string key = {};
};

// One thread.
class Target {
 public:
  explicit Target(const TargetOptions& options);
  virtual ~Target() = default;

  virtual std::string name() const = 0;
  virtual uint16_t port() const = 0;
  // What a reader of that topic asks for.
  virtual std::string PathOf(size_t topic) const = 0;
  // What stands in a stream's first bytes.
  virtual std::string begins_with() const { return "\r\n\r\n"; }
  // How many readers it can take at once.
  virtual size_t under_way_max() const { return 512; }
  // How readers speak TLS to it; null: they do not.
  const load::TlsClient* tls() const { return tls_.get(); }
  // Somebody else's program: where it fails, it has no figure, and the run goes on.
  virtual bool peer() const { return false; }
  // The processes that serve readers: their CPU time and memory count.
  virtual std::vector<pid_t> pids() const = 0;
  // Sends the next event of that topic on its way, at latest with Flush; returns its number, from 1.
  uint64_t Publish(size_t topic) {
    if (heads_.size() <= topic) {
      heads_.resize(topic + 1);
    }
    Send(topic, ++heads_[topic]);
    return heads_[topic];
  }
  virtual void Flush() {}

 protected:
  virtual void Send(size_t topic, uint64_t sequence) = 0;

 private:
  std::unique_ptr<load::TlsClient> tls_;
  std::vector<uint64_t> heads_;
};

// The payload, as JSON: what every target's readers get. About 300 bytes with event name and id.
std::string PayloadOf(uint64_t sequence);

// Those of the plan that are installed, each in a fresh process: `floor`, `floor+`, `nchan`, `pushpin`; over TLS
// nchan alone, and without pushpin where readers come back. The report says which are not there.
std::vector<std::unique_ptr<Target>> StartOthers(const Plan& plan, const TargetOptions& options, Report& report);

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_TARGET_H_
