#include "tests/support/dev_certificates.h"

#include <cstdio>
#include <cstdlib>

#include "tests/support/process.h"

namespace weir::testing {

void MakeDevCertificates(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {WEIR_DEV_CERTIFICATES};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const CommandResult result = RunCommand(argv);
  if (result.exit_code != 0) {
    std::fprintf(stderr, "dev-certificates: %s\n", result.err.c_str());
    std::abort();
  }
}

}  // namespace weir::testing
