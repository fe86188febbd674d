// A TCP proxy between two processes of a test, which can be held up or cut.
#ifndef WEIR_TESTS_SUPPORT_TUNNEL_H_
#define WEIR_TESTS_SUPPORT_TUNNEL_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace weir::testing {

// Listens on a port of 127.0.0.1 and passes bytes on to another, on a thread of its own. The rest: the test's thread.
// What it is told holds when the call returns.
class Tunnel {
 public:
  explicit Tunnel(uint16_t to);
  ~Tunnel();
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // No byte passes any more, in either direction, and no new connection gets through: as with a process that stopped.
  void Hold() { Set(State::kHeld); }
  // Every connection is closed, and new ones are too.
  void Cut() { Set(State::kCut); }
  void Open() { Set(State::kOpen); }

 private:
  enum class State { kOpen, kHeld, kCut };
  struct Pair {
    int ends[2];
  };

  void Set(State state);
  void Run();
  void Accept();
  void Forward();

  const uint16_t to_;
  int listener_;
  uint16_t port_ = 0;
  std::atomic<State> state_ = State::kOpen;
  std::atomic<State> seen_ = State::kOpen;  // by the thread
  std::atomic<bool> over_ = false;
  std::vector<Pair> pairs_;  // the thread's
  std::thread thread_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_TUNNEL_H_
