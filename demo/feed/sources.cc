#include "demo/feed/sources.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "apps/goals/v1/goals.pb.h"
#include "apps/imagegen/v1/imagegen.pb.h"
#include "apps/notifications/v1/notifications.pb.h"
#include "demo/feed/landscape.h"
#include "demo/feed/png.h"
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

struct Goal {
  const char* title;
  const char* action;
  const char* issue;
};

constexpr std::array<Goal, 4> kGoals = {{
    {"Run 5 km without a rest", "Run three times a week", "Rain on Tuesday"},
    {"Speak Portuguese on holiday", "Twenty words a day", "The teacher is ill"},
    {"Read a book a month", "Half an hour before bed", "The library is closed"},
    {"Play the nocturne by heart", "Practise the left hand", "A string is broken"},
}};

class GoalSource final : public Source {
 public:
  GoalSource(std::string tenant, size_t first) : tenant_(std::move(tenant)), goals_(first) {}

  v1::Event Next(absl::Time now) override {
    const uint64_t step = step_++ % 5;
    v1::Event event;
    if (step == 0) {
      goal_ = ids_.Next("goal", now);
      apps::goals::v1::GoalCreated created;
      created.set_goal_id(goal_);
      created.set_title(kGoals[goals_++ % kGoals.size()].title);
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
      event = Part<apps::goals::v1::ActionCreated>(goal().action, now, &apps::goals::v1::ActionCreated::set_action_id);
    } else if (step == 3) {
      event = Part<apps::goals::v1::IssueCreated>(goal().issue, now, &apps::goals::v1::IssueCreated::set_issue_id);
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
  const Goal& goal() const { return kGoals[(goals_ - 1) % kGoals.size()]; }

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
  size_t goals_;
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
                                    : fmt::format("Interview {} of {} is ready to read.", step_, user_));
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
    Request& request = requests_[turn_++ % requests_.size()];
    if (request.id.empty()) {
      request = Begin(now);
    }
    apps::imagegen::v1::GenerationUpdate update;
    update.set_request_id(request.id);
    update.set_message(LandscapeTitle(request.number));
    if (request.number % 4 == 3 && request.step > request.steps / 2) {
      update.set_status(apps::imagegen::v1::STATUS_ERROR);
      update.set_message("The prompt was refused");
    } else if (request.step < request.steps) {
      update.set_status(apps::imagegen::v1::STATUS_PROGRESS);
      update.mutable_payload()->set_progress(request.step++ * 100 / request.steps);
    } else {
      update.set_status(apps::imagegen::v1::STATUS_OK);
      AddImage(request, *update.mutable_payload()->add_images());
    }
    v1::Event event = EventOf(fmt::format("users.{}.imagegen.{}", user_, request.id), update, now);
    if (update.status() != apps::imagegen::v1::STATUS_PROGRESS) {
      request = {};
    }
    return event;
  }

 private:
  struct Request {
    std::string id;  // empty: there is none
    uint32_t number = 0;
    uint32_t step = 0;
    uint32_t steps = 0;
  };

  Request Begin(absl::Time now) {
    const uint32_t number = count_++;
    return {.id = ids_.Next("req", now), .number = number, .steps = 8 + number % 3 * 3};
  }

  // A picture in the event itself, as a `data:` URL: the demo needs no store of files.
  static void AddImage(const Request& request, apps::imagegen::v1::Image& image) {
    constexpr uint32_t kWidth = 480;
    constexpr uint32_t kHeight = 300;
    const std::string png = EncodePng(DrawLandscape(request.number, kWidth, kHeight));
    image.set_url("data:image/png;base64," + absl::Base64Escape(absl::string_view(png.data(), png.size())));
    image.set_content_type("image/png");
    image.set_file_name(request.id + ".png");
    image.set_file_size(static_cast<uint32_t>(png.size()));
    image.set_width(kWidth);
    image.set_height(kHeight);
  }

  const std::string user_;
  Ids ids_;
  std::array<Request, 3> requests_;  // under way at the same time
  size_t turn_ = 0;
  uint32_t count_ = 0;
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

std::unique_ptr<Source> MakeGoalSource(std::string tenant, size_t first) {
  return std::make_unique<GoalSource>(std::move(tenant), first);
}
std::unique_ptr<Source> MakeNotificationSource(std::string user) {
  return std::make_unique<NotificationSource>(std::move(user));
}
std::unique_ptr<Source> MakeImageSource(std::string user) { return std::make_unique<ImageSource>(std::move(user)); }

}  // namespace weir::demo
