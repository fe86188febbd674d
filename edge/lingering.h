// Connections that have said their last word, a WebSocket's close frame, and wait for the client to go.
//
// Closing at once could destroy that word on its way: what a client still sends then is answered with a reset. So the
// sending side is shut, and what comes is dropped until the client closes. Until then the connection counts as open,
// also with its address. Bounds: it stays for two seconds or 256 KiB, and there are at most a thousand; a further one
// is closed at once. One thread, that of the sockets, whose context outlives this.
#ifndef WEIR_EDGE_LINGERING_H_
#define WEIR_EDGE_LINGERING_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "edge/connection_counts.h"
#include "edge/hub_counters.h"
#include "edge/transport.h"

namespace weir::edge {

class Lingering {
 public:
  // `count` is kept, and outlives this: how many there are.
  explicit Lingering(HubCounter& count);
  ~Lingering();
  Lingering(const Lingering&) = delete;
  Lingering& operator=(const Lingering&) = delete;

  // Takes over a connection to which everything was sent. `now_ms` is of the clock that Sweep goes by.
  void Take(Transport transport, ConnectionCounts::Held address, int64_t now_ms);
  // Closes those whose time is over.
  void Sweep(int64_t now_ms);

 private:
  struct Entry;

  void Wait(Entry* entry);
  void Read(Entry* entry, bool failed);

  HubCounter& count_;
  std::vector<std::unique_ptr<Entry>> entries_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_LINGERING_H_
