#include "edge/edge.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "base/logging.h"
#include "base/text.h"

namespace weir::edge {
namespace {

// A start waits so long for what is revoked, so that the first tokens can be judged; a server that is away is not
// waited for.
constexpr absl::Duration kRevocationsPatience = absl::Seconds(5);

uint32_t PresentationsOf(const Routes& routes) { return static_cast<uint32_t>(routes.presentations().size()); }

size_t CountSame(const Routes& before, const Routes& after) {
  size_t same = 0;
  for (const std::shared_ptr<const Route>& route : after.all()) {
    same += before.Find(route->path) == route ? 1 : 0;
  }
  return same;
}

// Keys that were fetched stay in force where they are still fetched from the same place; and a key that has signed a
// token has signed it, whatever is configured.
void KeepWhatIsKnown(const AuthConfig& before, AuthConfig& next) {
  if (before.verifier == nullptr || next.verifier == nullptr) {
    return;
  }
  next.jwks->GoOnFrom(*before.jwks);
  next.verifier = std::make_shared<const JwtVerifier>(next.verifier->Remembering(before.verifier->options().verified));
  for (const JwksSource& source : next.jwks->sources()) {
    const auto& old = before.jwks->sources();
    if (std::none_of(old.begin(), old.end(), [&](const JwksSource& was) { return was.SamePlace(source); })) {
      continue;
    }
    for (const JwtProvider& provider : before.verifier->options().providers) {
      if (provider.issuer == source.issuer) {
        next.verifier = std::make_shared<const JwtVerifier>(*next.verifier->WithKeys(source.issuer, provider.keys));
      }
    }
  }
}

ClientTls TlsOf(const EdgeConfig& config) {
  return {.ca = config.server_tls.ca, .certificate = config.server_tls.certificate, .key = config.server_tls.key};
}

std::function<std::string()> TokenOf(const EdgeConfig& config) {
  return config.server_token_file.empty() ? nullptr : TokenFromFile(config.server_token_file);
}

}  // namespace

Edge::Edge(EdgeConfig config)
    : config_(std::move(config)),
      token_(TokenOf(config_)),
      client_(ConnectionAs("weir-edge")),
      schemas_(client_),
      tail_({.bytes_max = config_.tail_bytes_max, .presentations = PresentationsOf(config_.routes)}),
      history_client_(ConnectionAs("weir-edge-history")),
      history_queue_(history_.emplace(history_client_, schemas_), config_.limits.history_reads_max) {
  const HubServices services = {tail_, history_queue_, census_.principals};
  for (uint32_t i = 0; i < config_.threads; ++i) {
    HubOptions options;
    options.send_buffer_bytes = config_.limits.send_buffer_bytes;
    options.slow_reader_timeout = config_.limits.slow_reader_timeout;
    hubs_.push_back(std::make_unique<FanoutHub>(options, services));
  }
}

ClientOptions Edge::ConnectionAs(const std::string& name) const {
  return {.server = config_.server.ToString(), .tls = TlsOf(config_), .token = token_, .name = name};
}

Edge::~Edge() {
  if (jwks_ != nullptr) {
    jwks_->Stop();
  }
}

absl::Status Edge::Start() {
  JudgeRevoked(config_.auth);
  std::vector<Hub*> hubs;
  for (const auto& hub : hubs_) {
    hubs.push_back(hub.get());
  }
  absl::StatusOr<std::unique_ptr<FrontEnd>> front = FrontEnd::Start(config_, std::move(hubs), census_, http_metrics_);
  if (!front.ok()) {
    return front.status();
  }
  front_ = *std::move(front);
  upstream_.emplace(client_, schemas_, tail_,
                    UpstreamOptions{.filters = config_.routes.upstream_filters(), .history = config_.tail_history});
  const bool judges = config_.auth.verifier != nullptr;  // from here on fetched keys may replace it
  FetchKeys();
  if (judges) {
    ReadRevocations();
    revocation_feed_->AwaitAnswer(kRevocationsPatience);
  }
  return absl::OkStatus();
}

void Edge::JudgeRevoked(AuthConfig& auth) const {
  if (auth.verifier != nullptr) {
    auth.revocations = revocations_;
  }
}

void Edge::ReadRevocations() {
  revocations_->SetMax(config_.auth.revocations_max);
  reads_revocations_ = true;
  if (!revocation_feed_) {
    revocation_feed_.emplace(client_, *revocations_,
                             [this](const RevocationTable& revoked) { front_->EndRevoked(revoked); });
  }
}

void Edge::FetchKeys() {
  jwks_ = config_.auth.jwks;
  jwks_metrics_->Set(jwks_);
  jwks_->Start([this](const std::string& issuer, std::vector<JwtKey> keys) { OnKeys(issuer, std::move(keys)); });
}

// On the refresher's thread. The hubs are told before the refresher says that nothing is under way any more.
void Edge::OnKeys(const std::string& issuer, std::vector<JwtKey> keys) {
  const std::lock_guard lock(mutex_);
  absl::StatusOr<JwtVerifier> verifier = config_.auth.verifier->WithKeys(issuer, std::move(keys));
  if (!verifier.ok()) {
    spdlog::error("keys of {}: {}", Quotable(issuer), Message(verifier.status()));
    return;
  }
  if (verifier->SameKeys(*config_.auth.verifier)) {
    return;
  }
  config_.auth.verifier = std::make_shared<const JwtVerifier>(*std::move(verifier));
  front_->SetVerifier(config_.auth.verifier);
}

void Edge::Reload(absl::StatusOr<EdgeConfig> next) {
  jwks_->Stop();  // without the lock, which its callback takes
  absl::Status status = next.status();
  if (next.ok()) {
    const std::lock_guard lock(mutex_);
    status = TakeOver(*std::move(next));
    upstream_->Retry();
  }
  if (config_.auth.verifier != nullptr) {
    ReadRevocations();
  }
  FetchKeys();
  if (status.ok()) {
    ++reloads_.ok;
  } else {
    spdlog::error("reload: {}; the configuration in force stays", Message(status));
    ++reloads_.failed;  // whoever sees it finds the line
  }
}

void Edge::SetCredentials(const EdgeConfig& config, const std::function<std::string()>& token) {
  client_.SetCredentials(TlsOf(config), token);
  history_client_.SetCredentials(TlsOf(config), token);
}

// The upstream asks for new filters before anybody can read them, and for old ones until nobody does.
absl::Status Edge::TakeOver(EdgeConfig next) {
  for (const std::string& warning : next.auth.warnings) {
    spdlog::warn("{}", warning);
  }
  KeepWhatIsKnown(config_.auth, next.auth);
  JudgeRevoked(next.auth);
  const std::vector<std::string_view> fixed = KeepFixed(config_, next);
  // One whose keys are fetched asks its own refresher for them.
  if (next.auth.jwks->sources().empty() && config_.auth.verifier != nullptr && next.auth.verifier != nullptr &&
      next.auth.verifier->SameRules(*config_.auth.verifier) && next.auth.verifier->SameKeys(*config_.auth.verifier)) {
    next.auth.verifier = config_.auth.verifier;
  }
  if (config_.tls != nullptr && next.tls != nullptr && next.tls->SameAs(*config_.tls)) {
    next.tls = config_.tls;  // with its tickets
  }
  // A function that goes on remembers the last good token.
  const std::function<std::string()> token =
      next.server_token_file == config_.server_token_file ? token_ : TokenOf(next);
  const bool new_credentials =
      next.server_tls != config_.server_tls || next.server_token_file != config_.server_token_file;
  if (new_credentials) {
    SetCredentials(next, token);  // also for what the new routes ask for
  }
  bool reopened = false;
  size_t filters_asked = config_.routes.upstream_filters().size();
  absl::Status status =
      next.routes.Succeed(config_.routes, [&](const std::vector<std::string>& filters, uint32_t presentations) {
        reopened = true;
        filters_asked = filters.size();
        return upstream_->Reopen(filters, presentations);
      });
  const size_t same = CountSame(config_.routes, next.routes);
  const size_t before = config_.routes.all().size();
  const absl::StatusOr<bool> old_readers_gone = status.ok() ? front_->Reload(next) : status;
  if (!old_readers_gone.ok()) {
    if (new_credentials) {
      SetCredentials(config_, token_);
    }
    if (reopened) {
      upstream_->Reopen(config_.routes.upstream_filters(), PresentationsOf(config_.routes));
    }
    return old_readers_gone.status();
  }
  config_ = std::move(next);
  token_ = token;
  if (!*old_readers_gone) {
    spdlog::warn(
        "reload: not all readers of the routes before could be ended yet; their filters stay until the next one");
  } else if (config_.routes.upstream_filters().size() < filters_asked) {
    upstream_->Reopen(config_.routes.upstream_filters(), PresentationsOf(config_.routes));
  }
  if (!fixed.empty()) {
    spdlog::warn("reload: {} cannot change without a restart, and stay as they are", fmt::join(fixed, ", "));
  }
  static_cast<void>(SetLogLevel(config_.log_level));
  const size_t now = config_.routes.all().size();
  spdlog::info("reload: taken over; of {} routes {} go on, {} are new or changed, {} are gone or changed", before, same,
               now - same, before - same);
  return absl::OkStatus();
}

absl::Status Edge::Readiness() const {
  if (draining_) {
    return absl::UnavailableError("the edge is shutting down");
  }
  // Its streams stay, and it recovers by itself: a reason to send it no new readers, none to restart it.
  const UpstreamStatus& upstream = upstream_->status();
  const bool refused = upstream.refused;  // before the reason, which is there first
  const std::string problem = upstream.problem();
  if (refused) {
    return absl::UnavailableError(
        fmt::format("the server refuses the subscription: {}; it is asked again every minute", problem));
  }
  if (!tail_.state().ready) {
    return absl::UnavailableError(problem.empty() ? "the recent events are not read yet"
                                                  : fmt::format("the server cannot be read: {}", problem));
  }
  return reads_revocations_ ? revocations_->Readiness() : absl::OkStatus();
}

std::vector<std::shared_ptr<prometheus::Collectable>> Edge::Metrics() const {
  std::vector<const HubCounters*> counters;
  for (const auto& hub : hubs_) {
    counters.push_back(&hub->counters());
  }
  return {http_metrics_, jwks_metrics_, revocations_,
          std::make_shared<EdgeMetrics>(tail_, history_queue_, upstream_->status(), reloads_, std::move(counters))};
}

void Edge::Drain() {
  spdlog::info("shutting down: ending streams over {}", absl::FormatDuration(config_.drain_window));
  draining_ = true;
  jwks_->Stop();
  front_->Drain();
}

}  // namespace weir::edge
