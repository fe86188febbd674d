// So many of something may be open at once, and no more: those that are refused take no place. Any thread.
#ifndef WEIR_SERVER_RPC_PLACES_H_
#define WEIR_SERVER_RPC_PLACES_H_

#include <atomic>
#include <cstdint>

namespace weir::server {

class Places {
 public:
  explicit Places(int most) : most_(most) {}

  // False when all are taken.
  bool Take() {
    int taken = taken_.load();
    while (taken < most_) {
      if (taken_.compare_exchange_weak(taken, taken + 1)) {
        return true;
      }
    }
    ++refused_;
    return false;
  }
  void GiveBack() { --taken_; }

  int taken() const { return taken_.load(); }
  int most() const { return most_; }
  // So far.
  uint64_t refused() const { return refused_.load(); }

 private:
  const int most_;
  std::atomic<int> taken_{0};
  std::atomic<uint64_t> refused_{0};
};

}  // namespace weir::server

#endif  // WEIR_SERVER_RPC_PLACES_H_
