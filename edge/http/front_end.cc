#include "edge/http/front_end.h"

#include <boost/asio/post.hpp>
#include <condition_variable>
#include <mutex>
#include <random>
#include <utility>

#include "absl/time/clock.h"

namespace weir::edge {
namespace {

// A reload waits so long for the hubs, which need a moment.
constexpr absl::Duration kReloadGrace = absl::Minutes(1);
// How much longer than its window a drain may take, and how long answers under way then have.
constexpr absl::Duration kDrainGrace = absl::Seconds(3);
constexpr absl::Duration kAnswersGrace = absl::Milliseconds(500);
constexpr absl::Duration kAnswersInterval = absl::Milliseconds(10);

std::chrono::milliseconds Millis(absl::Duration duration) { return absl::ToChronoMilliseconds(duration); }

ListenerOptions OptionsOf(const EdgeConfig& config) {
  const EdgeConfig::Limits& limits = config.limits;
  ListenerOptions options;
  options.connection = {.tls = config.tls,
                        .head_bytes_max = limits.head_bytes_max,
                        .head_timeout = Millis(limits.head_timeout),
                        .keep_alive_timeout = Millis(limits.keep_alive_timeout),
                        .write_timeout = Millis(limits.slow_reader_timeout),
                        .trusted_proxies = config.trusted_proxies,
                        .proxy_protocol = config.proxy_protocol,
                        .web_socket = {.messages_per_minute = limits.websocket_messages_per_minute,
                                       .message_timeout = limits.head_timeout}};
  return options;
}

// Who may not go on: readers of a route that is not there any more as it was, and those whose token was judged by a key
// or by rules that are no longer in force.
Hub::Judgement JudgementBetween(const JwtVerifier* before, const FrontDeskOptions& after) {
  const bool same_rules = before != nullptr && after.verifier != nullptr && after.verifier->SameRules(*before);
  return [same_rules, routes = after.routes, verifier = after.verifier](const Route& route, const TokenMarks& token) {
    const std::shared_ptr<const Route> now = routes->Find(route.path);
    if (now == nullptr || now->stopped) {
      return Hub::Fate::kGone;
    }
    const bool same_key = token.key == 0 || (same_rules && verifier->HasKey(token.key));
    return now.get() == &route && same_key ? Hub::Fate::kStays : Hub::Fate::kChanged;
  };
}

// Counts down to zero; shared by those who count, so that a late one finds it.
struct Countdown {
  explicit Countdown(size_t count) : left(count) {}

  void Down() {
    const std::lock_guard<std::mutex> lock(mutex);
    --left;
    changed.notify_all();
  }
  bool AwaitZero(absl::Duration timeout) {
    std::unique_lock<std::mutex> lock(mutex);
    return changed.wait_for(lock, Millis(timeout), [this] { return left == 0; });
  }

  std::mutex mutex;
  std::condition_variable changed;
  size_t left ABSL_GUARDED_BY(mutex);
};

}  // namespace

FrontEnd::FrontEnd(const EdgeConfig& config, std::vector<Hub*> hubs, ConnectionCensus& census,
                   std::shared_ptr<HttpMetrics> metrics)
    : config_(config),
      hubs_(std::move(hubs)),
      metrics_(std::move(metrics)),
      address_(config.listen),
      admission_(config.limits, census, {hubs_.begin(), hubs_.end()}, *metrics_),
      revoked_streams_(hubs_, config.drain_retry_max) {}

absl::StatusOr<std::unique_ptr<FrontEnd>> FrontEnd::Start(const EdgeConfig& config, std::vector<Hub*> hubs,
                                                          ConnectionCensus& census,
                                                          std::shared_ptr<HttpMetrics> metrics) {
  std::unique_ptr<FrontEnd> front(new FrontEnd(config, std::move(hubs), census, std::move(metrics)));
  if (absl::Status status = front->Open(); !status.ok()) {
    return status;
  }
  front->Run();
  return front;
}

absl::StatusOr<FrontDeskOptions> FrontEnd::DeskOf(const EdgeConfig& config) {
  FrontDeskOptions desk;
  desk.principal_full = [this](std::string_view principal) { return admission_.PrincipalFull(principal); };
  desk.routes = std::make_shared<const Routes>(config.routes);
  desk.verifier = config.auth.verifier;
  desk.leeway = config.auth.leeway;
  desk.tickets = config.auth.tickets;
  desk.revocations = config.auth.revocations;
  desk.stream_age_max = config.auth.stream_age_max;
  desk.cors = config.cors;
  desk.hosts = config.hosts;
  desk.retry_max = config.drain_retry_max;
  if (config.static_files) {
    absl::StatusOr<StaticFiles> files = StaticFiles::Open(*config.static_files);
    if (!files.ok()) {
      return files.status();
    }
    desk.static_files = std::make_shared<const StaticFiles>(*std::move(files));
  }
  return desk;
}

absl::Status FrontEnd::Open() {
  absl::StatusOr<FrontDeskOptions> desk = DeskOf(config_);
  if (!desk.ok()) {
    return desk.status();
  }
  if (absl::Status status = ListeningSocket::CheckFree(address_); !status.ok()) {
    return status;
  }
  std::random_device random;
  for (Hub* hub : hubs_) {
    // The first one finds a port if 0 was asked for; the others share it.
    absl::StatusOr<ListeningSocket> socket = ListeningSocket::Open(address_, config_.limits.send_buffer_bytes);
    if (!socket.ok()) {
      return socket.status();
    }
    address_.port = socket->address().port;
    desk->seed = random();
    listeners_.push_back(std::make_unique<Listener>(*hub, *std::move(socket), *desk, OptionsOf(config_), admission_));
  }
  return absl::OkStatus();
}

void FrontEnd::Run() {
  for (Hub* hub : hubs_) {
    threads_.emplace_back([hub] { hub->context().run(); });
  }
}

FrontEnd::~FrontEnd() {
  for (Hub* hub : hubs_) {
    hub->context().stop();
  }
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

absl::StatusOr<bool> FrontEnd::Reload(const EdgeConfig& config) {
  absl::StatusOr<FrontDeskOptions> desk = DeskOf(config);
  if (!desk.ok()) {
    return desk.status();
  }
  const Hub::Judgement judgement = JudgementBetween(config_.auth.verifier.get(), *desk);
  config_ = config;
  admission_.SetLimits(config.limits);
  revoked_streams_.SetRetryMax(config.drain_retry_max);
  const auto countdown = std::make_shared<Countdown>(hubs_.size());
  for (size_t i = 0; i < hubs_.size(); ++i) {
    boost::asio::post(hubs_[i]->context(),
                      [hub = hubs_[i], listener = listeners_[i].get(), desk = *desk, judgement,
                       connection = OptionsOf(config).connection, retry_max = config.drain_retry_max, countdown] {
                        listener->Reload(desk, connection);
                        hub->EndStreams(judgement, retry_max, [countdown] { countdown->Down(); });
                      });
  }
  return countdown->AwaitZero(kReloadGrace);
}

void FrontEnd::SetVerifier(std::shared_ptr<const JwtVerifier> verifier) {
  const Hub::Judgement judgement = [verifier](const Route&, const TokenMarks& token) {
    return token.key == 0 || verifier->HasKey(token.key) ? Hub::Fate::kStays : Hub::Fate::kChanged;
  };
  for (size_t i = 0; i < hubs_.size(); ++i) {
    boost::asio::post(hubs_[i]->context(), [hub = hubs_[i], listener = listeners_[i].get(), verifier, judgement,
                                            retry_max = config_.drain_retry_max] {
      listener->SetVerifier(verifier);
      hub->EndStreams(judgement, retry_max, [] {});
    });
  }
  config_.auth.verifier = std::move(verifier);
}

void FrontEnd::Drain() {
  admission_.BeginDrain();
  const auto countdown = std::make_shared<Countdown>(hubs_.size());
  for (size_t i = 0; i < hubs_.size(); ++i) {
    boost::asio::post(hubs_[i]->context(),
                      [hub = hubs_[i], listener = listeners_[i].get(), window = config_.drain_window,
                       retry_max = config_.drain_retry_max, countdown] {
                        listener->CloseIdle();
                        hub->Drain(window, retry_max, [countdown] { countdown->Down(); });
                      });
  }
  countdown->AwaitZero(config_.drain_window + kDrainGrace);
  const auto end = std::chrono::steady_clock::now() + absl::ToChronoMilliseconds(kAnswersGrace);
  while (admission_.total() > 0 && std::chrono::steady_clock::now() < end) {
    absl::SleepFor(kAnswersInterval);
  }
}

}  // namespace weir::edge
