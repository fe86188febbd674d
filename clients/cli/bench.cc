// `weir bench`: how an edge that runs serves many readers.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_split.h"
#include "base/cursor.h"
#include "base/secret_file.h"
#include "base/text.h"
#include "clients/cli/arguments.h"
#include "clients/cli/commands.h"
#include "clients/cli/edge_url.h"
#include "clients/cli/event_json.h"
#include "clients/cli/exit_code.h"
#include "clients/cli/output.h"
#include "fmt/format.h"
#include "load/delivery_check.h"
#include "load/machine.h"
#include "load/stream_load.h"
#include "load/tls_client.h"

namespace weir::cli {
namespace {

using load::DeliveryCheck;
using load::StreamLoad;

constexpr size_t kTokenFileBytesMax = 64 * 1024 * 1024;
constexpr uint64_t kOtherFiles = 64;                    // besides the readers' sockets
constexpr absl::Duration kLateMax = absl::Seconds(10);  // after the end
constexpr size_t kPublishedMax = 4'000'000;

int Fail(const absl::Status& status) {
  Note(Describe(status));
  return ExitCodeOf(status);
}

// The tokens of readers: one a line, taken in turn. Empty without a file.
absl::StatusOr<std::vector<std::string>> ReadTokens(const std::string& file) {
  std::vector<std::string> tokens;
  if (file.empty()) {
    return tokens;
  }
  const absl::StatusOr<std::string> content = ReadSecretFile(file, kTokenFileBytesMax);
  if (!content.ok()) {
    return content.status();
  }
  if (const absl::Status open = CheckPermissions(file, FileHolds::kSecret); !open.ok()) {
    Note(Message(open));
  }
  for (const absl::string_view line : absl::StrSplit(*content, '\n', absl::SkipWhitespace())) {
    const bool word = std::all_of(line.begin(), line.end(), [](char c) { return c > ' ' && c < '\x7F'; });
    if (!word) {
      return absl::InvalidArgumentError(
          fmt::format("{}: line {} is no token: one word of visible ASCII", file, tokens.size() + 1));
    }
    tokens.emplace_back(line);
  }
  if (tokens.empty()) {
    return absl::InvalidArgumentError(fmt::format("{}: there is no token", file));
  }
  return tokens;
}

// What was published, and when it was due. Callbacks come one at a time, on another thread than the rest.
class Publishing {
 public:
  Publishing(const BenchArguments& arguments) : client_(ConnectionTo(arguments.server)), schema_(client_) {}

  absl::Status Prepare(const BenchArguments& arguments) {
    Json line = {{"topic", arguments.topic}, {"type", arguments.type}};
    line["data"] = Json::parse(arguments.data, nullptr, false);
    if (line["data"].is_discarded()) {
      return Error(absl::StatusCode::kInvalidArgument, "PAYLOAD_INVALID", "the event's data is not JSON");
    }
    absl::StatusOr<v1::Event> event = ParseEventLine(Dump(line), schema_);
    if (event.ok()) {
      event_ = *std::move(event);
    }
    return event.status();
  }

  // Publishes at that rate for so long, or as fast as the server takes it where that is less. An event that the server
  // holds up is late from the moment at which it was due.
  absl::Status Run(double events_per_second, absl::Duration duration) {
    Publisher publisher(client_);
    const absl::Time end = absl::Now() + duration;
    for (absl::Time due = absl::Now(); due < end && absl::Now() < end; due += absl::Seconds(1 / events_per_second)) {
      absl::SleepFor(due - absl::Now());
      ++sent_;
      publisher.Publish(event_, [this, at = absl::ToUnixNanos(due)](const PublishOutcome& outcome) {
        const std::lock_guard<std::mutex> lock(mutex_);
        const std::optional<Cursor> cursor = Cursor::Parse(outcome.ack.cursor());
        if (outcome.status.ok() && cursor) {
          stored_.push_back({cursor->sequence, at});
        } else {
          refused_.Update(outcome.status.ok() ? absl::InternalError("the server's cursor is none") : outcome.status);
        }
      });
    }
    if (absl::Status status = publisher.Flush(absl::Now() + kLateMax); !status.ok()) {
      return status;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    return refused_;
  }

  uint64_t sent() const { return sent_; }
  // By sequence, with the moment at which each was due. After Run.
  std::vector<DeliveryCheck::Delivery> stored() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return stored_;
  }

 private:
  Client client_;
  Schema schema_;
  v1::Event event_;
  uint64_t sent_ = 0;
  std::mutex mutex_;
  std::vector<DeliveryCheck::Delivery> stored_ ABSL_GUARDED_BY(mutex_);
  absl::Status refused_ ABSL_GUARDED_BY(mutex_);  // the first
};

// {"p50","p99","max"} of the milliseconds from when an event was due to its last byte read.
Json LatencyJson(const std::vector<DeliveryCheck::Delivery>& times,
                 const std::vector<DeliveryCheck::Delivery>& published) {
  std::vector<double> millis;
  for (const auto& [sequence, nanos] : times) {
    const auto event = std::lower_bound(published.begin(), published.end(), sequence,
                                        [](const auto& one, uint64_t value) { return one.sequence < value; });
    if (event != published.end() && event->sequence == sequence) {
      millis.push_back(static_cast<double>(nanos - event->nanos) / 1e6);
    }
  }
  if (millis.empty()) {
    return nullptr;
  }
  std::sort(millis.begin(), millis.end());
  const auto at = [&](double part) {
    return std::round(millis[static_cast<size_t>(part * static_cast<double>(millis.size() - 1))] * 1000) / 1000;
  };
  return {{"p50", at(0.5)}, {"p99", at(0.99)}, {"max", at(1)}};
}

class Bench {
 public:
  Bench(const BenchArguments& arguments, EdgeUrl url, std::vector<std::string> tokens)
      : arguments_(arguments),
        url_(std::move(url)),
        tokens_(std::move(tokens)),
        duration_(*ParseDuration(arguments.duration)),
        check_(arguments.readers,
               static_cast<double>(arguments.readers) * arguments.rate * absl::ToDoubleSeconds(duration_)) {}

  int Run() {
    if (!arguments_.topic.empty()) {
      publishing_.emplace(arguments_);
      if (const absl::Status status = publishing_->Prepare(arguments_); !status.ok()) {
        return Fail(status);
      }
    }
    if (const absl::Status status = Open(); !status.ok()) {
      return Fail(status);
    }
    load_->Pause();
    check_.Start();
    load_->Resume(0);
    Note(fmt::format("{} streams began in {:.2f} s; measuring for {}", arguments_.readers, load_->connect_seconds(),
                     absl::FormatDuration(duration_)));
    if (const absl::Status status = Measure(); !status.ok()) {
      return Fail(status);
    }
    TakeTheLate();
    return Tell();
  }

 private:
  absl::Status Open() {
    absl::StatusOr<load::Endpoint> endpoint = FindEndpoint(url_.address);
    if (!endpoint.ok()) {
      return endpoint.status();
    }
    if (url_.tls) {
      auto tls = load::TlsClient::Make(arguments_.edge_ca, url_.address.host);
      if (!tls.ok()) {
        return tls.status();
      }
      tls_ = *std::move(tls);
    }
    auto load = StreamLoad::Open({.endpoint = *endpoint,
                                  .host = url_.host,
                                  .count = arguments_.readers,
                                  .tls = tls_.get(),
                                  .request = [this](size_t reader) { return RequestOf(reader); },
                                  .count_ids = true,
                                  .control_events = arguments_.ignored_events,
                                  .on_event = [this](size_t reader, uint64_t sequence,
                                                     int64_t nanos) { check_.Took(reader, sequence, nanos); }});
    if (load.ok()) {
      load_ = *std::move(load);
    }
    return load.status();
  }

  load::StreamRequest RequestOf(size_t reader) const {
    return {url_.target,
            tokens_.empty() ? "" : fmt::format("Authorization: Bearer {}\r\n", tokens_[reader % tokens_.size()])};
  }

  absl::Status Measure() {
    const load::MachineTime machine = load::MachineTimeNow();
    const double busy = load_->busy_seconds();
    const uint64_t delivered = load_->delivered();
    const absl::Time start = absl::Now();
    if (publishing_) {
      if (absl::Status status = publishing_->Run(arguments_.rate, duration_); !status.ok()) {
        return status;
      }
    } else {
      absl::SleepFor(duration_);
    }
    seconds_ = absl::ToDoubleSeconds(absl::Now() - start);
    deliveries_ = load_->delivered() - delivered;
    busy_ = (load_->busy_seconds() - busy) / seconds_;
    limit_ = load::LimitOf(busy_, machine, load::MachineTimeNow());
    return absl::OkStatus();
  }

  // Until everyone has what was there at the end.
  void TakeTheLate() {
    load_->Pause();
    if (publishing_) {
      published_ = publishing_->stored();
    }
    to_ = published_.empty() ? check_.newest() : published_.back().sequence;
    load_->Resume(to_);
    const absl::Time end = absl::Now() + kLateMax;
    while (load_->reached() + load_->ended() < arguments_.readers && absl::Now() < end) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    load_->Pause();
  }

  int Tell() {
    std::vector<uint64_t> sequences;
    for (const auto& one : published_) {
      sequences.push_back(one.sequence);
    }
    const uint64_t lost = check_.Lost(to_, sequences);
    Json line = {
        {"url", arguments_.url},
        {"readers", arguments_.readers},
        {"connects_per_second", std::round(static_cast<double>(arguments_.readers) / load_->connect_seconds())},
        {"seconds", std::round(seconds_ * 1000) / 1000},
        {"deliveries", deliveries_},
        {"deliveries_per_second", std::round(static_cast<double>(deliveries_) / seconds_)},
        {"lost", lost},
        {"doubled", check_.doubled()},
        {"out_of_order", check_.disordered()},
        {"gaps", load_->gaps()},
        {"ended", load_->ended()},
        {"generator_busy", std::round(busy_ * 100) / 100},
        {"limit", nullptr}};
    if (limit_) {
      line["limit"] = *limit_;
    }
    if (publishing_) {
      line["published"] = published_.size();
      line["latency_ms"] = LatencyJson(check_.times(), published_);
    }
    PrintLine(Dump(line));
    return Explain(lost);
  }

  // What the figures do not say by themselves.
  int Explain(uint64_t lost) {
    if (limit_ == "generator") {
      Note("the generator was the limit: the edge may do more than is shown");
    } else if (limit_ == "machine") {
      Note("this machine's processors were all busy: where the edge is on it too, it may do more than is shown");
    }
    if (publishing_ && static_cast<double>(publishing_->sent()) < 0.95 * arguments_.rate * seconds_) {
      Note(fmt::format("{} events were published; --rate asked for {:.0f}", publishing_->sent(),
                       arguments_.rate * seconds_));
    }
    if (publishing_ && deliveries_ == 0) {
      Note("no event came: does the URL read --topic?");
    }
    if (check_.overflowed()) {
      Note(fmt::format("only the first {} events were judged", DeliveryCheck::kEventsMax));
    }
    if (load_->ended() > 0) {
      Note(fmt::format("{} streams ended; the first: {}", load_->ended(), load_->fault()));
    }
    const bool good =
        lost == 0 && check_.doubled() == 0 && check_.disordered() == 0 && load_->gaps() == 0 && load_->ended() == 0;
    return good ? kSuccess : kFailure;
  }

  const BenchArguments& arguments_;
  const EdgeUrl url_;
  const std::vector<std::string> tokens_;
  const absl::Duration duration_;
  DeliveryCheck check_;  // the load's thread, while it runs
  std::optional<Publishing> publishing_;
  std::unique_ptr<load::TlsClient> tls_;
  std::unique_ptr<StreamLoad> load_;
  double seconds_ = 0;
  uint64_t deliveries_ = 0;
  double busy_ = 0;  // of a core
  std::optional<std::string> limit_;
  std::vector<DeliveryCheck::Delivery> published_;
  uint64_t to_ = 0;
};

}  // namespace

absl::Status CheckBench(const BenchArguments& arguments) {
  const absl::StatusOr<EdgeUrl> url = ParseEdgeUrl(arguments.url);
  if (!url.ok()) {
    return url.status();
  }
  if (!url->tls && !arguments.edge_ca.empty()) {
    return absl::InvalidArgumentError("--edge-tls-ca is for https:// URLs");
  }
  if (!arguments.edge_token_file.empty() && !url->tls && !IsLoopback(url->address)) {
    return absl::InvalidArgumentError(
        fmt::format("a token is not sent to {} without TLS; give an https:// URL", url->address.ToString()));
  }
  const double events = arguments.rate * absl::ToDoubleSeconds(*ParseDuration(arguments.duration));
  if (!arguments.topic.empty() && events > static_cast<double>(kPublishedMax)) {
    return absl::InvalidArgumentError(
        fmt::format("--rate for --duration makes {:.0f} events; allowed are {}", events, kPublishedMax));
  }
  return absl::OkStatus();
}

int RunBench(const BenchArguments& arguments) {
  if (const uint64_t files = load::RaiseFileLimit(); files < arguments.readers + kOtherFiles) {
    Note(fmt::format(
        "{} readers take {} open files, and the limit is {}; raise it (ulimit -n), or ask for fewer --readers",
        arguments.readers, arguments.readers + kOtherFiles, files));
    return kFailure;
  }
  absl::StatusOr<std::vector<std::string>> tokens = ReadTokens(arguments.edge_token_file);
  if (!tokens.ok()) {
    Note(Message(tokens.status()));
    return kFailure;
  }
  return Bench(arguments, *ParseEdgeUrl(arguments.url), *std::move(tokens)).Run();
}

}  // namespace weir::cli
