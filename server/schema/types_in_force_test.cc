#include "server/schema/types_in_force.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "server/testing.h"

namespace weir::server {
namespace {

std::shared_ptr<const EventTypes> TypesNamed(int number) {
  const DescriptorSetFile set =
      SetOf(fmt::format(R"(name: "x{0}.proto" package: "x{0}" syntax: "proto3" message_type {{ name: "M" }})", number));
  return EventTypes::Load({&set, 1}).value();
}

TEST(TypesInForce, ReplacedTypesHoldAtOnceAndTheOldOnesStayUsable) {
  TypesInForce types(TestTypes());
  const EventTypes& old = types.get();
  ASSERT_TRUE(types.Replace(TypesNamed(1)).ok());
  EXPECT_EQ(types.get().Find("test.v1.Note"), nullptr);
  EXPECT_TRUE(types.get().IsMessage("x1.M"));
  EXPECT_NE(old.Find("test.v1.Note"), nullptr);
}

TEST(TypesInForce, OnlyDifferentOnesCount) {
  TypesInForce types(TypesNamed(0));
  for (size_t i = 1; i < TypesInForce::kVersionsMax; ++i) {
    ASSERT_TRUE(types.Replace(TypesNamed(static_cast<int>(i))).ok());
    ASSERT_TRUE(types.Replace(TypesNamed(0)).ok()) << "back to what it knows";
  }
  EXPECT_EQ(types.Replace(TypesNamed(1000)).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(types.get().IsMessage("x0.M")) << "what is in force stays";
}

}  // namespace
}  // namespace weir::server
