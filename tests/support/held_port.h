// A port of 127.0.0.1 that stays a test's own while the process that listens on it is down.
#ifndef WEIR_TESTS_SUPPORT_HELD_PORT_H_
#define WEIR_TESTS_SUPPORT_HELD_PORT_H_

#include <cstdint>

namespace weir::testing {

// Holds a free port by a socket that is bound and does not listen. A process that sets SO_REUSEADDR, as servers do, can
// bind it too and listen; the kernel gives it to nobody who asks for any port, and to no outgoing connection
// (socket(7), ip(7)). Aborts when no port is free.
class HeldPort {
 public:
  HeldPort();
  ~HeldPort();
  HeldPort(const HeldPort&) = delete;
  HeldPort& operator=(const HeldPort&) = delete;

  uint16_t number() const { return number_; }

 private:
  int fd_;
  uint16_t number_ = 0;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_HELD_PORT_H_
