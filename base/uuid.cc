#include "base/uuid.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>

namespace weir {
namespace {

constexpr uint64_t kCountMax = 0xFFF;
constexpr uint64_t kCountStartMask = 0x7FF;
constexpr uint64_t kMillisMask = (uint64_t{1} << 48) - 1;

class KernelRandom {
 public:
  uint64_t Next() {
    if (used_ == words_.size()) {
      // At most 256 bytes are never interrupted and never short.
      static_assert(sizeof(words_) <= 256);
      if (getrandom(words_.data(), sizeof(words_), 0) != static_cast<ssize_t>(sizeof(words_))) {
        std::abort();  // a kernel without random numbers
      }
      used_ = 0;
    }
    return words_[used_++];
  }

 private:
  std::array<uint64_t, 32> words_{};
  size_t used_ = 32;
};

}  // namespace

UuidGenerator::UuidGenerator(Clock clock, std::function<uint64_t()> random)
    : clock_(std::move(clock)), random_(std::move(random)) {}

std::function<uint64_t()> UuidGenerator::SystemRandom() {
  return [random = std::make_shared<KernelRandom>()] { return random->Next(); };
}

std::string UuidGenerator::Next() {
  const uint64_t now = static_cast<uint64_t>(std::max(absl::ToUnixMillis(clock_()), int64_t{0})) & kMillisMask;
  uint64_t high = 0;
  uint64_t low = 0;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (now > millis_) {
      millis_ = now;
      count_ = random_() & kCountStartMask;
    } else if (++count_ > kCountMax) {
      ++millis_;  // borrowed from the future
      count_ = random_() & kCountStartMask;
    }
    high = millis_ << 16 | uint64_t{0x7000} | count_;
    low = uint64_t{1} << 63 | (random_() >> 2);
  }
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xFFFF, high & 0xFFFF, low >> 48,
                     low & kMillisMask);
}

std::string NewUuid() {
  static UuidGenerator* const generator = new UuidGenerator();
  return generator->Next();
}

}  // namespace weir
