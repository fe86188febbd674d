#include "demo/feed/sources.h"

#include <gtest/gtest.h>

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
  EXPECT_EQ(TypesOf(*MakeDispatchSource(), 6, topics).size(), 3U);
  EXPECT_EQ(topics, std::set<std::string>{"dispatch.broadcast"});
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

TEST(OtherSources, ARequestForImagesGoesFromNothingToItsEnd) {
  const std::unique_ptr<Source> source = MakeImageSource("alice");
  std::string seen;
  for (int i = 0; i < 20; ++i) {
    apps::imagegen::v1::GenerationUpdate update;
    const v1::Event event = source->Next(kNow);
    ASSERT_TRUE(event.payload().UnpackTo(&update));
    EXPECT_EQ(event.topic(), "users.alice.imagegen." + update.request_id());
    if (update.status() == apps::imagegen::v1::STATUS_PROGRESS) {
      EXPECT_TRUE(update.payload().has_progress());
      seen += std::to_string(update.payload().progress()) + " ";
    } else {
      EXPECT_EQ(update.payload().images_size(), update.status() == apps::imagegen::v1::STATUS_OK ? 1 : 0);
      seen += apps::imagegen::v1::Status_Name(update.status()) + " ";
    }
  }
  const std::string good = "0 25 50 75 STATUS_OK ";
  EXPECT_EQ(seen, good + good + good + "0 25 50 75 STATUS_ERROR ");
}

}  // namespace
}  // namespace weir::demo
