// A disk of the test's own, whose power can be cut and which can be full: an ext4 file system on a loop device, whose
// image lies in memory. Inside a sandbox only (tests/support/sandbox.h), with which it disappears. One thread.
//
// What a power cut keeps is what the file system had given to its device: what was synced, and what the kernel has
// written back by itself, which on a disk of this kind is nothing for the first half minute. The device itself has no
// cache that could forget: that a sync flushes the true device's cache is the kernel's work, and is not tested here.
#ifndef WEIR_TESTS_CHAOS_DISK_H_
#define WEIR_TESTS_CHAOS_DISK_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/support/process.h"

namespace weir::chaos {

class Disk {
 public:
  // Makes a disk in the new directory `dir`. The memory it takes is what was ever written to it. FAILED_PRECONDITION
  // without a sandbox; UNAVAILABLE where the machine has no loop device or no mkfs.ext4.
  static absl::StatusOr<std::unique_ptr<Disk>> Make(const std::string& dir, uint64_t bytes = uint64_t{1} << 30);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  // Where it is mounted.
  const std::string& path() const { return path_; }

  // The power fails under `process`, and comes back: the process is dead, the disk is mounted again at its path. Other
  // processes must not use it. With `written_back`, the kernel has written back random parts of what was not synced.
  absl::Status CutPower(testing::Process& process, std::mt19937_64* written_back = nullptr);

  // Leaves about so many free bytes, until Free.
  absl::Status Fill(uint64_t leave_bytes = 0);
  void Free();
  uint64_t free_bytes() const;

 private:
  explicit Disk(const std::string& dir) : dir_(dir), path_(dir + "/disk") {}
  std::string image() const { return dir_ + "/device/image"; }
  std::string filler() const { return path_ + "/filler"; }
  absl::Status Mount() const;
  absl::Status WriteBack(std::mt19937_64& random) const;

  const std::string dir_;
  const std::string path_;
};

}  // namespace weir::chaos

#endif  // WEIR_TESTS_CHAOS_DISK_H_
