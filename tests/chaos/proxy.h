// A hop of the network that can fail: a TCP proxy on loopback whose connections can be cut, or go silent.
//
// Threads: its methods may be called from any thread; it moves bytes on one of its own. Bounds: 64 KiB a direction of a
// connection; what a slow side does not take holds the other one back, as a network does.
#ifndef WEIR_TESTS_CHAOS_PROXY_H_
#define WEIR_TESTS_CHAOS_PROXY_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace weir::chaos {

class Proxy {
 public:
  // Listens on a free port; connections go to `target` of 127.0.0.1, and are reset when nobody is there.
  explicit Proxy(uint16_t target);
  // Cuts every connection.
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  uint16_t port() const { return port_; }
  // Resets every connection; new ones are taken.
  void Cut();
  // While silent no byte passes, in no direction, and no connection ends; new ones are taken and hear nothing.
  void SetSilent(bool silent);

 private:
  struct Pair;

  void Run();
  void Accept();
  void Wake() const;

  const uint16_t target_;
  uint16_t port_ = 0;
  int listener_ = -1;
  int wake_ = -1;
  std::atomic<bool> ending_ = false;
  std::atomic<bool> cut_ = false;
  std::atomic<bool> silent_ = false;
  std::vector<std::unique_ptr<Pair>> pairs_;  // the thread's own
  std::thread thread_;
};

}  // namespace weir::chaos

#endif  // WEIR_TESTS_CHAOS_PROXY_H_
