#include "base/secret_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/text.h"

namespace weir {
namespace {

using ::testing::HasSubstr;

class SecretFileTest : public ::testing::Test {
 protected:
  SecretFileTest() {
    std::string name = ::testing::TempDir() + "/secret_file_XXXXXX";
    directory_ = ::mkdtemp(name.data());
    file_ = directory_ + "/key";
    std::ofstream(file_) << "0123456789";
  }
  ~SecretFileTest() override { std::filesystem::remove_all(directory_); }

  bool Warns(mode_t mode, FileHolds holds) {
    EXPECT_EQ(::chmod(file_.c_str(), mode), 0);
    return !CheckPermissions(file_, holds).ok();
  }

  std::string directory_;
  std::string file_;
};

TEST_F(SecretFileTest, ReadsUpToTheLimitAndNoFurther) {
  EXPECT_EQ(*ReadSecretFile(file_, 10), "0123456789");
  const absl::Status status = ReadSecretFile(file_, 9).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(Message(status)), HasSubstr(file_));
  EXPECT_THAT(std::string(Message(status)), ::testing::Not(HasSubstr("0123")));
}

TEST_F(SecretFileTest, WhatCannotBeReadIsNamed) {
  const absl::Status missing = ReadSecretFile(file_ + "2", 10).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(Message(missing)), HasSubstr(file_ + "2"));
  EXPECT_FALSE(ReadSecretFile(directory_, 10).ok());
}

TEST_F(SecretFileTest, ATokenIsOneWordWithWhiteSpaceAroundIt) {
  const auto token = [this](const std::string& content) {
    std::ofstream(file_) << content;
    return ReadTokenFile(file_);
  };
  for (const char* good : {"abc.def-_", "abc.def-_\n", " \r\nabc.def-_\t\n\n"}) {
    EXPECT_EQ(*token(good), "abc.def-_") << good;
  }
  for (const std::string& bad : {std::string(), std::string(" \n"), std::string("two words"), std::string("two\nlines"),
                                 std::string("caf\xc3\xa9"), std::string("a\0b", 3)}) {
    const absl::Status status = token(bad).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(std::string(Message(status)), HasSubstr(file_ + ": holds no token"));
    EXPECT_THAT(std::string(Message(status)), ::testing::Not(HasSubstr("two")));
  }
  EXPECT_TRUE(token(std::string(kTokenFileBytesMax, 'a')).ok());
  EXPECT_FALSE(token(std::string(kTokenFileBytesMax + 1, 'a')).ok());
}

TEST_F(SecretFileTest, ASecretIsForItsOwnerAlone) {
  for (const mode_t mode : {0600, 0400, 0700}) {
    EXPECT_FALSE(Warns(mode, FileHolds::kSecret)) << std::oct << mode;
  }
  for (const mode_t mode : {0604, 0602, 0601, 0620, 0660, 0644, 0666, 0777}) {
    EXPECT_TRUE(Warns(mode, FileHolds::kSecret)) << std::oct << mode;
  }
}

TEST_F(SecretFileTest, TheGroupMayReadASecretThatIsRoots) {
  const bool root = ::geteuid() == 0;
  EXPECT_EQ(Warns(0640, FileHolds::kSecret), !root);
  if (root) {
    ASSERT_EQ(::chown(file_.c_str(), 65534, 65534), 0);
    EXPECT_TRUE(Warns(0640, FileHolds::kSecret));
  }
}

TEST_F(SecretFileTest, APublicKeyMayBeReadByAllAndWrittenByNobodyElse) {
  EXPECT_FALSE(Warns(0644, FileHolds::kPublicKey));
  EXPECT_TRUE(Warns(0664, FileHolds::kPublicKey));
  EXPECT_TRUE(Warns(0646, FileHolds::kPublicKey));
}

TEST_F(SecretFileTest, TheWarningSaysWhoMayWhatAndWhatIsRight) {
  ASSERT_TRUE(Warns(0644, FileHolds::kSecret));
  EXPECT_EQ(Message(CheckPermissions(file_, FileHolds::kSecret)),
            file_ + ": others may read it (mode 0644); a secret should be 0600");
  ASSERT_TRUE(Warns(0666, FileHolds::kPublicKey));
  EXPECT_EQ(Message(CheckPermissions(file_, FileHolds::kPublicKey)),
            file_ + ": others may write it (mode 0666); a public key should be 0644");
}

TEST_F(SecretFileTest, APipeOrAMissingFileIsNotJudged) {
  EXPECT_TRUE(CheckPermissions(file_ + "2", FileHolds::kSecret).ok());
  ASSERT_EQ(::mkfifo((file_ + "2").c_str(), 0666), 0);
  EXPECT_TRUE(CheckPermissions(file_ + "2", FileHolds::kSecret).ok());
}

}  // namespace
}  // namespace weir
