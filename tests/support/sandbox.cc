#include "tests/support/sandbox.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace weir::testing {
namespace {

absl::Status& Status() {
  static absl::Status status = absl::FailedPreconditionError("the test's main does not enter a sandbox");
  return status;
}

// Waits for `child`, and for orphans; then exits as `child` did.
[[noreturn]] void ExitAs(pid_t child) {
  int status = 0;
  for (pid_t ended = 0; ended != child;) {
    ended = waitpid(-1, &status, 0);
    if (ended < 0 && errno != EINTR) {
      _exit(1);
    }
  }
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

// A child that is killed when its parent ends. Returns in the child only.
void GoOnInChild() {
  std::array<int, 2> alive{};
  if (pipe2(alive.data(), O_CLOEXEC) != 0) {
    _exit(1);
  }
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) {
    std::perror("fork");
    _exit(1);
  }
  if (child > 0) {
    close(alive[0]);
    const bool told = write(alive[1], "", 1) == 1;
    if (!told) {
      _exit(1);
    }
    ExitAs(child);
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  close(alive[1]);
  char byte = 0;
  if (read(alive[0], &byte, 1) != 1) {
    _exit(1);  // the parent died before the line above
  }
  close(alive[0]);
}

absl::Status SetUp() {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
    return absl::ErrnoToStatus(errno, "mounting inside a sandbox");
  }
  const int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP;
  const bool up = ioctl(socket_fd, SIOCSIFFLAGS, &loopback) == 0;
  const absl::Status status = up ? absl::OkStatus() : absl::ErrnoToStatus(errno, "the sandbox's loopback device");
  close(socket_fd);
  return status;
}

}  // namespace

const absl::Status& SandboxStatus() { return Status(); }

void EnterSandbox() {
  if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID) != 0) {
    Status() = absl::ErrnoToStatus(errno, "this machine allows no sandbox (root is needed)");
    return;
  }
  GoOnInChild();  // as the first process of the sandbox: with it all others end
  GoOnInChild();  // as an ordinary one: the first cannot be killed by its own signals
  Status() = SetUp();
}

}  // namespace weir::testing
