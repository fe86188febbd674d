#include "tests/chaos/disk.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "tests/support/sandbox.h"
#include "tests/support/system.h"

namespace weir::chaos {
namespace {

using testing::ReadFile;
using testing::SandboxStatus;

class DiskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!SandboxStatus().ok()) {
      GTEST_SKIP() << SandboxStatus();
    }
    absl::StatusOr<std::unique_ptr<Disk>> disk = Disk::Make(dir_.File("d"), 128 << 20);
    ASSERT_TRUE(disk.ok()) << disk.status();
    disk_ = *std::move(disk);
  }

  std::string File(std::string_view name) const { return disk_->path() + "/" + std::string(name); }

  static void Append(const std::string& path, const std::string& text, bool sync) {
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    ASSERT_GE(file, 0);
    ASSERT_EQ(write(file, text.data(), text.size()), std::ssize(text));
    ASSERT_EQ(sync ? fsync(file) : 0, 0);
    close(file);
  }

  void CutPower(std::mt19937_64* written_back = nullptr) {
    testing::Process none;
    const absl::Status status = disk_->CutPower(none, written_back);
    ASSERT_TRUE(status.ok()) << status;
  }

  testing::TempDir dir_;
  std::unique_ptr<Disk> disk_;
};

TEST_F(DiskTest, APowerCutKeepsWhatWasSyncedAndLosesTheRest) {
  Append(File("a"), "synced", true);
  Append(File("a"), " and not", false);
  Append(File("b"), "not synced", false);
  EXPECT_EQ(ReadFile(File("a")), "synced and not");
  CutPower();
  EXPECT_EQ(ReadFile(File("a")), "synced");
  EXPECT_EQ(ReadFile(File("b")), "");
  // And again: the disk is as good as before.
  Append(File("b"), "now", true);
  CutPower();
  EXPECT_EQ(ReadFile(File("b")), "now");
}

TEST_F(DiskTest, WhatTheKernelWroteBackByItselfIsSomePartsOfTheRest) {
  std::mt19937_64 random(1);
  constexpr size_t kRange = 64 << 10;
  Append(File("a"), std::string(kRange, 'x'), true);
  for (int i = 0; i < 32; ++i) {
    Append(File("a"), std::string(kRange, 'y'), false);  // one by one: the kernel writes back what was written at once
  }
  CutPower(&random);
  const std::string left = ReadFile(File("a"));
  ASSERT_GE(left.size(), kRange);
  EXPECT_EQ(left.substr(0, kRange), std::string(kRange, 'x'));
  const auto survived = std::count(left.begin(), left.end(), 'y');
  EXPECT_GT(survived, 0);
  EXPECT_LT(survived, std::ssize(left) - std::ptrdiff_t{kRange}) << "there are holes in what survived";
}

TEST_F(DiskTest, APowerCutKillsTheProcessThatUsesIt) {
  absl::StatusOr<testing::Process> process = testing::Process::Start(
      {"/bin/sh", "-c", "exec 3>" + File("open") + "; echo ready; exec sleep 1000"}, dir_.File("log"));
  ASSERT_TRUE(process.ok()) << process.status();
  const absl::Status status = disk_->CutPower(*process);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_FALSE(process->running());
}

TEST_F(DiskTest, CanBeFull) {
  const uint64_t before = disk_->free_bytes();
  ASSERT_TRUE(disk_->Fill(10 << 20).ok());
  EXPECT_THAT(disk_->free_bytes(), ::testing::AllOf(::testing::Ge(10u << 20), ::testing::Le(11u << 20)));
  disk_->Free();
  ASSERT_TRUE(disk_->Fill().ok());
  const std::string text(1 << 20, 'x');
  const int file = open(File("a").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  const ssize_t written = write(file, text.data(), text.size());
  EXPECT_LT(written, std::ssize(text));
  EXPECT_EQ(write(file, text.data(), text.size()), -1);
  EXPECT_EQ(errno, ENOSPC);
  disk_->Free();
  EXPECT_EQ(write(file, text.data(), text.size()), std::ssize(text));
  close(file);
  EXPECT_GT(disk_->free_bytes() + (4 << 20), before);
}

// The loop devices of the machine whose files are in `dir`; others may come and go meanwhile.
int LoopDevicesOf(const std::string& dir) {
  int count = 0;
  for (const auto& device : std::filesystem::directory_iterator("/sys/block")) {
    std::string file;
    std::ifstream in(device.path() / "loop/backing_file");
    std::getline(in, file);  // nothing of a device that goes while it is read
    count += file.starts_with(dir + "/") ? 1 : 0;
  }
  return count;
}

TEST_F(DiskTest, NothingIsLeftOfItWhenItsTestIsKilled) {
  const std::string dir = dir_.File("doomed");
  std::array<int, 2> ready{};
  ASSERT_EQ(pipe(ready.data()), 0);
  const pid_t test = fork();
  if (test == 0) {
    testing::EnterSandbox();
    const absl::StatusOr<std::unique_ptr<Disk>> disk = Disk::Make(dir, 64 << 20);
    absl::StatusOr<testing::Process> user = testing::Process::Start(
        {"/bin/sh", "-c", "exec 3>" + dir + "/disk/open; echo ready; exec sleep 1000"}, "/dev/null");
    if (!disk.ok() || !user.ok() || !user->ReadLine(testing::kPatience).ok() || write(ready[1], "", 1) != 1) {
      _exit(1);
    }
    pause();
    _exit(0);
  }
  close(ready[1]);
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1) << "the doomed test could not set itself up";
  EXPECT_EQ(LoopDevicesOf(dir), 1);
  kill(test, SIGKILL);
  ASSERT_EQ(waitpid(test, nullptr, 0), test);
  EXPECT_TRUE(testing::WaitUntil([&] { return LoopDevicesOf(dir) == 0; }));
  EXPECT_TRUE(testing::WaitUntil([] {
    return testing::RunCommand({"/usr/bin/pgrep", "-x", "sleep"}).out.empty();
  })) << "what it had started goes on";
  EXPECT_TRUE(std::filesystem::is_empty(dir + "/disk"));
  close(ready[0]);
}

}  // namespace
}  // namespace weir::chaos
