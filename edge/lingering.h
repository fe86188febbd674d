// Connections that have said their last word, a WebSocket's close frame, and wait for the client to go.
//
// Closing at once could destroy that word on its way: what a client still sends then is answered with a reset. So the
// sending side is shut, and what comes is dropped until the client closes. Bounds: a connection stays for two seconds
// or 256 KiB, and there are at most a thousand; a further one is closed at once. One thread, that of the sockets, whose
// context outlives this.
#ifndef WEIR_EDGE_LINGERING_H_
#define WEIR_EDGE_LINGERING_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "edge/transport.h"

namespace weir::edge {

class Lingering {
 public:
  Lingering();
  ~Lingering();
  Lingering(const Lingering&) = delete;
  Lingering& operator=(const Lingering&) = delete;

  // Takes over a connection to which everything was sent. `now_ms` is of the clock that Sweep goes by.
  void Take(Transport transport, int64_t now_ms);
  // Closes those whose time is over.
  void Sweep(int64_t now_ms);

  size_t size() const { return entries_.size(); }

 private:
  struct Entry;

  void Wait(Entry* entry);
  void Read(Entry* entry, bool failed);

  std::vector<std::unique_ptr<Entry>> entries_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_LINGERING_H_
