// The version of this build, `0.1.0`: the CMake project's.
#ifndef WEIR_BASE_VERSION_H_
#define WEIR_BASE_VERSION_H_

#include <string_view>

namespace weir {

std::string_view Version();

}  // namespace weir

#endif  // WEIR_BASE_VERSION_H_
