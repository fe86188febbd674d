#include "server/rpc/connection_table.h"

#include <netinet/in.h>
#include <sys/stat.h>
#include <time.h>

#include <cstring>

namespace weir::server {

std::optional<uint64_t> ClientKey(const sockaddr_storage& address) {
  constexpr uint64_t kMapped = uint64_t{0xffff} << 32U;
  const void* const raw = &address;
  uint32_t v4 = 0;
  if (address.ss_family == AF_INET6) {
    const in6_addr& v6 = static_cast<const sockaddr_in6*>(raw)->sin6_addr;
    if (IN6_IS_ADDR_LOOPBACK(&v6)) {
      return std::nullopt;
    }
    if (!IN6_IS_ADDR_V4MAPPED(&v6)) {
      uint64_t network = 0;
      std::memcpy(&network, &v6, sizeof(network));
      return network;
    }
    std::memcpy(&v4, &v6.s6_addr[12], sizeof(v4));
  } else {
    v4 = static_cast<const sockaddr_in*>(raw)->sin_addr.s_addr;
  }
  v4 = ntohl(v4);
  return v4 >> 24U == 127 ? std::nullopt : std::optional<uint64_t>(kMapped | v4);
}

Clock ThreadEffort() {
  return [] {
    timespec used = {};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return absl::TimeFromTimespec(used);
  };
}

ConnectionTable::Verdict ConnectionTable::Take(int fd, std::optional<uint64_t> client) {
  struct stat status = {};
  ::fstat(fd, &status);
  const std::lock_guard lock(mutex_);
  // The kernel gives a number again only after it was closed.
  if (const auto old = entries_.find(fd); old != entries_.end()) {
    Forget(old);
  }
  Verdict verdict = Judge(client);
  if (verdict != Verdict::kTaken) {
    Look();
    verdict = Judge(client);
  }
  if (verdict != Verdict::kTaken) {
    return verdict;
  }
  entries_.emplace(fd, Entry{.device = status.st_dev, .inode = status.st_ino, .client = client});
  if (client.has_value()) {
    ++clients_[*client];
  }
  return Verdict::kTaken;
}

size_t ConnectionTable::Count() {
  const std::lock_guard lock(mutex_);
  Look();
  return entries_.size();
}

ConnectionTable::Verdict ConnectionTable::Judge(const std::optional<uint64_t>& client) const {
  if (entries_.size() >= limits_.connections_max) {
    return Verdict::kFull;
  }
  if (!client.has_value()) {
    return Verdict::kTaken;
  }
  const auto it = clients_.find(*client);
  return it != clients_.end() && it->second >= limits_.connections_per_address ? Verdict::kAddressFull
                                                                               : Verdict::kTaken;
}

void ConnectionTable::Look() {
  if (clock_() < look_due_) {
    return;
  }
  const absl::Time begin = effort_();
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto here = it++;
    struct stat now = {};
    if (::fstat(here->first, &now) != 0 || now.st_ino != here->second.inode || now.st_dev != here->second.device) {
      Forget(here);
    }
  }
  look_due_ = clock_() + 9 * (effort_() - begin);
}

void ConnectionTable::Forget(Entries::iterator it) {
  if (it->second.client.has_value()) {
    const auto client = clients_.find(*it->second.client);
    if (--client->second == 0) {
      clients_.erase(client);
    }
  }
  entries_.erase(it);
}

}  // namespace weir::server
