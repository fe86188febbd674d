#include "tests/chaos/publishers.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "tests/chaos/applications.h"

namespace weir::chaos {
namespace {

constexpr size_t kUnansweredMax = 500;

ClientOptions OptionsOf(const PublisherSettings& settings) {
  ClientOptions options;
  options.server = settings.server;
  options.name = fmt::format("chaos-publisher-{}", settings.number);
  options.backoff_min = absl::Milliseconds(20);
  options.backoff_max = absl::Milliseconds(500);
  return options;
}

std::string Filler(std::mt19937_64& random) {
  const size_t size = random() % 50 == 0 ? random() % 8000 : random() % 200;
  std::string filler;
  while (filler.size() < size) {
    filler += fmt::format("{:x}\n\"ø ", random());
  }
  return filler;
}

}  // namespace

PublisherLoad::PublisherLoad(const PublisherSettings& settings) : settings_(settings), random_(settings.seed) {}

void PublisherLoad::Start() {
  thread_ = std::thread([this] {
    Run();
    done_ = true;
  });
}

void PublisherLoad::End() {
  stopping_ = true;
  ending_ = true;
  if (thread_.joinable()) {
    thread_.join();
  }
}

std::vector<Published> PublisherLoad::TakeRecord() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return {std::make_move_iterator(record_.begin()), std::make_move_iterator(record_.end())};
}

size_t PublisherLoad::Make(uint64_t stream, uint64_t order) {
  std::string filler = Filler(random_);
  const std::string& topic = Topics()[random_() % Topics().size()];
  const std::lock_guard<std::mutex> lock(mutex_);
  const size_t index = record_.size();
  const std::string event_id = fmt::format("p{}-{}", settings_.number, index);
  record_.push_back({.stream = stream,
                     .order = order,
                     .topic = topic,
                     .event_id = event_id,
                     .content = ContentOf(event_id + " " + filler)});
  fillers_.push_back(std::move(filler));
  return index;
}

v1::Event PublisherLoad::EventOf(size_t index) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return EventOn(record_[index].topic, record_[index].event_id, fillers_[index]);
}

void PublisherLoad::Answer(size_t index, const absl::Status& status, const v1::PublishAck& ack) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Published& published = record_[index];
  if (status.ok()) {
    const std::optional<Cursor> cursor = Cursor::Parse(ack.cursor());
    published.outcome = Published::Outcome::kAcknowledged;
    published.cursor = cursor.value_or(Cursor());
    published.duplicate = ack.duplicate();
    ++acknowledged_;
  } else if (!absl::IsAborted(status)) {
    published.outcome = Published::Outcome::kRefused;
    published.reason = status.ToString();
  }
}

namespace {

class StreamPublisher final : public PublisherLoad {
 public:
  explicit StreamPublisher(const PublisherSettings& settings) : PublisherLoad(settings) { Start(); }
  ~StreamPublisher() override { End(); }

 private:
  void Run() override {
    Reopen();
    const absl::Time begun = absl::Now();
    absl::Time next_life = begun + absl::Seconds(static_cast<double>(2 + random_() % 8));
    uint64_t published = 0;
    while (!stopping_) {
      while (!stopping_ && absl::ToDoubleSeconds(absl::Now() - begun) * settings_.events_per_second > published &&
             Unanswered() < kUnansweredMax) {
        PublishOne();
        ++published;
      }
      if (absl::Now() > next_life) {
        Reopen();
        next_life = absl::Now() + absl::Seconds(static_cast<double>(2 + random_() % 8));
      }
      absl::SleepFor(absl::Milliseconds(5));
    }
    while (!ending_ && !publisher_->Flush(absl::Now() + absl::Milliseconds(200)).ok()) {
    }
    publisher_.reset();
    client_.reset();
  }

  size_t Unanswered() const { return publisher_->pending(); }

  // A new client publishes again what the one before it was not told of.
  void Reopen() {
    publisher_.reset();
    client_ = std::make_unique<Client>(OptionsOf(settings_));
    PublisherOptions options;
    options.batch_events_max = 1 + random_() % 64;
    options.pending_events_max = 4 * kUnansweredMax;
    publisher_ = std::make_unique<Publisher>(*client_, options);
    std::vector<size_t> unanswered;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      for (size_t i = answered_; i < record_.size(); ++i) {
        if (record_[i].outcome == Published::Outcome::kUnknown) {
          unanswered.push_back(i);
        }
      }
      answered_ = unanswered.empty() ? record_.size() : unanswered.front();
    }
    for (const size_t index : unanswered) {
      Send(index, EventOf(index));
    }
  }

  void PublishOne() {
    const size_t index = Make(settings_.number, ++order_);
    Send(index, EventOf(index));
    switch (random_() % 200) {
      case 0:
      case 1:
        PublishAgain();
        break;
      case 2:
        ReuseId();
        break;
      case 3:
        PublishInvalid();
        break;
      default:
        break;
    }
  }

  void Send(size_t index, v1::Event event) {
    publisher_->Publish(std::move(event),
                        [this, index](const PublishOutcome& outcome) { Answer(index, outcome.status, outcome.ack); });
  }

  // The newest acknowledged event, if there is one.
  std::optional<size_t> Acknowledged() {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (size_t i = record_.size(); i > 0 && i + 2 * kUnansweredMax > record_.size(); --i) {
      const Published& published = record_[i - 1];
      if (published.outcome == Published::Outcome::kAcknowledged && published.stream != 0) {
        return i - 1;
      }
    }
    return std::nullopt;
  }

  // Writes down a further publication of the event's id.
  size_t RecordAgain(size_t of, const std::string& filler) {
    const std::lock_guard<std::mutex> lock(mutex_);
    Published again = record_[of];
    again.stream = 0;
    again.outcome = Published::Outcome::kUnknown;
    again.duplicate = false;
    again.content = ContentOf(again.event_id + " " + filler);
    record_.push_back(std::move(again));
    fillers_.push_back(filler);
    return record_.size() - 1;
  }

  void PublishAgain() {
    if (const std::optional<size_t> of = Acknowledged()) {
      std::string filler;
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        filler = fillers_[*of];
      }
      const size_t index = RecordAgain(*of, filler);
      Send(index, EventOf(index));
    }
  }

  void ReuseId() {
    if (const std::optional<size_t> of = Acknowledged()) {
      const size_t index = RecordAgain(*of, "something else");
      Send(index, EventOf(index));
    }
  }

  void PublishInvalid() {
    const size_t index = Make(0, 0);
    v1::Event event = EventOf(index);
    event.set_topic("dispatch.*");
    Send(index, std::move(event));
  }

  std::unique_ptr<Client> client_;
  std::unique_ptr<Publisher> publisher_;
  uint64_t order_ = 0;
  size_t answered_ = 0;  // everything before this index is answered
};

class UnaryPublisher final : public PublisherLoad {
 public:
  explicit UnaryPublisher(const PublisherSettings& settings) : PublisherLoad(settings), client_(OptionsOf(settings)) {
    Start();
  }
  ~UnaryPublisher() override { End(); }

 private:
  void Run() override {
    uint64_t call = 0;
    while (!stopping_) {
      const size_t count = 1 + random_() % 20;
      const uint64_t stream = (settings_.number << 32) + ++call;
      std::vector<size_t> indexes;
      v1::PublishRequest request;
      for (size_t i = 0; i < count; ++i) {
        indexes.push_back(Make(stream, i));
        *request.add_events() = EventOf(indexes.back());
      }
      while (!ending_ && !Try(request, indexes)) {
        absl::SleepFor(absl::Milliseconds(10 + static_cast<int64_t>(random_() % 200)));
      }
      absl::SleepFor(absl::Seconds(static_cast<double>(count) / settings_.events_per_second));
    }
  }

  bool Try(const v1::PublishRequest& request, const std::vector<size_t>& indexes) {
    const absl::StatusOr<v1::PublishResponse> response = client_.Publish(request, absl::Now() + absl::Seconds(2));
    if (!response.ok()) {
      return false;
    }
    for (size_t i = 0; i < indexes.size() && i < static_cast<size_t>(response->results_size()); ++i) {
      const v1::PublishResult& result = response->results(static_cast<int>(i));
      Answer(indexes[i], result.has_ack() ? absl::OkStatus() : absl::InvalidArgumentError(result.error().message()),
             result.ack());
    }
    return true;
  }

  Client client_;
};

}  // namespace

std::unique_ptr<PublisherLoad> MakeStreamPublisher(const PublisherSettings& settings) {
  return std::make_unique<StreamPublisher>(settings);
}

std::unique_ptr<PublisherLoad> MakeUnaryPublisher(const PublisherSettings& settings) {
  return std::make_unique<UnaryPublisher>(settings);
}

}  // namespace weir::chaos
