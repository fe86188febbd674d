// Sockets towards what is measured beside Weir.
#ifndef WEIR_TESTS_BENCH_PEER_SOCKETS_H_
#define WEIR_TESTS_BENCH_PEER_SOCKETS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/http.h"

namespace weir::bench {

// A connection to publish over: what is written is on its way at Flush; answers are thrown away. One thread.
class Pipe {
 public:
  explicit Pipe(uint16_t port);

  std::string& out() { return out_; }
  void Flush();

 private:
  void Drain();

  testing::Connection connection_;
  std::string out_;
};

// A port of 127.0.0.1 on which nobody listens.
uint16_t FreePort();
// The processes that a process has started.
std::vector<pid_t> ChildrenOf(pid_t pid);

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_PEER_SOCKETS_H_
