#include "clients/cpp/backoff.h"

#include <algorithm>
#include <memory>
#include <random>
#include <utility>

namespace weir::client {

namespace {

std::function<double()> SystemRandom() {
  return [generator = std::mt19937(std::random_device()())]() mutable {
    return std::uniform_real_distribution<double>(0, 1)(generator);
  };
}

}  // namespace

Backoff::Backoff(absl::Duration min, absl::Duration max, std::function<double()> random)
    : min_(std::min(min, max)), max_(max), bound_(min_), random_(random ? std::move(random) : SystemRandom()) {}

absl::Duration Backoff::Next() {
  const absl::Duration wait = bound_ * random_();
  bound_ = std::min(bound_ * 2, max_);
  return wait;
}

}  // namespace weir::client
