// What the fuzz targets share. A target is one file with one LLVMFuzzerTestOneInput: a property that holds for every
// input, not only that nothing crashes. libFuzzer looks for an input that breaks it (`./dev fuzz`); ctest tries those
// of corpus/ again, with g++ and in every preset.
#ifndef WEIR_TESTS_FUZZ_FUZZ_H_
#define WEIR_TESTS_FUZZ_FUZZ_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace weir::fuzz {

inline std::string_view Text(const uint8_t* data, size_t size) {
  return {static_cast<const char*>(static_cast<const void*>(data)), size};
}

// Ends the process when the property does not hold; `what` says in words what does not.
inline void Expect(bool holds, std::string_view what) {
  if (!holds) {
    std::fprintf(stderr, "broken: %.*s\n", static_cast<int>(what.size()), what.data());
    std::abort();
  }
}

}  // namespace weir::fuzz

#endif  // WEIR_TESTS_FUZZ_FUZZ_H_
