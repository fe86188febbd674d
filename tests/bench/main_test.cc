// weir-bench as it is started.
#include <gmock/gmock.h>

#include <filesystem>

#include "tests/support/process.h"

namespace weir::bench {
namespace {

using ::testing::HasSubstr;

TEST(WeirBenchTest, SaysWhatItCannotStart) {
  const testing::TempDir dir;
  std::filesystem::create_directory(dir.File("bin"));
  std::filesystem::copy_file(testing::BinaryPath("weir-bench"), dir.File("bin/weir-bench"));
  const testing::CommandResult result =
      testing::RunCommand({dir.File("bin/weir-bench"), "--mode", "rate", "--rounds", "1"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("weir-bench: cannot start " + dir.File("bin/weir-server")));
}

}  // namespace
}  // namespace weir::bench
