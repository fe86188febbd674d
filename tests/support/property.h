// Property tests: what holds for every input is tried on many random ones.
//
//   TEST(CursorProperty, ParsesWhatItPrints) {
//     test::ForAll(1000, [](test::Random& random) { … EXPECT_EQ(…); });
//   }
//
// Each round has a seed of its own, which is printed when the round fails, and ends the test. The first seed differs
// from run to run; WEIR_TEST_SEED=N begins with N, so that the printed seed fails at once. WEIR_TEST_ROUNDS=N makes N
// times as many rounds. One thread.
#ifndef WEIR_TESTS_SUPPORT_PROPERTY_H_
#define WEIR_TESTS_SUPPORT_PROPERTY_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

namespace weir::test {

class Random {
 public:
  explicit Random(uint64_t seed) : generator_(seed) {}

  uint64_t Bits() { return generator_(); }
  // 0 to bound - 1; 0 when the bound is 0.
  size_t Below(size_t bound) { return bound == 0 ? 0 : generator_() % bound; }
  bool OneIn(size_t n) { return Below(n) == 0; }
  template <typename Container>
  const auto& Pick(const Container& container) {
    return container[Below(container.size())];
  }
  // `size` characters of `alphabet`.
  std::string Text(std::string_view alphabet, size_t size) {
    std::string text(size, '\0');
    for (char& c : text) {
      c = Pick(alphabet);
    }
    return text;
  }
  std::string Bytes(size_t size) {
    std::string bytes(size, '\0');
    for (char& c : bytes) {
      c = static_cast<char>(Bits());
    }
    return bytes;
  }
  // A copy with one to three changes: a character set, inserted, removed or doubled, or the end cut off. What is
  // inserted is of `alphabet`, or any byte when that is empty.
  std::string Mutated(std::string text, std::string_view alphabet = {}) {
    for (size_t changes = 1 + Below(3); changes > 0; --changes) {
      const size_t at = Below(text.size() + 1);
      const std::string fresh = alphabet.empty() ? Bytes(1) : Text(alphabet, 1);
      switch (Below(5)) {
        case 0:
          text.insert(at, fresh);
          break;
        case 1:
          text.resize(at);
          break;
        case 2:
          text.erase(at, 1 + Below(3));
          break;
        case 3:
          text.insert(at, text.substr(at, 1 + Below(8)));
          break;
        default:
          text.replace(at, at < text.size() ? 1 : 0, fresh);
      }
    }
    return text;
  }

  // For the standard library's algorithms.
  std::mt19937_64& generator() { return generator_; }

 private:
  std::mt19937_64 generator_;
};

inline uint64_t NumberFromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// `rounds`, or as many times more as WEIR_TEST_ROUNDS says.
inline uint64_t Rounds(uint64_t rounds) { return rounds * NumberFromEnvironment("WEIR_TEST_ROUNDS", 1); }

// Calls `property(Random&)` in `rounds` rounds, until it fails.
template <typename F>
void ForAll(uint64_t rounds, F&& property) {
  uint64_t seed = NumberFromEnvironment("WEIR_TEST_SEED", std::random_device()());
  for (uint64_t left = Rounds(rounds); left > 0; --left, ++seed) {
    SCOPED_TRACE("again with WEIR_TEST_SEED=" + std::to_string(seed));
    Random random(seed);
    property(random);
    if (::testing::Test::HasFailure()) {
      return;
    }
  }
}

}  // namespace weir::test

#endif  // WEIR_TESTS_SUPPORT_PROPERTY_H_
