#include "tests/support/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/time/clock.h"

extern char** environ;  // NOLINT: POSIX gives it no header

namespace weir::testing {
namespace {

int ExitCode(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

}  // namespace

absl::StatusOr<Process> Process::Start(const std::vector<std::string>& argv, const std::string& stderr_path,
                                       const std::map<std::string, std::string>& environment,
                                       const std::string& stdin_path) {
  std::array<int, 2> out{};
  if (pipe2(out.data(), O_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(errno, "pipe2");
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, stdin_path.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_addopen(&actions, 2, stderr_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);

  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!environment.contains(text.substr(0, text.find('=')))) {
      variables.push_back(text);
    }
  }
  for (const auto& [name, value] : environment) {
    variables.push_back(fmt::format("{}={}", name, value));
  }
  std::vector<char*> args;
  for (const std::string& arg : argv) {
    args.push_back(const_cast<char*>(arg.c_str()));
  }
  args.push_back(nullptr);
  std::vector<char*> env;
  for (const std::string& variable : variables) {
    env.push_back(const_cast<char*>(variable.c_str()));
  }
  env.push_back(nullptr);

  Process process;
  const int error = posix_spawn(&process.pid_, argv[0].c_str(), &actions, nullptr, args.data(), env.data());
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]);
  process.out_ = out[0];
  if (error != 0) {
    process.pid_ = -1;
    return absl::ErrnoToStatus(error, fmt::format("cannot start {}", argv[0]));
  }
  return process;
}

Process& Process::operator=(Process&& other) noexcept {
  Kill();
  if (out_ >= 0) {
    close(out_);
  }
  pid_ = std::exchange(other.pid_, -1);
  out_ = std::exchange(other.out_, -1);
  out_ended_ = other.out_ended_;
  buffer_ = std::move(other.buffer_);
  return *this;
}

Process::~Process() {
  Kill();
  if (out_ >= 0) {
    close(out_);
  }
}

absl::Status Process::Fill(absl::Time deadline) {
  pollfd ready{out_, POLLIN, 0};
  const auto millis = absl::ToInt64Milliseconds(deadline - absl::Now());
  if (poll(&ready, 1, millis < 0 ? 0 : static_cast<int>(millis)) <= 0) {
    return absl::DeadlineExceededError("no output in time");
  }
  std::array<char, 65536> bytes;
  const ssize_t count = read(out_, bytes.data(), bytes.size());
  if (count <= 0) {
    out_ended_ = true;
    return absl::OutOfRangeError("end of output");
  }
  buffer_.append(bytes.data(), static_cast<size_t>(count));
  return absl::OkStatus();
}

absl::StatusOr<std::string> Process::ReadLine(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  for (;;) {
    if (const size_t end = buffer_.find('\n'); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    if (absl::Status status = Fill(deadline); !status.ok()) {
      return status;
    }
  }
}

absl::StatusOr<std::string> Process::ReadAll(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  for (;;) {
    const absl::Status status = Fill(deadline);
    if (absl::IsOutOfRange(status)) {
      return std::exchange(buffer_, std::string());
    }
    if (!status.ok()) {
      return status;
    }
  }
}

void Process::Signal(int signal) const {
  if (pid_ > 0) {
    kill(pid_, signal);
  }
}

absl::StatusOr<int> Process::Wait(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  int status = 0;
  while (waitpid(pid_, &status, WNOHANG) != pid_) {
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError("the process is still running");
    }
    absl::SleepFor(absl::Milliseconds(2));
  }
  pid_ = -1;
  return ExitCode(status);
}

void Process::Kill() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
  }
}

CommandResult RunCommand(const std::vector<std::string>& argv, const std::string& input, absl::Duration timeout,
                         const std::map<std::string, std::string>& environment) {
  TempDir dir;
  WriteFile(dir.File("in"), input);
  WriteFile(dir.File("err"), "");
  CommandResult result;
  absl::StatusOr<Process> process = Process::Start(argv, dir.File("err"), environment, dir.File("in"));
  if (!process.ok()) {
    result.err = process.status().ToString();
    return result;
  }
  const absl::Time deadline = absl::Now() + timeout;
  if (absl::StatusOr<std::string> out = process->ReadAll(timeout); out.ok()) {
    result.out = *std::move(out);
  }
  const absl::StatusOr<int> code = process->Wait(deadline - absl::Now());
  result.exit_code = code.ok() ? *code : 128 + SIGKILL;
  result.err = ReadFile(dir.File("err"));
  return result;
}

std::string BinaryPath(std::string_view name) {
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  return (self.parent_path().parent_path() / "bin" / name).string();
}

std::string AppsDescriptorPath() {
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  return (self.parent_path().parent_path() / "share/weir/apps.binpb").string();
}

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "weir-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    std::abort();
  }
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void WriteFile(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc).write(content.data(), std::ssize(content));
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace weir::testing
