#include "demo/feed/sources.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "apps/dispatch/v1/dispatch.pb.h"
#include "apps/goals/v1/goals.pb.h"
#include "apps/imagegen/v1/imagegen.pb.h"
#include "apps/notifications/v1/notifications.pb.h"
#include "fmt/format.h"

namespace weir::demo {
namespace {

void SetTime(absl::Time time, google::protobuf::Timestamp* timestamp) {
  const int64_t millis = absl::ToUnixMillis(time);
  timestamp->set_seconds(millis / 1000);
  timestamp->set_nanos(static_cast<int32_t>(millis % 1000) * 1'000'000);
}

v1::Event EventOf(std::string topic, const google::protobuf::Message& payload, absl::Time now) {
  v1::Event event;
  event.set_topic(std::move(topic));
  SetTime(now, event.mutable_time());
  event.mutable_payload()->PackFrom(payload);
  return event;
}

// An id that a restarted feed does not make again: it begins with the time of the first.
class Ids {
 public:
  std::string Next(std::string_view prefix, absl::Time now) {
    if (first_ == 0) {
      first_ = absl::ToUnixSeconds(now);
    }
    return fmt::format("{}-{}-{}", prefix, first_, ++count_);
  }

 private:
  int64_t first_ = 0;
  uint64_t count_ = 0;
};

class GoalSource final : public Source {
 public:
  explicit GoalSource(std::string tenant) : tenant_(std::move(tenant)) {}

  v1::Event Next(absl::Time now) override {
    const uint64_t step = step_++ % 5;
    v1::Event event;
    if (step == 0) {
      goal_ = ids_.Next("goal", now);
      apps::goals::v1::GoalCreated created;
      created.set_goal_id(goal_);
      created.set_title("Run 5 km without a rest");
      created.set_tenant_id(tenant_);
      SetTime(now, created.mutable_created_at());
      event = EventOf(topic(), created, now);
    } else if (step == 1) {
      apps::goals::v1::GoalActivated activated;
      activated.set_goal_id(goal_);
      activated.set_tenant_id(tenant_);
      SetTime(now, activated.mutable_activated_at());
      event = EventOf(topic(), activated, now);
    } else if (step == 2) {
      event = Part<apps::goals::v1::ActionCreated>("Run three times a week", now,
                                                   &apps::goals::v1::ActionCreated::set_action_id);
    } else if (step == 3) {
      event = Part<apps::goals::v1::IssueCreated>("Rain on Tuesday", now, &apps::goals::v1::IssueCreated::set_issue_id);
    } else {
      apps::goals::v1::GoalCompleted completed;
      completed.set_goal_id(goal_);
      completed.set_tenant_id(tenant_);
      SetTime(now, completed.mutable_completed_at());
      event = EventOf(topic(), completed, now);
    }
    (*event.mutable_attributes())["tenant_id"] = tenant_;
    return event;
  }

 private:
  std::string topic() const { return fmt::format("tenants.{}.goals", tenant_); }

  template <typename T>
  v1::Event Part(const char* title, absl::Time now, void (T::*set_id)(std::string&&)) {
    T part;
    (part.*set_id)(ids_.Next("part", now));
    part.set_goal_id(goal_);
    part.set_title(title);
    part.set_tenant_id(tenant_);
    SetTime(now, part.mutable_created_at());
    return EventOf(topic(), part, now);
  }

  const std::string tenant_;
  Ids ids_;
  std::string goal_;
  uint64_t step_ = 0;
};

class DispatchSource final : public Source {
 public:
  v1::Event Next(absl::Time now) override {
    constexpr std::array<const char*, 4> kStates = {"en_route", "on_scene", "returning", "available"};
    const uint64_t round = step_ / 3;
    switch (step_++ % 3) {
      case 0: {
        apps::dispatch::v1::EventCreated incident;
        incident.set_event_id(ids_.Next("incident", now));
        incident.set_title("Fire alarm in Harbour Street");
        incident.set_priority(static_cast<int32_t>(round % 3) + 1);
        SetTime(now, incident.mutable_started_at());
        return EventOf("dispatch.broadcast", incident, now);
      }
      case 1: {
        apps::dispatch::v1::BilstatusUpdate state;
        state.set_call_sign(fmt::format("A{}", round % 7 + 1));
        state.set_status(kStates[round % kStates.size()]);
        state.set_position("Harbour Street");
        return EventOf("dispatch.broadcast", state, now);
      }
      default: {
        apps::dispatch::v1::FlashMessage message;
        message.set_id(ids_.Next("flash", now));
        message.set_text("Harbour Street is closed to traffic");
        message.set_severity(round % 4 == 0 ? "critical" : "info");
        message.set_sender("control room");
        return EventOf("dispatch.broadcast", message, now);
      }
    }
  }

 private:
  Ids ids_;
  uint64_t step_ = 0;
};

class NotificationSource final : public Source {
 public:
  explicit NotificationSource(std::string user) : user_(std::move(user)) {}

  v1::Event Next(absl::Time now) override {
    const bool to_all = ++step_ % 5 == 0;
    apps::notifications::v1::Notification notification;
    notification.set_id(ids_.Next("notification", now));
    notification.set_type(to_all ? "info" : "success");
    notification.set_title(to_all ? "Maintenance tonight" : "Transcription finished");
    notification.set_message(to_all ? "Uploads pause from 02:00 to 02:15 UTC."
                                    : fmt::format("Interview {} is ready to read.", step_));
    notification.set_status("unread");
    if (!to_all) {
      (*notification.mutable_metadata()->mutable_fields())["minutes"].set_number_value(static_cast<double>(step_ % 60));
      notification.set_related_session_id(fmt::format("session-{}", step_));
    }
    SetTime(now, notification.mutable_created_at());
    return EventOf(to_all ? "broadcast.notifications" : fmt::format("users.{}.notifications", user_), notification,
                   now);
  }

 private:
  const std::string user_;
  Ids ids_;
  uint64_t step_ = 0;
};

class ImageSource final : public Source {
 public:
  explicit ImageSource(std::string user) : user_(std::move(user)) {}

  v1::Event Next(absl::Time now) override {
    constexpr uint64_t kSteps = 5;  // 0, 25, 50, 75 per cent, and the end
    const uint64_t step = step_ % kSteps;
    const bool fails = (step_ / kSteps) % 4 == 3;
    ++step_;
    if (step == 0) {
      request_ = ids_.Next("req", now);
    }
    apps::imagegen::v1::GenerationUpdate update;
    update.set_request_id(request_);
    if (step < kSteps - 1) {
      update.set_status(apps::imagegen::v1::STATUS_PROGRESS);
      update.set_message("generating");
      update.mutable_payload()->set_progress(static_cast<uint32_t>(step) * 25);
    } else if (fails) {
      update.set_status(apps::imagegen::v1::STATUS_ERROR);
      update.set_message("the prompt was refused");
    } else {
      update.set_status(apps::imagegen::v1::STATUS_OK);
      update.set_message("done");
      apps::imagegen::v1::Image* image = update.mutable_payload()->add_images();
      image->set_url(fmt::format("https://images.example/{}.png", request_));
      image->set_content_type("image/png");
      image->set_file_name(request_ + ".png");
      image->set_file_size(1'824'075);
      image->set_width(1024);
      image->set_height(1024);
    }
    return EventOf(fmt::format("users.{}.imagegen.{}", user_, request_), update, now);
  }

 private:
  const std::string user_;
  Ids ids_;
  std::string request_;
  uint64_t step_ = 0;
};

}  // namespace

VehicleSource::VehicleSource(std::vector<apps::vehicles::v1::Vehicle> cars, size_t per_update_max, uint64_t seed)
    : cars_(std::move(cars)), per_update_max_(std::max<size_t>(per_update_max, 1)), random_(seed) {}

v1::Event VehicleSource::Next(absl::Time now) {
  apps::vehicles::v1::VehicleUpdate update;
  const size_t wanted = std::uniform_int_distribution<size_t>(1, per_update_max_)(random_);
  const size_t end = std::min(next_ + wanted, cars_.size());
  update.mutable_vehicles()->Add(cars_.begin() + static_cast<std::ptrdiff_t>(next_),
                                 cars_.begin() + static_cast<std::ptrdiff_t>(end));
  next_ = end == cars_.size() ? 0 : end;
  SetTime(now, update.mutable_timestamp());
  update.set_request_id(fmt::format("feed-{}", ++updates_));
  return EventOf("vehicles.updates", update, now);
}

std::unique_ptr<Source> MakeGoalSource(std::string tenant) { return std::make_unique<GoalSource>(std::move(tenant)); }
std::unique_ptr<Source> MakeDispatchSource() { return std::make_unique<DispatchSource>(); }
std::unique_ptr<Source> MakeNotificationSource(std::string user) {
  return std::make_unique<NotificationSource>(std::move(user));
}
std::unique_ptr<Source> MakeImageSource(std::string user) { return std::make_unique<ImageSource>(std::move(user)); }

}  // namespace weir::demo
