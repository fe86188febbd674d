#include <condition_variable>
#include <mutex>
#include <optional>

#include "base/duration_text.h"
#include "clients/cli/arguments.h"
#include "clients/cli/commands.h"
#include "clients/cli/event_json.h"
#include "clients/cli/exit_code.h"
#include "clients/cli/output.h"
#include "fmt/format.h"

namespace weir::cli {
namespace {

// Prints what a subscription brings, until enough came or it failed.
class Printer {
 public:
  Printer(Schema& schema, const SubscribeArguments& arguments)
      : schema_(schema),
        count_(arguments.count),
        starts_live_(StartOf(arguments.start).position_case() == v1::Start::POSITION_NOT_SET) {}

  SubscriberCallbacks Callbacks() {
    SubscriberCallbacks callbacks;
    callbacks.on_schema = [this](const std::string&) {
      OnSchema();
      return absl::OkStatus();
    };
    callbacks.on_started = [](const v1::SubscriptionStarted& started) {
      Note(fmt::format("subscribed after {}", started.cursor()));
    };
    callbacks.on_events = [this](const v1::EventBatch& batch) { OnEvents(batch); };
    callbacks.on_progress = [this](const v1::Progress& progress) { OnProgress(progress); };
    callbacks.on_gap = [this](const v1::Gap& gap) {
      if (!exit_code_.has_value()) {
        PrintLine(GapLine(gap));
      }
    };
    callbacks.on_disconnected = [](const absl::Status& status, absl::Duration retry_in) {
      Note(fmt::format("{}; trying again in {}", Describe(status), DurationText(retry_in)));
    };
    callbacks.on_failed = [this](const absl::Status& status) {
      Note(Describe(status));
      End(ExitCodeOf(status));
    };
    return callbacks;
  }

  // The exit code when it came before the deadline.
  std::optional<int> Wait(absl::Time deadline) {
    std::unique_lock<std::mutex> lock(mutex_);
    const auto ended = [this] { return exit_code_.has_value(); };
    if (deadline == absl::InfiniteFuture()) {
      changed_.wait(lock, ended);
    } else {
      changed_.wait_until(lock, absl::ToChronoTime(deadline), ended);
    }
    return exit_code_;
  }

  bool any_event() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return printed_ > 0;
  }

 private:
  void OnSchema() {
    if (const absl::Status status = schema_.Refresh(); !status.ok()) {
      Note(fmt::format("the schema cannot be fetched: {}", Describe(status)));
    }
  }

  void OnEvents(const v1::EventBatch& batch) {
    for (const v1::Event& event : batch.events()) {
      if (exit_code_.has_value()) {
        return;
      }
      PrintLine(EventLine(event, schema_));
      const std::lock_guard<std::mutex> lock(mutex_);
      if (++printed_ == count_) {
        exit_code_ = kSuccess;
        changed_.notify_all();
      }
    }
  }

  void OnProgress(const v1::Progress& progress) {
    // A reader of what is new is caught up as it begins: that says nothing.
    const bool says_nothing = starts_live_ && progress.caught_up();
    if (!says_nothing && !exit_code_.has_value()) {
      PrintLine(ProgressLine(progress));
    }
  }

  void End(int exit_code) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!exit_code_.has_value()) {
      exit_code_ = exit_code;
    }
    changed_.notify_all();
  }

  Schema& schema_;
  const uint64_t count_;
  const bool starts_live_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Written by the callbacks, which come one at a time, and under the mutex; so a callback may read them without.
  std::optional<int> exit_code_;
  uint64_t printed_ = 0;
};

}  // namespace

int Subscribe(const SubscribeArguments& arguments) {
  Client client(ConnectionTo(arguments.server));
  Schema schema(client);
  if (const absl::Status status = schema.Refresh(); !status.ok()) {
    Note(Describe(status));
    return ExitCodeOf(status);
  }
  SubscriberOptions options;
  options.filters = arguments.filters;
  options.types = arguments.types;
  options.start = StartOf(arguments.start);
  options.gap_policy = arguments.fail_on_gap ? v1::GAP_POLICY_FAIL : v1::GAP_POLICY_ANNOUNCE;
  const absl::Time deadline =
      arguments.wait.empty() ? absl::InfiniteFuture() : absl::Now() + *ParseDuration(arguments.wait);
  Printer printer(schema, arguments);
  std::optional<int> exit_code;
  {
    const Subscriber subscriber(client, options, printer.Callbacks());
    exit_code = printer.Wait(deadline);
  }
  if (exit_code.has_value()) {
    return *exit_code;
  }
  return arguments.count == 0 && printer.any_event() ? kSuccess : kNotInTime;
}

}  // namespace weir::cli
