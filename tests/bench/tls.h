// What TLS costs. See mode.h.
#ifndef WEIR_TESTS_BENCH_TLS_H_
#define WEIR_TESTS_BENCH_TLS_H_

#include "tests/bench/mode.h"
#include "tests/bench/target.h"
#include "tests/support/process.h"

namespace weir::bench {

// A certificate on P-256 for 127.0.0.1, from whose files all targets of a run serve.
class ServedCertificate {
 public:
  ServedCertificate();
  TargetOptions options() const {
    return {.certificate = directory_.File("cert.pem"), .key = directory_.File("key.pem")};
  }

 private:
  testing::TempDir directory_;
};

Mode TlsMode();

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_TLS_H_
