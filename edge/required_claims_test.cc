#include "edge/required_claims.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace weir::edge {
namespace {

using nlohmann::json;
using testing::HasSubstr;

absl::StatusOr<RequiredClaims> Compile(const json& claims) {
  google::protobuf::Struct proto;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(claims.dump(), &proto).ok());
  return RequiredClaims::Compile(proto);
}

bool Passes(const json& required, const json& claims) {
  const absl::Status status = Compile(required)->Check(&claims);
  EXPECT_TRUE(status.ok() || status.code() == absl::StatusCode::kPermissionDenied);
  return status.ok();
}

TEST(RequiredClaims, AreTheValueOrAListThatHoldsIt) {
  for (const json& value : {json("admin"), json(true), json(false), json(5), json("")}) {
    EXPECT_TRUE(Passes({{"role", value}}, {{"role", value}, {"sub", "ann"}})) << value;
    EXPECT_TRUE(Passes({{"role", value}}, {{"role", {"x", value, nullptr}}})) << value;
    for (const json& other :
         {json("Admin"), json("admin "), json("true"), json(1), json(nullptr), json("5"), json(5.5), json::array(),
          json::array({json::array({value})}), json({{"admin", value}}), json({{"role", value}})}) {
      EXPECT_FALSE(Passes({{"role", value}}, {{"role", other}})) << value << " " << other;
    }
    EXPECT_FALSE(Passes({{"role", value}}, {{"roles", value}})) << value;
  }
}

TEST(RequiredClaims, AreRequiredAllTogether) {
  const json required = {{"a", 1}, {"b", "2"}};
  EXPECT_TRUE(Passes(required, {{"a", 1}, {"b", "2"}}));
  EXPECT_FALSE(Passes(required, {{"a", 1}}));
  EXPECT_FALSE(Passes(required, {{"b", "2"}}));
}

TEST(RequiredClaims, AreNotThereWithoutAToken) {
  EXPECT_FALSE(Compile({{"a", 1}})->Check(nullptr).ok());
  EXPECT_TRUE(RequiredClaims().Check(nullptr).ok());
  EXPECT_TRUE(RequiredClaims().empty());
}

TEST(RequiredClaims, NameWhatIsMissingWithoutTheTokensValue) {
  const json claims = {{"role", "hunter2"}};
  const std::string message(Message(Compile({{"role", "admin"}})->Check(&claims)));
  EXPECT_THAT(message, HasSubstr("`role`"));
  EXPECT_THAT(message, testing::Not(HasSubstr("hunter2")));
}

TEST(RequiredClaims, RefuseWhatCannotBeAsked) {
  for (const json& bad : {json({{"a", nullptr}}), json({{"a", json::array({1})}}), json({{"a", {{"b", 1}}}}),
                          json({{"", 1}}), json({{"a b", 1}})}) {
    EXPECT_EQ(Compile(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  json many;
  for (int i = 0; i <= RequiredClaims::kClaimsMax; ++i) {
    many["c" + std::to_string(i)] = 1;
  }
  EXPECT_FALSE(Compile(many).ok());
  many.erase("c0");
  EXPECT_TRUE(Compile(many).ok());
}

}  // namespace
}  // namespace weir::edge
