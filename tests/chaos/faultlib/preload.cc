// The library that makes faults inside a process: loaded before all others, it takes the place of libc's functions and
// does what the board says (board.h), else what libc does. Without a board it does nothing.
//
// It may run before any constructor of the process and inside its allocator, so it uses neither the heap nor the C++
// library.
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>  // NOLINT: renameat2 is Linux's, not C++
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>

#include "tests/chaos/faultlib/board.h"

namespace {

using weir::chaos::Board;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kNanosPerMilli = 1'000'000;

Board no_board;            // nothing is ever written to its switches
Board* board = &no_board;  // set once, before main

__attribute__((constructor)) void MapBoard() {
  const char* path = std::getenv(weir::chaos::kBoardVariable);
  const int file = path == nullptr ? -1 : open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) {
    return;
  }
  void* mapped = mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (mapped != MAP_FAILED) {
    board = static_cast<Board*>(mapped);
  }
}

// The function whose place was taken: libc's, or a sanitizer's.
void* Next(std::atomic<void*>& known, const char* name) {
  void* next = known.load(kRelaxed);
  if (next == nullptr) {
    next = dlsym(RTLD_NEXT, name);
    known.store(next, kRelaxed);
  }
  return next;
}

// Calls it.
#define WEIR_NEXT(name, ...)                                                     \
  [&] {                                                                          \
    static std::atomic<void*> known;                                             \
    return reinterpret_cast<decltype(&::name)>(Next(known, #name))(__VA_ARGS__); \
  }()

int Refuse(int error) {
  errno = error;
  return -1;
}

int64_t MonotonicMillis() {
  timespec now{};
  WEIR_NEXT(clock_gettime, CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / kNanosPerMilli;
}

// Whether some are left; counts down to 0, and below 0 not at all.
bool TakeOne(std::atomic<int64_t>& count) {
  int64_t left = count.load(kRelaxed);
  while (left > 0 && !count.compare_exchange_weak(left, left - 1, kRelaxed)) {
  }
  return left != 0;
}

// What a sync does, and what becomes of it; `next` is the true one.
template <typename True>
int Sync(True next) {
  board->syncs.fetch_add(1, kRelaxed);
  if (TakeOne(board->syncs_to_spare)) {
    return next();
  }
  if (board->sync_delay_millis.load(kRelaxed) > 0) {
    board->syncs_delayed.fetch_add(1, kRelaxed);
    for (const int64_t start = MonotonicMillis();
         MonotonicMillis() < start + board->sync_delay_millis.load(kRelaxed);) {
      usleep(1'000);
    }
  }
  if (TakeOne(board->syncs_to_fail)) {
    board->syncs_failed.fetch_add(1, kRelaxed);
    return Refuse(EIO);
  }
  if (board->ignore_syncs.load(kRelaxed)) {
    board->syncs_ignored.fetch_add(1, kRelaxed);
    return 0;
  }
  return next();
}

// Whether this write, which changes the file behind `fd`, finds no space.
bool NoSpace(int fd) {
  struct stat info {};
  const int saved = errno;
  const bool counts = fd > STDERR_FILENO && fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  errno = saved;
  if (!counts) {
    return false;
  }
  board->writes.fetch_add(1, kRelaxed);
  if (!board->no_space.load(kRelaxed)) {
    return false;
  }
  board->writes_failed.fetch_add(1, kRelaxed);
  return true;
}

timespec Add(const timespec& time, int64_t millis) {
  const int64_t nanos = time.tv_sec * kNanosPerSecond + time.tv_nsec + millis * kNanosPerMilli;
  return {.tv_sec = nanos / kNanosPerSecond, .tv_nsec = nanos % kNanosPerSecond};
}

int64_t ClockOffset() { return board->clock_offset_millis.load(kRelaxed); }

bool IsWallClock(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

// A moment of the shifted clock as one of the kernel's; null stays null.
const timespec* KernelTime(const timespec* time, timespec& storage) {
  if (time == nullptr || ClockOffset() == 0) {
    return time;
  }
  storage = Add(*time, -ClockOffset());
  return &storage;
}

}  // namespace

extern "C" {

int fsync(int fd) {
  return Sync([&] { return WEIR_NEXT(fsync, fd); });
}

int fdatasync(int fd) {
  return Sync([&] { return WEIR_NEXT(fdatasync, fd); });
}

int sync_file_range(int fd, off64_t offset, off64_t bytes, unsigned int flags) {
  // Without flags it only asks whether there is such a call.
  const auto next = [&] { return WEIR_NEXT(sync_file_range, fd, offset, bytes, flags); };
  return flags == 0 ? next() : Sync(next);
}

int msync(void* address, size_t length, int flags) {
  return Sync([&] { return WEIR_NEXT(msync, address, length, flags); });
}

ssize_t write(int fd, const void* bytes, size_t count) {
  return NoSpace(fd) ? Refuse(ENOSPC) : WEIR_NEXT(write, fd, bytes, count);
}

ssize_t pwrite(int fd, const void* bytes, size_t count, off_t offset) {
  return NoSpace(fd) ? Refuse(ENOSPC) : WEIR_NEXT(pwrite, fd, bytes, count, offset);
}

ssize_t writev(int fd, const iovec* parts, int count) {
  return NoSpace(fd) ? Refuse(ENOSPC) : WEIR_NEXT(writev, fd, parts, count);
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
  return NoSpace(fd) ? Refuse(ENOSPC) : WEIR_NEXT(fallocate, fd, mode, offset, length);
}

int renameat2(int old_dir, const char* old_path, int new_dir, const char* new_path, unsigned int flags) __THROW {
  const int error = flags == 0 ? 0 : board->rename_flags_errno.load(kRelaxed);
  if (error == 0) {
    return WEIR_NEXT(renameat2, old_dir, old_path, new_dir, new_path, flags);
  }
  board->renames_failed.fetch_add(1, kRelaxed);
  return Refuse(error);
}

int accept4(int socket, sockaddr* address, socklen_t* size, int flags) {
  if (!board->no_descriptors.load(kRelaxed)) {
    return WEIR_NEXT(accept4, socket, address, size, flags);
  }
  board->accepts_failed.fetch_add(1, kRelaxed);
  return Refuse(EMFILE);
}

int clock_gettime(clockid_t clock, timespec* time) __THROW {
  const int result = WEIR_NEXT(clock_gettime, clock, time);
  if (result == 0 && IsWallClock(clock)) {
    board->clock_reads.fetch_add(1, kRelaxed);
    *time = Add(*time, ClockOffset());
  }
  return result;
}

int gettimeofday(timeval* time, void* zone) __THROW {
  const int result = WEIR_NEXT(gettimeofday, time, zone);
  if (result == 0) {
    board->clock_reads.fetch_add(1, kRelaxed);
    const timespec shifted = Add({.tv_sec = time->tv_sec, .tv_nsec = time->tv_usec * 1000}, ClockOffset());
    *time = {.tv_sec = shifted.tv_sec, .tv_usec = shifted.tv_nsec / 1000};
  }
  return result;
}

time_t time(time_t* out) __THROW {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (out != nullptr) {
    *out = now.tv_sec;
  }
  return now.tv_sec;
}

// A condition variable that was told another clock is not known here: none of ours is.
int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* until) {
  timespec storage{};
  return WEIR_NEXT(pthread_cond_timedwait, condition, mutex, KernelTime(until, storage));
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock, const timespec* until) {
  timespec storage{};
  return WEIR_NEXT(pthread_cond_clockwait, condition, mutex, clock,
                   IsWallClock(clock) ? KernelTime(until, storage) : until);
}

// Abseil waits by it until a time of the wall clock.
long syscall(long number, ...) __THROW {
  va_list list;
  va_start(list, number);
  long args[6];
  for (long& arg : args) {
    arg = va_arg(list, long);
  }
  va_end(list);
  timespec storage{};
  if (number == SYS_futex && (args[1] & FUTEX_CLOCK_REALTIME) != 0) {
    args[3] = reinterpret_cast<long>(KernelTime(reinterpret_cast<const timespec*>(args[3]), storage));
  }
  return WEIR_NEXT(syscall, number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

}  // extern "C"
