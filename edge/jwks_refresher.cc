#include "edge/jwks_refresher.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/metric_family.h"
#include "base/text.h"

namespace weir::edge {

JwksRefresher::JwksRefresher(std::vector<JwksSource> sources, Fetch fetch, Clock clock)
    : sources_(std::move(sources)), fetch_(std::move(fetch)), clock_(std::move(clock)), states_(sources_.size()) {}

JwksRefresher::~JwksRefresher() { Stop(); }

void JwksRefresher::GoOnFrom(const JwksRefresher& before) {
  const std::scoped_lock lock(mutex_, before.mutex_);
  for (size_t i = 0; i < sources_.size(); ++i) {
    for (size_t old = 0; old < before.sources_.size(); ++old) {
      if (sources_[i].SamePlace(before.sources_[old])) {
        const State& was = before.states_[old];
        State& is = states_[i];
        is.keys = was.keys;
        is.fetched = was.fetched;
        is.too_old = was.too_old;
        is.ends = is.keys > 0 ? is.fetched + sources_[i].age_max : absl::InfiniteFuture();
      }
    }
  }
}

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
    const auto earliest = std::min_element(states_.begin(), states_.end(),
                                           [](const State& a, const State& b) { return a.next() < b.next(); });
    const absl::Time now = clock_();
    const absl::Time due = earliest->next();
    if (due > now) {
      changed_.wait_for(lock, absl::ToChronoMilliseconds(due - now + absl::Milliseconds(1)));
      continue;
    }
    const auto index = static_cast<size_t>(earliest - states_.begin());
    if (earliest->schedule.next() <= now) {
      earliest->schedule.Begin(now);
      lock.unlock();
      Refresh(index, on_keys);
      lock.lock();
    }
    // Not before an attempt that was due: a reload, or a sleep, may have made them too old all at once.
    if (earliest->ends <= now && !ending_) {
      Forget(index);
      lock.unlock();
      on_keys(sources_[index].issuer, {});
      lock.lock();
    }
  }
}

void JwksRefresher::Forget(size_t index) {
  State& state = states_[index];
  state.keys = 0;
  state.ends = absl::InfiniteFuture();
  state.too_old = true;
  spdlog::error(
      "keys of {}: those that were fetched before are {} old (jwks_age_max) and count no more; none of its "
      "tokens is taken until they are fetched again",
      Quotable(sources_[index].issuer), absl::FormatDuration(sources_[index].age_max));
}

absl::StatusOr<JwkSet> JwksRefresher::Ask(const JwksSource& source, std::optional<absl::Duration>& max_age) const {
  const absl::StatusOr<JwksAnswer> answer = fetch_(source.location, ending_);
  if (!answer.ok()) {
    return answer.status();
  }
  max_age = answer->max_age;
  return ParseJwkSet(answer->body, "the answer", {});
}

// New keys are in force before anybody is told that they are there.
void JwksRefresher::Refresh(size_t index, const OnKeys& on_keys) {
  const JwksSource& source = sources_[index];
  std::optional<absl::Duration> max_age;
  absl::StatusOr<JwkSet> set = Ask(source, max_age);
  const size_t count = set.ok() ? set->keys.size() : 0;
  if (set.ok()) {
    on_keys(source.issuer, std::move(set->keys));
  }
  const std::lock_guard lock(mutex_);
  State& state = states_[index];
  const absl::Time now = clock_();
  if (set.ok()) {
    std::string withdrawn;
    if (count == 0) {
      withdrawn = WhyEmpty(*set);
    }
    if (count > 0 && (!state.said.empty() || state.ok == 0)) {
      spdlog::info("keys of {}: fetched, {} of them", Quotable(source.issuer), count);
    } else if (withdrawn != state.said) {
      spdlog::error("keys of {}: the answer {}; none of its tokens is taken until it publishes one",
                    Quotable(source.issuer), withdrawn);
    }
    state.schedule.Succeeded(now, std::min(max_age.value_or(JwksSchedule::kAgeDefault), source.age_max / 2));
    ++state.ok;
    state.keys = count;
    state.fetched = now;
    state.ends = count > 0 ? now + source.age_max : absl::InfiniteFuture();
    state.too_old = false;
    state.said = std::move(withdrawn);
    return;
  }
  state.schedule.Failed(now);
  if (ending_) {
    return;
  }
  ++state.failed;
  std::string why(Message(set.status()));
  if (why != state.said) {
    spdlog::error("keys of {}: {}; {}", Quotable(source.issuer), why,
                  state.keys > 0 ? fmt::format("those that were fetched before stay until they are {} old",
                                               absl::FormatDuration(source.age_max))
                                 : "tokens of this issuer cannot be judged yet");
    state.said = std::move(why);
  }
}

std::string JwksRefresher::Warning() const {
  std::string issuers;
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < sources_.size(); ++i) {
    if (states_[i].too_old) {
      issuers += (issuers.empty() ? "" : ", ") + Quotable(sources_[i].issuer);
    }
  }
  return issuers.empty() ? ""
                         : "tokens are refused of issuers whose keys could not be fetched for too long: " + issuers;
}

std::vector<prometheus::MetricFamily> JwksRefresher::Collect() const {
  using prometheus::MetricType;
  if (sources_.empty()) {
    return {};
  }
  auto fetches =
      MakeFamily("weir_edge_jwks_fetches_total", "Attempts to fetch the keys of an issuer", MetricType::Counter);
  auto keys = MakeFamily("weir_edge_jwks_keys", "Keys of an issuer that are in force", MetricType::Gauge);
  auto age = MakeFamily("weir_edge_jwks_age_seconds", "How long ago they were fetched", MetricType::Gauge);
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < sources_.size(); ++i) {
    const std::string& issuer = sources_[i].issuer;
    const State& state = states_[i];
    AddValue(fetches, static_cast<double>(state.ok), {{"issuer", issuer}, {"result", "ok"}});
    AddValue(fetches, static_cast<double>(state.failed), {{"issuer", issuer}, {"result", "error"}});
    AddValue(keys, static_cast<double>(state.keys), {{"issuer", issuer}});
    if (state.fetched != absl::InfinitePast()) {
      AddValue(age, absl::ToDoubleSeconds(clock_() - state.fetched), {{"issuer", issuer}});
    }
  }
  return {fetches, keys, age};
}

}  // namespace weir::edge
