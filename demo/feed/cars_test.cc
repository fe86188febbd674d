#include "demo/feed/cars.h"

#include <gtest/gtest.h>

namespace weir::demo {
namespace {

constexpr char kCorona[] = R"({"Name":"toyota corona mark ii","Miles_per_Gallon":24,"Cylinders":4,"Displacement":113,
  "Horsepower":95,"Weight_in_lbs":2372,"Acceleration":15.5,"Year":"1970-01-01","Origin":"Japan"})";

TEST(Cars, SplitsAndCapitalisesNames) {
  using Pair = std::pair<std::string, std::string>;
  EXPECT_EQ(SplitName("toyota corona mark ii"), Pair("Toyota", "Corona Mark II"));
  EXPECT_EQ(SplitName("amc hornet sportabout (sw)"), Pair("AMC", "Hornet Sportabout (Sw)"));
  EXPECT_EQ(SplitName("mercedes-benz 280s"), Pair("Mercedes-Benz", "280s"));
  EXPECT_EQ(SplitName("plymouth 'cuda 340"), Pair("Plymouth", "'cuda 340"));
  EXPECT_EQ(SplitName("subaru"), Pair("Subaru", ""));
  EXPECT_EQ(SplitName(""), Pair("", ""));
}

TEST(Cars, ReadsARecord) {
  const auto cars = ParseCars(std::string("[") + kCorona + "," + kCorona + "]");
  ASSERT_TRUE(cars.ok()) << cars.status();
  ASSERT_EQ(cars->size(), 2U);
  const apps::vehicles::v1::Vehicle& car = (*cars)[0];
  EXPECT_EQ(car.id(), "v1");
  EXPECT_EQ((*cars)[1].id(), "v2");
  EXPECT_EQ(car.make(), "Toyota");
  EXPECT_EQ(car.year(), 1970);
  EXPECT_EQ(car.origin(), "Japan");
  EXPECT_EQ(car.cylinders(), 4);
  EXPECT_EQ(car.weight_lbs(), 2372);
  EXPECT_DOUBLE_EQ(car.acceleration(), 15.5);
  EXPECT_TRUE(car.has_horsepower());
}

TEST(Cars, UnknownFiguresAreUnset) {
  const auto cars = ParseCars(R"([{"Name":"ford torino","Miles_per_Gallon":null,"Cylinders":8,"Displacement":302,
    "Horsepower":null,"Weight_in_lbs":3169,"Acceleration":12,"Year":"1970-01-01","Origin":"USA"}])");
  ASSERT_TRUE(cars.ok()) << cars.status();
  EXPECT_FALSE((*cars)[0].has_miles_per_gallon());
  EXPECT_FALSE((*cars)[0].has_horsepower());
}

TEST(Cars, RefusesWhatIsNoCar) {
  for (const char* json : {"", "{}", "[]", "[1]", "[{}]", R"([{"Name":"ford","Year":"soon"}])"}) {
    EXPECT_EQ(ParseCars(json).status().code(), absl::StatusCode::kInvalidArgument) << json;
  }
}

}  // namespace
}  // namespace weir::demo
