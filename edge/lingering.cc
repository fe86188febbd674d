#include "edge/lingering.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace weir::edge {
namespace {

constexpr int64_t kPatienceMs = 2000;
constexpr size_t kDroppedBytesMax = 256 * 1024;
constexpr size_t kConnectionsMax = 1000;

}  // namespace

struct Lingering::Entry {
  Transport transport;
  ConnectionCounts::Held address;
  int64_t until_ms;
  size_t dropped = 0;
};

Lingering::Lingering(HubCounter& count) : count_(count) {}
Lingering::~Lingering() = default;

void Lingering::Take(Transport transport, ConnectionCounts::Held address, int64_t now_ms) {
  if (entries_.size() >= kConnectionsMax) {
    return;  // which closes it
  }
  transport.EndSending();
  entries_.push_back(std::make_unique<Entry>(Entry{std::move(transport), std::move(address), now_ms + kPatienceMs}));
  count_.Add();
  Wait(entries_.back().get());
}

void Lingering::Sweep(int64_t now_ms) {
  for (const std::unique_ptr<Entry>& entry : entries_) {
    if (entry->until_ms <= now_ms) {
      entry->transport.Cancel();  // its wait ends, and with it the entry
    }
  }
}

void Lingering::Wait(Entry* entry) {
  entry->transport.WhenReadable(
      [this, entry](const boost::system::error_code& error) { Read(entry, static_cast<bool>(error)); });
}

void Lingering::Read(Entry* entry, bool failed) {
  static thread_local std::array<char, 16 * 1024> dropped;
  const ssize_t got = failed ? 0 : ::recv(entry->transport.fd(), dropped.data(), dropped.size(), MSG_DONTWAIT);
  if (got > 0) {
    entry->dropped += static_cast<size_t>(got);
  }
  if ((got > 0 && entry->dropped <= kDroppedBytesMax) || (got < 0 && (errno == EAGAIN || errno == EINTR))) {
    Wait(entry);
    return;
  }
  const auto it = std::find_if(entries_.begin(), entries_.end(), [entry](const auto& e) { return e.get() == entry; });
  std::swap(*it, entries_.back());
  entries_.pop_back();
  count_.Subtract();
}

}  // namespace weir::edge
