// The floor and the peers.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "absl/strings/str_replace.h"
#include "tests/bench/peer_sockets.h"
#include "tests/bench/pushpin.h"
#include "tests/bench/target.h"
#include "tests/support/http.h"
#include "tests/support/process.h"
#include "tests/support/system.h"

namespace weir::bench {
namespace {

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
  std::vector<pid_t> pids() const override { return ChildrenOf(process_.pid()); }
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
  if (options.certificate.empty() && options.kept_events == 0 && wanted("pushpin")) {
    if (Pushpin::Installed()) {
      targets.push_back(std::make_unique<Pushpin>());
    } else {
      fmt::print(stderr, "pushpin is skipped: it is not installed\n");
    }
  }
  return targets;
}

}  // namespace weir::bench
