// Calls everything that the fault library takes the place of, on the file of its argument, and says how it went: a line
// `NAME 0` or `NAME ERRNO` for each call, `clock NAME SECONDS` for each way to read the wall clock, and `wait NAME
// MILLIS` for waits of 50 ms until a time of that clock.
#include <fcntl.h>
#include <stdio.h>  // NOLINT: renameat2 is Linux's, not C++
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <string>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"

namespace {

void Say(const char* name, bool good) { std::printf("%s %d\n", name, good ? 0 : errno); }
void SayClock(const char* name, int64_t seconds) { std::printf("clock %s %ld\n", name, static_cast<long>(seconds)); }

template <typename Wait>
void SayWait(const char* name, Wait wait) {
  const auto start = std::chrono::steady_clock::now();
  wait();
  const auto took = std::chrono::steady_clock::now() - start;
  std::printf("wait %s %ld\n", name,
              static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
}

void Files(const char* path) {
  const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
  char byte = 'x';
  const iovec part{&byte, 1};
  Say("write", write(fd, &byte, 1) == 1);
  Say("pwrite", pwrite(fd, &byte, 1, 1) == 1);
  Say("writev", writev(fd, &part, 1) == 1);
  Say("fallocate", fallocate(fd, 0, 0, 8192) == 0);
  void* mapped = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  Say("fsync", fsync(fd) == 0);
  Say("fdatasync", fdatasync(fd) == 0);
  Say("sync_file_range", sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE) == 0);
  Say("msync", msync(mapped, 4096, MS_SYNC) == 0);
}

void Renames(const std::string& path) {
  const std::string to = path + ".renamed";
  Say("renameat2", renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0);
  std::remove(to.c_str());
}

void Clocks() {
  timeval now{};
  gettimeofday(&now, nullptr);
  SayClock("gettimeofday", now.tv_sec);
  SayClock("time", std::time(nullptr));
  SayClock("chrono", std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()));
  SayClock("absl", absl::ToUnixSeconds(absl::Now()));
  std::mutex mutex;
  std::condition_variable condition;
  SayWait("chrono", [&] {
    std::unique_lock lock(mutex);
    condition.wait_until(lock, std::chrono::system_clock::now() + std::chrono::milliseconds(50), [] { return false; });
  });
  absl::Mutex absl_mutex;
  absl::CondVar absl_condition;
  SayWait("absl", [&] {
    const absl::MutexLock lock(&absl_mutex);
    while (!absl_condition.WaitWithDeadline(&absl_mutex, absl::Now() + absl::Milliseconds(50))) {
    }
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    return 2;
  }
  Files(argv[1]);
  Renames(argv[1]);
  Clocks();
  return 0;
}
