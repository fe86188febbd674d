#include "edge/tls/context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/time/clock.h"
#include "base/text.h"
#include "tests/support/certificate.h"

namespace weir::edge {
namespace {

using ::testing::HasSubstr;

class TlsContextTest : public ::testing::Test {
 protected:
  TlsContextTest() {
    directory_ = ::testing::TempDir() + "tls_context_test.XXXXXX";
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
    Write("cert.pem", ours_.certificate);
    Write("key.pem", ours_.key);
  }
  ~TlsContextTest() override { std::filesystem::remove_all(directory_); }

  std::string File(const std::string& name) const { return directory_ + "/" + name; }
  void Write(const std::string& name, const std::string& text) const { std::ofstream(File(name)) << text; }
  auto Load(const std::string& certificate = "cert.pem", const std::string& key = "key.pem") const {
    return TlsContext::Load(File(certificate), File(key));
  }
  std::string Complaint(const std::string& certificate = "cert.pem", const std::string& key = "key.pem") const {
    const auto context = Load(certificate, key);
    EXPECT_FALSE(context.ok());
    return std::string(Message(context.status()));
  }

  const testing::Certificate ours_ = testing::MakeCertificate();
  std::string directory_;
};

TEST_F(TlsContextTest, TellsWhetherItIsTheSameAgain) {
  const auto first = Load();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_NEAR(absl::ToDoubleHours((*first)->expires() - absl::Now()), 30 * 24, 1);
  EXPECT_TRUE((*first)->SameAs(**Load()));
  const testing::Certificate next = testing::MakeCertificate();
  Write("cert.pem", ours_.certificate + next.certificate);  // a chain
  EXPECT_FALSE((*first)->SameAs(**Load()));
  Write("cert.pem", next.certificate);
  Write("key.pem", next.key);
  EXPECT_FALSE((*first)->SameAs(**Load()));
}

TEST_F(TlsContextTest, NamesTheFileAndWhatIsWrongWithIt) {
  EXPECT_THAT(Complaint("none.pem"), HasSubstr("the certificate \"" + File("none.pem") + "\" cannot be read: No such"));
  EXPECT_THAT(Complaint("cert.pem", "none.pem"), HasSubstr("the key \"" + File("none.pem") + "\" cannot be read"));
  EXPECT_THAT(Complaint(".", "key.pem"), HasSubstr("cannot be read"));
  EXPECT_THAT(Complaint("key.pem", "key.pem"), HasSubstr("is no PEM certificate"));
  EXPECT_THAT(Complaint("cert.pem", "cert.pem"), HasSubstr("is no private key in PEM without a password"));
  Write("empty.pem", "");
  EXPECT_THAT(Complaint("empty.pem"), HasSubstr("is no PEM certificate"));
  EXPECT_THAT(Complaint("cert.pem", "empty.pem"), HasSubstr("is no private key"));
  Write("other.pem", testing::MakeCertificate().key);
  EXPECT_THAT(Complaint("cert.pem", "other.pem"), HasSubstr("is not that of \"" + File("cert.pem") + "\""));
  Write("huge.pem", std::string(1024 * 1024 + 1, 'x'));
  EXPECT_THAT(Complaint("huge.pem"), HasSubstr("is too large"));
  Write("cut.pem", ours_.certificate + ours_.certificate.substr(0, 300));
  EXPECT_THAT(Complaint("cut.pem"), HasSubstr("is no PEM certificate"));
}

TEST_F(TlsContextTest, RefusesAKeyThatIsEncryptedWhateverThePassword) {
  for (const std::string password : {"", "secret"}) {
    for (const std::string& key : testing::Encrypted(ours_.key, password)) {
      Write("key.pem", key);
      EXPECT_THAT(Complaint(), HasSubstr("is no private key in PEM without a password")) << key;
    }
  }
}

}  // namespace
}  // namespace weir::edge
