#include "base/tls_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/time/clock.h"
#include "base/text.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Certificates of deploy/dev-certificates, made once.
class TlsFilesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = std::filesystem::temp_directory_path() / ("weir-tls-" + std::to_string(::getpid()));
    const std::string command = std::string(WEIR_SOURCE_DIR "/deploy/dev-certificates ") + directory_;
    ASSERT_EQ(std::system(command.c_str()), 0);
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(directory_); }

  static std::string File(const std::string& name) { return directory_ + "/" + name; }
  static std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(File(name)) << text;
    return File(name);
  }
  static std::string Fault(const TlsFiles& files) {
    return std::string(Message(ReadTlsFiles(files, absl::Now()).status()));
  }

  static inline std::string directory_;
};

TEST_F(TlsFilesTest, ReadsWhatFitsTogether) {
  const absl::StatusOr<TlsPems> pems =
      ReadTlsFiles({.certificate = File("server.crt"), .key = File("server.key"), .ca = File("ca.crt")}, absl::Now());
  ASSERT_TRUE(pems.ok()) << pems.status();
  EXPECT_THAT(pems->certificate, HasSubstr("BEGIN CERTIFICATE"));
  EXPECT_THAT(pems->key, HasSubstr("PRIVATE KEY"));
  EXPECT_THAT(pems->ca, HasSubstr("BEGIN CERTIFICATE"));
  EXPECT_THAT(pems->warnings, IsEmpty());
}

TEST_F(TlsFilesTest, NamesTheFileAndWhatIsWrong) {
  EXPECT_THAT(Fault({.certificate = File("server.crt"), .key = File("edge.key")}),
              HasSubstr("edge.key: is not the key of the certificate in"));
  EXPECT_THAT(Fault({.certificate = File("server.crt")}), HasSubstr("server.crt: the certificate needs its key"));
  EXPECT_THAT(Fault({.key = File("server.key")}), HasSubstr("server.key: the key needs its certificate"));
  EXPECT_THAT(Fault({.certificate = File("server.key"), .key = File("server.key")}),
              HasSubstr("server.key: is no certificate"));
  EXPECT_THAT(Fault({.certificate = File("server.crt"), .key = File("server.crt")}),
              HasSubstr("server.crt: is no private key"));
  EXPECT_THAT(Fault({.ca = File("server.key")}), HasSubstr("server.key: holds no certificate"));
  EXPECT_THAT(Fault({.ca = File("absent")}), HasSubstr("absent"));
  const std::string broken = Write("broken.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  EXPECT_THAT(Fault({.ca = broken}), HasSubstr("broken.crt: holds no certificate"));
  EXPECT_THAT(Fault({.ca = Write("large.crt", std::string(kTlsFileBytesMax + 1, 'x'))}), HasSubstr("large.crt"));
}

// gRPC would keep what it has, and say nothing.
TEST_F(TlsFilesTest, RefusesWhatOpenSslWouldNotTake) {
  const std::string command = "openssl req -x509 -newkey rsa:1024 -nodes -subj /CN=weak -days 1 -keyout " +
                              File("weak.key") + " -out " + File("weak.crt") + " 2>/dev/null && cat " +
                              File("server.crt") + " " + File("weak.crt") + " >" + File("chain.crt");
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_THAT(Fault({.certificate = File("weak.crt"), .key = File("weak.key")}),
              HasSubstr("weak.crt: OpenSSL does not take it: ee key too small; allowed is"));
  EXPECT_THAT(Fault({.certificate = File("chain.crt"), .key = File("server.key")}),
              HasSubstr("chain.crt: OpenSSL does not take it: ca key too small; allowed is"));
}

TEST_F(TlsFilesTest, WarnsOfAKeyThatOthersMayReadAndOfACertificateThatIsOver) {
  const TlsFiles files{.certificate = File("client.crt"), .key = File("client.key"), .ca = ""};
  ASSERT_EQ(::chmod(files.key.c_str(), 0644), 0);
  EXPECT_THAT(ReadTlsFiles(files, absl::Now())->warnings, ElementsAre(HasSubstr("client.key: others may read it")));
  ASSERT_EQ(::chmod(files.key.c_str(), 0600), 0);
  EXPECT_THAT(ReadTlsFiles(files, absl::Now() + absl::Hours(24 * 400))->warnings,
              ElementsAre(HasSubstr("client.crt: the certificate's time is over")));
  EXPECT_THAT(ReadTlsFiles(files, absl::Now() - absl::Hours(24))->warnings,
              ElementsAre(HasSubstr("client.crt: the certificate's time has not come")));
}

}  // namespace
}  // namespace weir
