// Events as wire bytes, made fast: what the load puts on the bus, of 300 bytes each as published.
#ifndef WEIR_TESTS_BENCH_BUS_EVENTS_H_
#define WEIR_TESTS_BENCH_BUS_EVENTS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::bench {

// Notifications of some users in turn, each a topic; every event has an id of its own, also among several makers, and a
// text of its own that does not compress. One thread.
class EventMaker {
 public:
  static constexpr size_t kEventBytes = 300;
  // With tag and length, as an element of a repeated field 1.
  static constexpr size_t kElementBytes = kEventBytes + 3;

  // Of the users `first_user` to `first_user` + `topics` - 1.
  explicit EventMaker(size_t topics, size_t first_user = 0);

  // Writes the next event's element, kElementBytes of it.
  void Write(char* out);

  static std::string TopicOf(size_t user);

 private:
  const size_t topics_;
  const size_t first_user_;
  uint64_t next_ = 0;
  std::string element_;
  std::string noise_;   // texts are cut out of it
  size_t user_at_ = 0;  // of the digits within the element
  size_t id_at_ = 0;
  size_t text_at_ = 0;
  size_t text_bytes_ = 1;
};

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_BUS_EVENTS_H_
