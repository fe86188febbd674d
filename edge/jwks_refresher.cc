#include "edge/jwks_refresher.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/jwk_set.h"
#include "base/text.h"

namespace weir::edge {
namespace {

prometheus::MetricFamily Family(const char* name, const char* help, prometheus::MetricType type) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

void Add(prometheus::MetricFamily& family, std::vector<prometheus::ClientMetric::Label> labels, double value) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  (family.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  family.metric.push_back(std::move(metric));
}

}  // namespace

JwksRefresher::JwksRefresher(std::vector<JwksSource> sources, Fetch fetch, Clock clock)
    : sources_(std::move(sources)), fetch_(std::move(fetch)), clock_(std::move(clock)), states_(sources_.size()) {}

JwksRefresher::~JwksRefresher() { Stop(); }

void JwksRefresher::Start(OnKeys on_keys) {
  if (sources_.empty()) {
    return;
  }
  ending_ = false;
  thread_ = std::thread([this, on_keys = std::move(on_keys)] { Run(on_keys); });
}

void JwksRefresher::Stop() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

bool JwksRefresher::Want(const std::string& issuer) {
  const auto it = std::find_if(sources_.begin(), sources_.end(),
                               [&issuer](const JwksSource& source) { return source.issuer == issuer; });
  if (it == sources_.end()) {
    return false;
  }
  const std::lock_guard lock(mutex_);
  if (!states_[static_cast<size_t>(it - sources_.begin())].schedule.Want(clock_())) {
    return false;
  }
  changed_.notify_all();
  return true;
}

void JwksRefresher::Run(const OnKeys& on_keys) {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    const auto earliest = std::min_element(states_.begin(), states_.end(), [](const State& a, const State& b) {
      return a.schedule.next() < b.schedule.next();
    });
    const absl::Time now = clock_();
    const absl::Time due = earliest->schedule.next();
    if (due > now) {
      changed_.wait_for(lock, absl::ToChronoMilliseconds(due - now + absl::Milliseconds(1)));
      continue;
    }
    earliest->schedule.Begin(now);
    const auto index = static_cast<size_t>(earliest - states_.begin());
    lock.unlock();
    Refresh(index, on_keys);
    lock.lock();
  }
}

absl::StatusOr<std::vector<JwtKey>> JwksRefresher::Ask(const JwksSource& source,
                                                       std::optional<absl::Duration>& max_age) const {
  const absl::StatusOr<JwksAnswer> answer = fetch_(source.location, ending_);
  if (!answer.ok()) {
    return answer.status();
  }
  max_age = answer->max_age;
  absl::StatusOr<JwkSet> set = ParseJwkSet(answer->body, "the answer", {});
  if (!set.ok()) {
    return set.status();
  }
  return std::move(set->keys);
}

// New keys are in force before anybody is told that they are there.
void JwksRefresher::Refresh(size_t index, const OnKeys& on_keys) {
  const JwksSource& source = sources_[index];
  std::optional<absl::Duration> max_age;
  absl::StatusOr<std::vector<JwtKey>> keys = Ask(source, max_age);
  const size_t count = keys.ok() ? keys->size() : 0;
  if (keys.ok()) {
    on_keys(source.issuer, *std::move(keys));
  }
  const std::lock_guard lock(mutex_);
  State& state = states_[index];
  const absl::Time now = clock_();
  if (keys.ok()) {
    if (!state.said.empty() || state.ok == 0) {
      spdlog::info("keys of {}: fetched, {} of them", Quotable(source.issuer), count);
    }
    state.schedule.Succeeded(now, max_age);
    ++state.ok;
    state.keys = count;
    state.fetched = now;
    state.said.clear();
    return;
  }
  state.schedule.Failed(now);
  if (ending_) {
    return;
  }
  ++state.failed;
  std::string why(Message(keys.status()));
  if (why != state.said) {
    spdlog::error("keys of {}: {}; {}", Quotable(source.issuer), why,
                  state.ok > 0 ? "those that were fetched before stay" : "tokens of this issuer cannot be judged yet");
    state.said = std::move(why);
  }
}

std::vector<prometheus::MetricFamily> JwksRefresher::Collect() const {
  using prometheus::MetricType;
  if (sources_.empty()) {
    return {};
  }
  auto fetches = Family("weir_edge_jwks_fetches_total", "Attempts to fetch the keys of an issuer", MetricType::Counter);
  auto keys = Family("weir_edge_jwks_keys", "Keys of an issuer that are in force", MetricType::Gauge);
  auto age = Family("weir_edge_jwks_age_seconds", "How long ago they were fetched", MetricType::Gauge);
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < sources_.size(); ++i) {
    const std::string& issuer = sources_[i].issuer;
    const State& state = states_[i];
    Add(fetches, {{"issuer", issuer}, {"result", "ok"}}, static_cast<double>(state.ok));
    Add(fetches, {{"issuer", issuer}, {"result", "error"}}, static_cast<double>(state.failed));
    Add(keys, {{"issuer", issuer}}, static_cast<double>(state.keys));
    if (state.ok > 0) {
      Add(age, {{"issuer", issuer}}, absl::ToDoubleSeconds(clock_() - state.fetched));
    }
  }
  return {fetches, keys, age};
}

}  // namespace weir::edge
