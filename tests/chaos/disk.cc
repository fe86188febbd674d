#include "tests/chaos/disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <vector>

#include "tests/support/sandbox.h"
#include "tests/support/system.h"

namespace weir::chaos {
namespace {

namespace fs = std::filesystem;

// Of <linux/ext4.h>, which Debian 12 does not have yet: stop all writing at once, without writing the journal first.
constexpr unsigned long kShutdown = _IOR('X', 125, uint32_t);
constexpr uint32_t kWithoutFlush = 2;

absl::Status Run(const std::vector<std::string>& argv) {
  const testing::CommandResult result = testing::RunCommand(argv);
  return result.exit_code == 0 ? absl::OkStatus()
                               : absl::UnavailableError(fmt::format("{}: {}", argv.front(), result.err));
}

absl::Status Errno(const std::string& what) { return absl::ErrnoToStatus(errno, what); }

// An open file or directory.
class File {
 public:
  File(const std::string& path, int flags) : fd_(open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~File() { close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Disk>> Disk::Make(const std::string& dir, uint64_t bytes) {
  if (!testing::SandboxStatus().ok()) {
    return testing::SandboxStatus();
  }
  std::unique_ptr<Disk> disk(new Disk(dir));
  const std::string device = dir + "/device";
  fs::create_directories(device);
  fs::create_directories(disk->path_);
  if (mount("none", device.c_str(), "tmpfs", 0, fmt::format("size={}", bytes + (16 << 20)).c_str()) != 0) {
    return Errno("mounting memory for a disk");
  }
  const File image(disk->image(), O_RDWR | O_CREAT);
  if (ftruncate(image.fd(), static_cast<off_t>(bytes)) != 0) {
    return Errno("making a disk");
  }
  absl::Status status = Run({"/usr/sbin/mkfs.ext4", "-q", "-F", "-m", "0", disk->image()});
  if (status.ok()) {
    status = disk->Mount();
  }
  if (!status.ok()) {
    return status;
  }
  return disk;
}

Disk::~Disk() {
  umount2(path_.c_str(), MNT_DETACH);
  umount2((dir_ + "/device").c_str(), MNT_DETACH);
}

// The kernel writes back as late, and helps programs that forget to sync as little, as it can be told to.
absl::Status Disk::Mount() const {
  absl::Status status;
  // A loop device that was in use a moment ago may go just when it is chosen again.
  testing::WaitUntil(
      [&] {
        status = Run({"/usr/bin/mount", "-t", "ext4", "-o", "loop,commit=300,noauto_da_alloc", image(), path_});
        return status.ok();
      },
      absl::Seconds(10));
  return status;
}

absl::Status Disk::CutPower(testing::Process& process, std::mt19937_64* written_back) {
  process.Signal(SIGSTOP);
  if (written_back != nullptr) {
    if (absl::Status status = WriteBack(*written_back); !status.ok()) {
      return status;
    }
  }
  {
    const File root(path_, O_RDONLY);
    uint32_t how = kWithoutFlush;
    if (ioctl(root.fd(), kShutdown, &how) != 0) {
      return Errno("cutting the power");
    }
  }
  process.Kill();
  // The kernel may hold a killed process's files a moment longer than the process.
  int error = 0;
  testing::WaitUntil([&] {
    error = umount(path_.c_str()) == 0 ? 0 : errno;
    return error != EBUSY;
  });
  if (error != 0) {
    return absl::ErrnoToStatus(error, "unmounting a disk without power");
  }
  return Mount();
}

// Random ranges of all files, then the journal, with the sizes of the files as far as their ends were written.
absl::Status Disk::WriteBack(std::mt19937_64& random) const {
  constexpr off_t kRange = 64 << 10;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path_, error)) {
    if (!entry.is_regular_file(error)) {
      continue;
    }
    const File file(entry.path(), O_RDONLY);
    const auto size = static_cast<off_t>(entry.file_size(error));
    for (off_t at = 0; at < size; at += kRange) {
      if (random() % 2 == 0) {
        sync_file_range(file.fd(), at, kRange,
                        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
      }
    }
  }
  const File witness(path_ + "/witness", O_RDWR | O_CREAT);
  return !error && fsync(witness.fd()) == 0 ? absl::OkStatus() : Errno("writing back");
}

uint64_t Disk::free_bytes() const {
  struct statvfs info {};
  return statvfs(path_.c_str(), &info) == 0 ? static_cast<uint64_t>(info.f_bavail) * info.f_frsize : 0;
}

absl::Status Disk::Fill(uint64_t leave_bytes) {
  const File file(filler(), O_RDWR | O_CREAT);
  // The file system takes a little for itself on the way, so again until nothing more fits.
  off_t size = 0;
  for (off_t step = 64 << 20; step >= 4096;) {
    if (free_bytes() >= leave_bytes + static_cast<uint64_t>(step) && posix_fallocate(file.fd(), size, step) == 0) {
      size += step;
    } else {
      step /= 2;
    }
  }
  return size > 0 ? absl::OkStatus() : absl::ResourceExhaustedError("the disk was full before");
}

void Disk::Free() {
  std::error_code ignored;
  fs::remove(filler(), ignored);
}

}  // namespace weir::chaos
