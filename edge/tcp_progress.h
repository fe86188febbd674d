// How far a peer has acknowledged what was written to its connection: what tells one that vanished from one that merely
// does not read. Pure but for the one question to the kernel (tcp(7), TCP_INFO).
#ifndef WEIR_EDGE_TCP_PROGRESS_H_
#define WEIR_EDGE_TCP_PROGRESS_H_

#include <cstdint>
#include <optional>

namespace weir::edge {

struct TcpProgress {
  // Bytes, modulo 2^32.
  uint32_t written = 0;
  uint32_t acknowledged = 0;
  // Something was sent that calls for an answer: bytes, or repeated probes of a window that was closed.
  bool awaits_answer = false;
  int64_t silent_ms = 0;  // since the peer last acknowledged anything

  // What was written when `mark` had been is not acknowledged, and there was no sign of the peer for that long. A
  // reader that does not read is alive: its kernel answers every probe of its closed window.
  bool PeerVanished(uint32_t mark, int64_t patience_ms) const {
    return awaits_answer && static_cast<int32_t>(acknowledged - mark) < 0 && silent_ms >= patience_ms;
  }
};

// Null when the kernel does not say.
std::optional<TcpProgress> TcpProgressOf(int fd);

}  // namespace weir::edge

#endif  // WEIR_EDGE_TCP_PROGRESS_H_
