// The floor and the peers.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_replace.h"
#include "base/text.h"
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

constexpr size_t kLogBytes = 200;  // of a peer's own words
constexpr char kNginx[] = "/usr/sbin/nginx";
constexpr char kNchan[] = "/usr/lib/nginx/modules/ngx_nchan_module.so";

class Nchan final : public Target {
 public:
  static bool Installed() { return std::filesystem::exists(kNginx) && std::filesystem::exists(kNchan); }

  // An error when it does not start.
  static absl::StatusOr<std::unique_ptr<Target>> Start(const TargetOptions& options) {
    std::unique_ptr<Nchan> nchan(new Nchan(options));
    if (!testing::WaitUntil([&] { return testing::Connection::Open(nchan->plain_port_).ok(); })) {
      return absl::UnavailableError("it does not start: " +
                                    Quotable(testing::ReadFile(nchan->dir_.File("stderr")), kLogBytes));
    }
    for (int i = 0; i < kPublishers; ++i) {
      nchan->pipes_.emplace_back(nchan->plain_port_);
    }
    return nchan;
  }

  // A killed master leaves its workers.
  ~Nchan() override {
    process_.Signal(SIGTERM);
    process_.Wait(absl::Seconds(10)).IgnoreError();
  }

  std::string name() const override { return "nchan"; }
  bool peer() const override { return true; }
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
  }

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

std::vector<std::unique_ptr<Target>> StartOthers(const Plan& plan, const TargetOptions& options, Report& report) {
  const auto wanted = [&](const char* name) {
    return plan.targets.empty() || std::find(plan.targets.begin(), plan.targets.end(), name) != plan.targets.end();
  };
  std::vector<std::unique_ptr<Target>> targets;
  for (const bool merge : {false, true}) {
    if (options.certificate.empty() && wanted(merge ? "floor+" : "floor")) {
      targets.push_back(std::make_unique<Floor>(merge, options));
    }
  }
  const auto add_peer = [&](const char* name, bool installed, const auto& start) {
    if (!wanted(name)) {
      return;
    }
    absl::StatusOr<std::unique_ptr<Target>> peer = installed ? start() : absl::NotFoundError("it is not installed");
    if (peer.ok()) {
      targets.push_back(*std::move(peer));
    } else {
      report.Lacks(name, std::string(Message(peer.status())));
    }
  };
  add_peer("nchan", Nchan::Installed(), [&] { return Nchan::Start(options); });
  if (options.certificate.empty() && options.kept_events == 0) {
    add_peer("pushpin", Pushpin::Installed(), [] { return Pushpin::Start(); });
  }
  return targets;
}

}  // namespace weir::bench
