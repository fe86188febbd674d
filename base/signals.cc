#include "base/signals.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <utility>

namespace weir {

Signals::Signals() {
  sigset_t taken;
  sigemptyset(&taken);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    sigaddset(&taken, signal);
  }
  pthread_sigmask(SIG_BLOCK, &taken, &previous_);
  std::signal(SIGPIPE, SIG_IGN);
  signals_ = signalfd(-1, &taken, SFD_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC);
  if (signals_ < 0 || wake_ < 0) {
    std::abort();  // no file descriptors at the start of a process
  }
  thread_ = std::thread([this] { Run(); });
}

Signals::~Signals() {
  eventfd_write(wake_, 1);
  thread_.join();
  close(signals_);
  close(wake_);
  pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
}

bool Signals::WaitForReload() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return terminating_ || reload_; });
  reload_ = false;
  return !terminating_;
}

void Signals::WaitForTermination() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return terminating_; });
}

void Signals::RequestTermination() {
  const std::lock_guard<std::mutex> lock(mutex_);
  terminating_ = true;
  changed_.notify_all();
}

void Signals::Run() {
  std::array<pollfd, 2> sources{pollfd{signals_, POLLIN, 0}, pollfd{wake_, POLLIN, 0}};
  while (true) {
    if (poll(sources.data(), sources.size(), -1) < 0) {
      continue;
    }
    if (sources[1].revents != 0) {
      return;
    }
    signalfd_siginfo info;
    if (read(signals_, &info, sizeof(info)) != static_cast<ssize_t>(sizeof(info))) {
      continue;
    }
    if (info.ssi_signo == SIGHUP) {
      const std::lock_guard<std::mutex> lock(mutex_);
      reload_ = true;
      changed_.notify_all();
      continue;
    }
    const char* name = info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT";
    const std::lock_guard<std::mutex> lock(mutex_);
    if (terminating_) {
      spdlog::warn("{} again: ending at once", name);
      std::_Exit(1);
    }
    spdlog::info("{}: ending", name);
    terminating_ = true;
    changed_.notify_all();
  }
}

}  // namespace weir
