#include "clients/cli/log_copy.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

class LogCopyTest : public ::testing::Test {
 protected:
  LogCopyTest() {
    std::string path = (fs::temp_directory_path() / "weir-log-copy-XXXXXX").string();
    root_ = ::mkdtemp(path.data());
  }
  ~LogCopyTest() override { fs::remove_all(root_); }

  static v1::BackupResponse Header() {
    v1::BackupResponse message;
    message.mutable_header()->set_file_count(1);
    return message;
  }
  static v1::BackupResponse File(const std::string& name) {
    v1::BackupResponse message;
    message.mutable_file()->set_name(name);
    message.mutable_file()->set_bytes(0);
    return message;
  }

  fs::path root_;
};

TEST_F(LogCopyTest, AServerCannotWriteOutsideOfIt) {
  std::ofstream(root_ / "own") << "mine";
  for (const std::string& name :
       {std::string(), std::string("../own"), std::string("../../own"), (root_ / "own").string(),
        std::string("db/../../own"), std::string("db/"), std::string("db//own"), std::string("other/own"),
        std::string("db/db/own"), std::string(".hidden"), std::string("db/.."), std::string(".."),
        std::string("own\0", 4), std::string("own\n"), std::string("db\\own"), std::string(201, 'a')}) {
    absl::StatusOr<LogCopy> copy = LogCopy::Begin((root_ / "copy").string());
    ASSERT_TRUE(copy.ok()) << copy.status();
    ASSERT_TRUE(copy->Take(Header()).ok());
    EXPECT_EQ(copy->Take(File(name)).code(), absl::StatusCode::kDataLoss) << name;
    for (const auto& entry : fs::recursive_directory_iterator(root_)) {
      EXPECT_TRUE(entry.is_directory() || entry.path() == root_ / "own") << name << " made " << entry.path();
    }
  }
  std::string own;
  std::ifstream(root_ / "own") >> own;
  EXPECT_EQ(own, "mine");
}

TEST_F(LogCopyTest, IsForItsOwnerAndHisGroup) {
  const mode_t before = ::umask(0);
  absl::StatusOr<LogCopy> copy = LogCopy::Begin((root_ / "copy").string());
  ASSERT_TRUE(copy.ok()) << copy.status();
  ASSERT_TRUE(copy->Take(Header()).ok());
  ASSERT_TRUE(copy->Take(File("db/000001.sst")).ok());
  ::umask(before);
  int seen = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root_)) {
    EXPECT_EQ(entry.status().permissions() & fs::perms::others_all, fs::perms::none) << entry.path();
    ++seen;
  }
  EXPECT_EQ(seen, 3);
}

}  // namespace
}  // namespace weir::cli
