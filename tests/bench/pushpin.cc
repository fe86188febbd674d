#include "tests/bench/pushpin.h"

#include <fmt/format.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_replace.h"
#include "base/text.h"
#include "tests/support/http.h"
#include "tests/support/system.h"

namespace weir::bench {
namespace {

constexpr char kPushpin[] = "/usr/bin/pushpin";
constexpr char kInternal[] = "/usr/lib/pushpin/internal.conf";

// ZMTP 3.0 (https://rfc.zeromq.org/spec/23/): what a PUSH socket says first. No security.
std::string Greeting() {
  std::string bytes = std::string("\xFF") + std::string(8, '\0') + "\x7F" + std::string("\x03\0", 2) + "NULL";
  bytes.resize(64, '\0');
  const std::string ready = std::string("\x05READY\x0BSocket-Type") + std::string("\0\0\0\x04", 4) + "PUSH";
  return bytes + "\x04" + static_cast<char>(ready.size()) + ready;
}

// A message of one part.
std::string Frame(const std::string& message) {
  std::string head = "\x02";
  for (int shift = 56; shift >= 0; shift -= 8) {
    head += static_cast<char>(message.size() >> shift & 0xFF);
  }
  return head + message;
}

}  // namespace

bool Pushpin::Installed() { return std::filesystem::exists(kPushpin) && std::filesystem::exists(kInternal); }

absl::StatusOr<std::unique_ptr<Target>> Pushpin::Start() {
  std::unique_ptr<Pushpin> pushpin(new Pushpin());
  const testing::TempDir& dir = pushpin->dir_;
  const uint16_t push_port = FreePort();
  testing::WriteFile(dir.File("pushpin.conf"), absl::StrReplaceAll(testing::ReadFile(WEIR_BENCH_PEERS "/pushpin.conf"),
                                                                   {{"PUSH_PORT", std::to_string(push_port)},
                                                                    {"PORT", std::to_string(pushpin->port_)},
                                                                    {"DIR", dir.path()}}));
  // The same as the package's, but for the directory of the sockets between its processes.
  testing::WriteFile(
      dir.File("internal.conf"),
      absl::StrReplaceAll(testing::ReadFile(kInternal), {{"/var/run/zurl/zurl-", "{rundir}/{ipc_prefix}zurl-"}}));
  testing::WriteFile(dir.File("routes"), fmt::format("* 127.0.0.1:{}\n", pushpin->origin_.port()));
  pushpin->process_ = *testing::Process::Start(
      {kPushpin, "--config", dir.File("pushpin.conf"), "--logfile", dir.File("log")}, dir.File("stderr"));
  // Its processes find each other in their own time.
  const auto holds_readers = [&] {
    const auto stream = testing::SseStream::Open(pushpin->port_, pushpin->PathOf(0));
    return stream.ok() && stream->status() == 200 && testing::Connection::Open(push_port).ok();
  };
  if (!testing::WaitUntil(holds_readers)) {
    return absl::UnavailableError("it does not start: " + Quotable(testing::ReadFile(dir.File("log")), 200));
  }
  pushpin->pipe_.emplace(push_port);
  pushpin->pipe_->out() = Greeting();
  pushpin->pipe_->Flush();
  return pushpin;
}

// A killed runner leaves what it has started.
Pushpin::~Pushpin() {
  process_.Signal(SIGTERM);
  process_.Wait(absl::Seconds(10)).IgnoreError();
}

std::string Pushpin::PathOf(size_t topic) const { return fmt::format("/{}", topic); }

void Pushpin::Send(size_t topic, uint64_t sequence) {
  const std::string block = fmt::format("event: flash_message\nid: {}\ndata: {}\n\n", sequence, PayloadOf(sequence));
  const nlohmann::json item = {{"channel", std::to_string(topic)},
                               {"formats", {{"http-stream", {{"content", block}}}}}};
  pipe_->out() += Frame("J" + item.dump());
}

}  // namespace weir::bench
