// What stands behind pushpin: answers each request by saying which channel its client is to be held on.
#ifndef WEIR_TESTS_BENCH_GRIP_ORIGIN_H_
#define WEIR_TESTS_BENCH_GRIP_ORIGIN_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace weir::bench {

// Listens on 127.0.0.1 and answers on a thread of its own, until it is destroyed. `GET /7` is held on channel `7`.
class GripOrigin {
 public:
  GripOrigin();
  ~GripOrigin();
  GripOrigin(const GripOrigin&) = delete;
  GripOrigin& operator=(const GripOrigin&) = delete;

  uint16_t port() const { return port_; }

 private:
  struct Caller {
    int fd = -1;
    std::string received = {};
  };

  void Run();
  // Whether it is still there.
  static bool Answer(Caller& caller);

  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_GRIP_ORIGIN_H_
