#include "demo/feed/sources.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "apps/goals/v1/goals.pb.h"
#include "apps/imagegen/v1/imagegen.pb.h"

namespace weir::demo {
namespace {

using apps::vehicles::v1::Vehicle;
using apps::vehicles::v1::VehicleUpdate;

const absl::Time kNow = absl::FromUnixMillis(1'700'000'000'123);

std::vector<Vehicle> Cars(int count) {
  std::vector<Vehicle> cars(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    cars[static_cast<size_t>(i)].set_id("v" + std::to_string(i + 1));
  }
  return cars;
}

TEST(VehicleSource, GoesThroughAllCarsInOrderAndBeginsAgain) {
  VehicleSource source(Cars(10), 3, 7);
  for (int round = 0; round < 3; ++round) {
    std::string ids;
    do {
      VehicleUpdate update;
      const v1::Event event = source.Next(kNow);
      EXPECT_EQ(event.topic(), "vehicles.updates");
      ASSERT_TRUE(event.payload().UnpackTo(&update));
      EXPECT_GE(update.vehicles_size(), 1);
      EXPECT_LE(update.vehicles_size(), 3);
      EXPECT_EQ(update.timestamp().nanos(), 123'000'000);
      EXPECT_FALSE(update.request_id().empty());
      for (const Vehicle& vehicle : update.vehicles()) {
        ids += vehicle.id();
      }
    } while (!source.at_end());
    EXPECT_EQ(ids, "v1v2v3v4v5v6v7v8v9v10");
  }
}

std::map<std::string, int> TypesOf(Source& source, int count, std::set<std::string>& topics) {
  std::map<std::string, int> types;
  for (int i = 0; i < count; ++i) {
    const v1::Event event = source.Next(kNow);
    ++types[event.payload().type_url()];
    topics.insert(event.topic());
  }
  return types;
}

TEST(OtherSources, EachTypeComesOnItsTopic) {
  std::set<std::string> topics;
  EXPECT_EQ(TypesOf(*MakeGoalSource("tenant-1"), 10, topics).size(), 5U);
  EXPECT_EQ(topics, std::set<std::string>{"tenants.tenant-1.goals"});
  topics.clear();
  EXPECT_EQ(TypesOf(*MakeNotificationSource("alice"), 10, topics).size(), 1U);
  EXPECT_EQ(topics, (std::set<std::string>{"broadcast.notifications", "users.alice.notifications"}));
}

TEST(OtherSources, GoalsCarryTheirTenant) {
  const v1::Event event = MakeGoalSource("acme")->Next(kNow);
  EXPECT_EQ(event.attributes().at("tenant_id"), "acme");
  apps::goals::v1::GoalCreated created;
  ASSERT_TRUE(event.payload().UnpackTo(&created));
  EXPECT_EQ(created.tenant_id(), "acme");
}

TEST(OtherSources, RequestsForImagesGoFromNothingToTheirEndThreeAtATime) {
  const std::unique_ptr<Source> source = MakeImageSource("alice");
  std::map<std::string, std::string> seen;  // by request
  std::set<std::string> under_way;
  std::vector<std::string> ended;
  while (ended.size() < 8) {
    apps::imagegen::v1::GenerationUpdate update;
    const v1::Event event = source->Next(kNow);
    ASSERT_TRUE(event.payload().UnpackTo(&update));
    EXPECT_EQ(event.topic(), "users.alice.imagegen." + update.request_id());
    under_way.insert(update.request_id());
    EXPECT_LE(under_way.size(), 3U);
    if (update.status() == apps::imagegen::v1::STATUS_PROGRESS) {
      EXPECT_TRUE(update.payload().has_progress());
      seen[update.request_id()] += std::to_string(update.payload().progress()) + " ";
      continue;
    }
    under_way.erase(update.request_id());
    ended.push_back(seen[update.request_id()] + apps::imagegen::v1::Status_Name(update.status()));
    EXPECT_EQ(update.payload().images_size(), update.status() == apps::imagegen::v1::STATUS_OK ? 1 : 0);
  }
  EXPECT_EQ(ended[0], "0 12 25 37 50 62 75 87 STATUS_OK");
  EXPECT_EQ(std::count(ended.begin(), ended.end(), "0 12 25 37 50 STATUS_ERROR"), 1);
}

TEST(OtherSources, AnImageIsAPng) {
  const std::unique_ptr<Source> source = MakeImageSource("alice");
  apps::imagegen::v1::GenerationUpdate update;
  while (update.payload().images().empty()) {
    ASSERT_TRUE(source->Next(kNow).payload().UnpackTo(&update));
  }
  const apps::imagegen::v1::Image& image = update.payload().images(0);
  EXPECT_EQ(image.content_type(), "image/png");
  EXPECT_EQ(image.file_name(), update.request_id() + ".png");
  EXPECT_EQ(image.url().find("data:image/png;base64,iVBORw0KGgo"), 0U);
  EXPECT_GT(image.file_size(), 500U);
  EXPECT_LT(image.file_size(), 8000U);
}

}  // namespace
}  // namespace weir::demo
