// Authorities and certificates for tests of gRPC's TLS, by deploy/dev-certificates.
#ifndef WEIR_TESTS_SUPPORT_DEV_CERTIFICATES_H_
#define WEIR_TESTS_SUPPORT_DEV_CERTIFICATES_H_

#include <string>
#include <vector>

namespace weir::testing {

// deploy/dev-certificates with these arguments; a failure of it fails the test, by abort.
void MakeDevCertificates(const std::vector<std::string>& arguments);

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_DEV_CERTIFICATES_H_
