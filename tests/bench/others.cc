// The floor and the peers.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <utility>

#include "absl/strings/str_replace.h"
#include "tests/bench/target.h"
#include "tests/support/http.h"
#include "tests/support/process.h"
#include "tests/support/system.h"

namespace weir::bench {
namespace {

// A connection to publish over: what is written is on its way at Flush; answers are thrown away.
class Pipe {
 public:
  explicit Pipe(uint16_t port) : connection_(*testing::Connection::Open(port)) {
    const int on = 1;
    setsockopt(connection_.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }

  std::string& out() { return out_; }

  void Flush() {
    size_t sent = 0;
    while (sent < out_.size()) {
      Drain();
      const ssize_t took = send(connection_.fd(), out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (took < 0 && errno != EAGAIN) {
        std::perror("weir-bench: publishing");
        break;
      }
      sent += took < 0 ? 0 : static_cast<size_t>(took);
      if (took < 0) {
        pollfd ready{connection_.fd(), POLLOUT | POLLIN, 0};
        poll(&ready, 1, 1000);
      }
    }
    out_.clear();
  }

 private:
  void Drain() {
    std::array<char, 64 * 1024> answers;
    while (recv(connection_.fd(), answers.data(), answers.size(), MSG_DONTWAIT) > 0) {
    }
  }

  testing::Connection connection_;
  std::string out_;
};

class Floor final : public Target {
 public:
  Floor(bool merge, const TargetOptions& options) : Target(options), merge_(merge) {
    std::vector<std::string> argv = {testing::BinaryPath("weir-floor"), "--ring", std::to_string(options.kept_events)};
    if (merge) {
      argv.emplace_back("--merge");
    }
    process_ = *testing::Process::Start(argv, dir_.File("stderr"));
    const std::string line = *process_.ReadLine(testing::kPatience);
    std::array<unsigned, 3> ports{};
    if (std::sscanf(line.c_str(), "weir-floor ready: http=127.0.0.1:%u publish=%u,%u", &ports[0], &ports[1],
                    &ports[2]) != 3) {
      fmt::print(stderr, "weir-bench: weir-floor says '{}'\n", line);
      std::abort();
    }
    port_ = static_cast<uint16_t>(ports[0]);
    pipes_.emplace_back(static_cast<uint16_t>(ports[1]));
    pipes_.emplace_back(static_cast<uint16_t>(ports[2]));
  }

  std::string name() const override { return merge_ ? "floor+" : "floor"; }
  uint16_t port() const override { return port_; }
  std::string PathOf(size_t topic) const override { return fmt::format("/{}", topic); }
  std::vector<pid_t> pids() const override { return {process_.pid()}; }
  void Send(size_t topic, uint64_t sequence) override {
    const std::string line = fmt::format("{} {} {}\n", topic, sequence, PayloadOf(sequence));
    for (Pipe& pipe : pipes_) {
      pipe.out() += line;
    }
  }
  void Flush() override {
    for (Pipe& pipe : pipes_) {
      pipe.Flush();
    }
  }

 private:
  const bool merge_;
  testing::TempDir dir_;
  testing::Process process_;
  uint16_t port_ = 0;
  std::vector<Pipe> pipes_;
};

constexpr char kNginx[] = "/usr/sbin/nginx";
constexpr char kNchan[] = "/usr/lib/nginx/modules/ngx_nchan_module.so";

uint16_t FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  bind(fd, reinterpret_cast<const sockaddr*>(&address), size);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

class Nchan final : public Target {
 public:
  static bool Installed() { return std::filesystem::exists(kNginx) && std::filesystem::exists(kNchan); }

  explicit Nchan(const TargetOptions& options)
      : Target(options), plain_port_(FreePort()), port_(tls() == nullptr ? plain_port_ : FreePort()) {
    const std::string path = dir_.File("nginx.conf");
    const std::string listen_tls =
        tls() == nullptr
            ? ""
            : fmt::format("listen 127.0.0.1:{} ssl reuseport backlog=4096; ssl_certificate {}; ssl_certificate_key {};",
                          port_, options.certificate, options.key);
    testing::WriteFile(
        path,
        absl::StrReplaceAll(testing::ReadFile(WEIR_BENCH_PEERS "/nchan.conf"),
                            {{"PORT", std::to_string(plain_port_)}, {"LISTEN_TLS", listen_tls}, {"DIR", dir_.path()}}));
    process_ = *testing::Process::Start({kNginx, "-p", dir_.path(), "-c", path}, dir_.File("stderr"));
    if (!testing::WaitUntil([this] { return testing::Connection::Open(plain_port_).ok(); })) {
      fmt::print(stderr, "weir-bench: nginx does not start: {}\n", testing::ReadFile(dir_.File("stderr")));
      std::abort();
    }
    for (int i = 0; i < kPublishers; ++i) {
      pipes_.emplace_back(plain_port_);
    }
  }

  // A killed master leaves its workers.
  ~Nchan() override {
    process_.Signal(SIGTERM);
    process_.Wait(absl::Seconds(10)).IgnoreError();
  }

  std::string name() const override { return "nchan"; }
  uint16_t port() const override { return port_; }
  std::string PathOf(size_t topic) const override { return fmt::format("/sub?id={}", topic); }
  // Its workers.
  std::vector<pid_t> pids() const override {
    std::istringstream children(testing::ReadFile(fmt::format("/proc/{0}/task/{0}/children", process_.pid())));
    std::vector<pid_t> pids;
    for (pid_t pid = 0; children >> pid;) {
      pids.push_back(pid);
    }
    return pids;
  }
  void Send(size_t topic, uint64_t sequence) override {
    const std::string payload = PayloadOf(sequence);
    pipes_[topic % kPublishers].out() += fmt::format(
        "POST /pub?id={} HTTP/1.1\r\nHost: x\r\nX-EventSource-Event: flash_message\r\n"
        "Content-Length: {}\r\n\r\n{}",
        topic, payload.size(), payload);
  }
  void Flush() override {
    for (Pipe& pipe : pipes_) {
      pipe.Flush();
    }
  }

 private:
  static constexpr int kPublishers = 4;

  testing::TempDir dir_;
  const uint16_t plain_port_;
  const uint16_t port_;  // of readers
  testing::Process process_;
  std::vector<Pipe> pipes_;
};

}  // namespace

Target::Target(const TargetOptions& options) {
  if (!options.certificate.empty()) {
    tls_ = *load::TlsClient::Make(options.certificate, "127.0.0.1");
  }
}

std::vector<std::unique_ptr<Target>> StartOthers(const Plan& plan, const TargetOptions& options) {
  const auto wanted = [&](const char* name) {
    return plan.targets.empty() || std::find(plan.targets.begin(), plan.targets.end(), name) != plan.targets.end();
  };
  std::vector<std::unique_ptr<Target>> targets;
  for (const bool merge : {false, true}) {
    if (options.certificate.empty() && wanted(merge ? "floor+" : "floor")) {
      targets.push_back(std::make_unique<Floor>(merge, options));
    }
  }
  if (wanted("nchan") && Nchan::Installed()) {
    targets.push_back(std::make_unique<Nchan>(options));
  } else if (wanted("nchan")) {
    fmt::print(stderr, "nchan is skipped: nginx-light and libnginx-mod-nchan are not installed\n");
  }
  return targets;
}

}  // namespace weir::bench
