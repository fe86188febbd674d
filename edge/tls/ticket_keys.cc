#include "edge/tls/ticket_keys.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <utility>

namespace weir::edge {
namespace {

void Forget(std::optional<TicketKeys::Key>& key) {
  if (key) {
    OPENSSL_cleanse(&*key, sizeof(*key));
    key.reset();
  }
}

template <size_t kSize>
bool Fill(std::array<unsigned char, kSize>& bytes) {
  return RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1;
}

}  // namespace

TicketKeys::~TicketKeys() {
  const std::lock_guard<std::mutex> lock(mutex_);
  Forget(current_);
  Forget(previous_);
}

void TicketKeys::Turn() {
  const absl::Time now = clock_();
  if (current_ && now - made_ < kLifetime) {
    return;
  }
  Forget(previous_);
  if (current_ && now - made_ < 2 * kLifetime) {
    previous_ = current_;
  }
  Forget(current_);
  Key key;
  if (Fill(key.name) && Fill(key.cipher) && Fill(key.mac)) {
    current_ = key;
    made_ = now;
  }
  OPENSSL_cleanse(&key, sizeof(key));
}

std::optional<TicketKeys::Key> TicketKeys::Current() {
  const std::lock_guard<std::mutex> lock(mutex_);
  Turn();
  return current_;
}

std::optional<TicketKeys::Key> TicketKeys::Find(std::string_view name) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Turn();
  for (const std::optional<Key>& key : {current_, previous_}) {
    if (key && name == std::string_view(reinterpret_cast<const char*>(key->name.data()), key->name.size())) {
      return key;
    }
  }
  return std::nullopt;
}

}  // namespace weir::edge
