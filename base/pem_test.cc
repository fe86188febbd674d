#include "base/pem.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/certificate.h"

namespace weir {
namespace {

int EmptyPassword(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*argument*/) { return 0; }

// Whoever encrypts with an empty password believes that the key is protected, and it is not.
TEST(Pem, ReadsNoKeyThatIsEncryptedWhateverThePassword) {
  const std::string key = testing::MakeCertificate().key;
  EXPECT_NE(pem::ReadPrivateKey(key), nullptr);
  for (const std::string& encrypted : testing::Encrypted(key, "")) {
    const openssl::PkeyPtr opened(
        PEM_read_bio_PrivateKey(pem::Open(encrypted).get(), nullptr, &EmptyPassword, nullptr));
    EXPECT_NE(opened, nullptr) << "it is empty: " << encrypted;
    EXPECT_EQ(pem::ReadPrivateKey(encrypted), nullptr) << encrypted;
  }
  for (const std::string& encrypted : testing::Encrypted(key, "secret")) {
    EXPECT_EQ(pem::ReadPrivateKey(encrypted), nullptr) << encrypted;
  }
  ERR_clear_error();
}

}  // namespace
}  // namespace weir
