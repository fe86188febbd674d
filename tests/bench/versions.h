// Which versions a run measures.
#ifndef WEIR_TESTS_BENCH_VERSIONS_H_
#define WEIR_TESTS_BENCH_VERSIONS_H_

#include <string>
#include <string_view>
#include <vector>

namespace weir::bench {

// `Weir 0.1.0 (1a2b3c4), nginx 1.22.1, nchan 1.3.6`: Weir and those of the targets that others wrote, as they are
// installed. `commit` may be empty.
std::string VersionsOf(const std::vector<std::string>& targets, const std::string& commit);

// The first number with a point in the text: `1.22.1` of `nginx version: nginx/1.22.1`, `1.3.6` of `1:1.3.6+dfsg-2`.
// Empty without one.
std::string NumberIn(std::string_view text);

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_VERSIONS_H_
