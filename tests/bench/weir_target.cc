#include "tests/bench/weir_target.h"

#include <fmt/format.h>

#include <utility>

#include "absl/time/clock.h"
#include "apps/dispatch/v1/dispatch.pb.h"
#include "base/jwt.h"
#include "base/jwt_test_keys.h"

namespace weir::bench {
namespace {

constexpr char kConfig[] = R"(
auth:
  keys:
    - {algorithm: ES256, file: public.pem}
routes:
  - path: /stream
    filters: ["dispatch.{query.topic}"]
    websocket: true
  - path: /private
    filters: ["dispatch.{query.topic}"]
    auth: required
    websocket: true
)";

apps::dispatch::v1::FlashMessage Message(uint64_t sequence) {
  apps::dispatch::v1::FlashMessage message;
  message.set_id(fmt::format("@{:08}", sequence));
  message.set_text(std::string(170, 'x'));
  message.set_severity("warning");
  message.set_sender("central");
  return message;
}

}  // namespace

std::string PayloadOf(uint64_t sequence) {
  const apps::dispatch::v1::FlashMessage message = Message(sequence);
  return fmt::format(R"({{"id":"{}","text":"{}","severity":"{}","sender":"{}"}})", message.id(), message.text(),
                     message.severity(), message.sender());
}

WeirTarget::WeirTarget(const TargetOptions& options) : Target(options) {
  const std::string lines =
      tls() == nullptr ? "" : fmt::format("tls: {{certificate: {}, key: {}}}\n", options.certificate, options.key);
  testing::WriteFile(system_.edge_config_path(), lines + kConfig);
  testing::WriteFile(system_.dir().File("public.pem"), test::kRfcPublicPem);
  key_ = *JwtKey::Parse("ES256", test::kRfcPrivatePem, "private.pem");
  system_.StartServer();
  system_.StartEdge();
  client_ = std::make_unique<Client>(ClientOptions{.server = system_.grpc_address()});
  publisher_ = std::make_unique<Publisher>(*client_);
}

WeirTarget::~WeirTarget() = default;

std::unique_ptr<WeirTarget> WeirTarget::Start(const TargetOptions& options) {
  std::unique_ptr<WeirTarget> target(new WeirTarget(options));
  return target->system_.WaitReady() ? std::move(target) : nullptr;
}

uint16_t WeirTarget::port() const { return system_.http_port(); }

std::string WeirTarget::TopicOf(size_t topic) { return fmt::format("dispatch.t{}", topic); }

std::string WeirTarget::PathOf(size_t topic) const { return fmt::format("/stream?topic=t{}", topic); }

std::string WeirTarget::PrivatePathOf(size_t topic) { return fmt::format("/private?topic=t{}", topic); }

std::vector<pid_t> WeirTarget::pids() const { return {const_cast<testing::System&>(system_).edge().pid()}; }

void WeirTarget::Send(size_t topic, uint64_t sequence) {
  publisher_->Publish({.topic = TopicOf(topic), .payload = Message(sequence)}, [this](const PublishOutcome& outcome) {
    if (!outcome.status.ok()) {
      refused_.fetch_add(1);
    }
  });
}

std::string WeirTarget::TokenOf(const std::string& subject) const {
  const int64_t now = absl::ToUnixSeconds(absl::Now());
  return *SignJwt(*key_, {{"sub", subject}, {"iat", now}, {"exp", now + 3600}});
}

}  // namespace weir::bench
