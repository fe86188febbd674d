// What a test and the library inside the tested process share: which faults are in force, and how often each struck. A
// file that both map.
#ifndef WEIR_TESTS_CHAOS_FAULTLIB_BOARD_H_
#define WEIR_TESTS_CHAOS_FAULTLIB_BOARD_H_

#include <atomic>
#include <cstdint>

namespace weir::chaos {

// The environment variable that holds the file's path.
inline constexpr char kBoardVariable[] = "WEIR_FAULT_BOARD";

// All zero: no fault. Any thread of either process may write or read any member at any time.
struct Board {
  // fsync, fdatasync, sync_file_range, msync.
  std::atomic<int64_t> syncs_to_spare;     // so many next ones are left alone
  std::atomic<int64_t> sync_delay_millis;  // also those under way end when it is set back
  std::atomic<int64_t> syncs_to_fail;      // so many next ones fail with EIO, and sync nothing; below 0: until set to 0
  std::atomic<bool> ignore_syncs;          // they say that they have synced, and have not

  // write, pwrite, writev, fallocate of regular files other than stdin, stdout and stderr fail with ENOSPC.
  std::atomic<bool> no_space;

  // renameat2 with flags fails with it, as on a file system that does not know them; 0: it does not fail.
  std::atomic<int> rename_flags_errno;

  // accept4 fails with EMFILE. UBSan needs descriptors of its own, and ends a process that has none.
  std::atomic<bool> no_descriptors;

  // Added to CLOCK_REALTIME, however it is read; waits until a time of that clock are as long as they were.
  std::atomic<int64_t> clock_offset_millis;

  // Calls so far, and what was done to them.
  std::atomic<uint64_t> syncs;
  std::atomic<uint64_t> syncs_delayed;
  std::atomic<uint64_t> syncs_failed;
  std::atomic<uint64_t> syncs_ignored;
  std::atomic<uint64_t> writes;  // of regular files
  std::atomic<uint64_t> writes_failed;
  std::atomic<uint64_t> renames_failed;
  std::atomic<uint64_t> accepts_failed;
  std::atomic<uint64_t> clock_reads;
};

static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int64_t>::is_always_lock_free);

}  // namespace weir::chaos

#endif  // WEIR_TESTS_CHAOS_FAULTLIB_BOARD_H_
