// A fault made of a function, and the random time that it lasts.
#ifndef WEIR_TESTS_CHAOS_SIMPLE_FAULT_H_
#define WEIR_TESTS_CHAOS_SIMPLE_FAULT_H_

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/chaos/fault.h"

namespace weir::chaos {

class SimpleFault final : public Fault {
 public:
  using Body = std::function<absl::Status(World&, std::mt19937_64&)>;
  SimpleFault(std::string name, std::string unavailable, Body body)
      : name_(std::move(name)), unavailable_(std::move(unavailable)), body_(std::move(body)) {}

  std::string_view name() const override { return name_; }
  std::string Unavailable() const override { return unavailable_; }
  absl::Status Inflict(World& world, std::mt19937_64& random) override { return body_(world, random); }

 private:
  const std::string name_;
  const std::string unavailable_;
  const Body body_;
};

using Faults = std::vector<std::unique_ptr<Fault>>;

inline void WaitUpTo(std::mt19937_64& random, uint64_t millis_max) {
  absl::SleepFor(absl::Milliseconds(static_cast<int64_t>(random() % millis_max)));
}

}  // namespace weir::chaos

#endif  // WEIR_TESTS_CHAOS_SIMPLE_FAULT_H_
