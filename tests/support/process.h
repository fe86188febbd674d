// Runs the real binaries for tests and benchmarks: starts them on port 0, finds their ports in what they print, and
// never leaves one behind. One thread.
#ifndef WEIR_TESTS_SUPPORT_PROCESS_H_
#define WEIR_TESTS_SUPPORT_PROCESS_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace weir::testing {

// A child process. Its stdout is read here; its stderr goes to a file.
class Process {
 public:
  // Starts `argv[0]` with the environment of the caller plus `environment`.
  static absl::StatusOr<Process> Start(const std::vector<std::string>& argv, const std::string& stderr_path,
                                       const std::map<std::string, std::string>& environment = {},
                                       const std::string& stdin_path = "/dev/null");

  Process() = default;
  Process(Process&& other) noexcept { *this = std::move(other); }
  Process& operator=(Process&& other) noexcept;
  // Kills the process and waits for it.
  ~Process();

  // The next line of stdout without its newline; DEADLINE_EXCEEDED, or OUT_OF_RANGE at the end of the output.
  absl::StatusOr<std::string> ReadLine(absl::Duration timeout);
  // All remaining output until the end.
  absl::StatusOr<std::string> ReadAll(absl::Duration timeout);

  void Signal(int signal) const;
  // The exit code, or 128 + the signal that ended it; DEADLINE_EXCEEDED when it is still running.
  absl::StatusOr<int> Wait(absl::Duration timeout);
  // SIGKILL, and waits.
  void Kill();

  bool running() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }

 private:
  absl::Status Fill(absl::Time deadline);

  pid_t pid_ = -1;
  int out_ = -1;
  bool out_ended_ = false;
  std::string buffer_;
};

// How long tests wait for what must come: success costs nothing, and a machine under load, with sanitizers, is slow.
inline constexpr absl::Duration kPatience = absl::Seconds(60);

struct CommandResult {
  int exit_code = -1;
  std::string out;
  std::string err;
};

// Runs a command to its end, with `input` as its stdin. A command that takes longer than `timeout` is killed: exit code
// 137.
CommandResult RunCommand(const std::vector<std::string>& argv, const std::string& input = "",
                         absl::Duration timeout = kPatience,
                         const std::map<std::string, std::string>& environment = {});

// The path of one of our binaries, beside the running test's build directory: `weir-server`.
std::string BinaryPath(std::string_view name);
// The build directory's `share/weir/apps.binpb`.
std::string AppsDescriptorPath();

// A directory that is removed with everything in it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  std::string File(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

void WriteFile(const std::string& path, std::string_view content);
std::string ReadFile(const std::string& path);

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_PROCESS_H_
