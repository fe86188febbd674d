#include "server/schema/payload_checker.h"

#include <gtest/gtest.h>

#include <string>

#include "apps/notifications/v1/notifications.pb.h"
#include "apps/vehicles/v1/vehicles.pb.h"
#include "base/wire.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/stubs/logging.h"
#include "tests/support/any_judge.h"
#include "tests/support/random_proto.h"

namespace weir::server {
namespace {

using apps::vehicles::v1::VehicleUpdate;
using google::protobuf::Message;
using google::protobuf::Struct;
using test::Deterministic;
using test::Rng;
using wire::AppendBytes;
using wire::AppendUint64;

template <typename M>
EventForm Check(std::string_view bytes) {
  return PayloadChecker::Compile(*M::descriptor())->Check(bytes);
}

VehicleUpdate Update() {
  VehicleUpdate update;
  update.add_vehicles()->set_make("Toyota");
  update.mutable_vehicles(0)->set_year(1970);
  update.mutable_vehicles(0)->set_miles_per_gallon(0);
  update.mutable_timestamp()->set_seconds(1);
  update.set_request_id("r1");
  return update;
}

TEST(PayloadCheckerTest, TakesWhatASerializerWrites) {
  EXPECT_EQ(Check<VehicleUpdate>(Update().SerializeAsString()), EventForm::kCanonical);
  EXPECT_EQ(Check<VehicleUpdate>(""), EventForm::kCanonical);
}

TEST(PayloadCheckerTest, NoticesOtherOrdersAndRepetitions) {
  const std::string bytes = Update().SerializeAsString();
  std::string id;
  AppendBytes(id, 3, "x");
  EXPECT_EQ(Check<VehicleUpdate>(id + bytes), EventForm::kOther) << "order";
  EXPECT_EQ(Check<VehicleUpdate>(bytes + id), EventForm::kOther) << "a singular field twice";
  EXPECT_EQ(Check<VehicleUpdate>(bytes + bytes), EventForm::kOther);
}

TEST(PayloadCheckerTest, NoticesDefaultsThatASerializerWouldNotWrite) {
  std::string bytes;
  AppendBytes(bytes, 3, "");
  EXPECT_EQ(Check<VehicleUpdate>(bytes), EventForm::kOther);
  std::string vehicle;
  AppendUint64(vehicle, 4, 0);
  bytes.clear();
  AppendBytes(bytes, 1, vehicle);
  EXPECT_EQ(Check<VehicleUpdate>(bytes), EventForm::kOther) << "also in a nested message";
  vehicle.clear();
  wire::AppendTag(vehicle, 6, wire::Type::kFixed64);
  vehicle.append(8, '\0');
  bytes.clear();
  AppendBytes(bytes, 1, vehicle);
  EXPECT_EQ(Check<VehicleUpdate>(bytes), EventForm::kCanonical) << "`optional` keeps its zero";
}

TEST(PayloadCheckerTest, NoticesValuesBeyondTheirType) {
  std::string vehicle;
  AppendUint64(vehicle, 4, uint64_t{1} << 40);  // an int32
  std::string bytes;
  AppendBytes(bytes, 1, vehicle);
  EXPECT_EQ(Check<VehicleUpdate>(bytes), EventForm::kOther);
}

TEST(PayloadCheckerTest, AllowsUnknownFieldsInOrder) {
  std::string bytes = Update().SerializeAsString();
  AppendBytes(bytes, 9, "later");
  AppendUint64(bytes, 9, 1);
  EXPECT_EQ(Check<VehicleUpdate>(bytes), EventForm::kCanonical);
  AppendUint64(bytes, 8, 1);
  EXPECT_EQ(Check<VehicleUpdate>(bytes), EventForm::kOther);
}

TEST(PayloadCheckerTest, TakesAFieldOfAnotherWireTypeAsUnknown) {
  std::string bytes;
  AppendUint64(bytes, 3, 7);  // a string
  EXPECT_EQ(Check<VehicleUpdate>(bytes), EventForm::kOther);
}

TEST(PayloadCheckerTest, RefusesBadUtf8AndCutBytes) {
  std::string bytes;
  AppendBytes(bytes, 3, "\xff");
  EXPECT_EQ(Check<VehicleUpdate>(bytes), EventForm::kMalformed);
  bytes = Update().SerializeAsString();
  bytes.pop_back();
  EXPECT_EQ(Check<VehicleUpdate>(bytes), EventForm::kMalformed);
  EXPECT_EQ(Check<VehicleUpdate>(std::string("\0", 1)), EventForm::kMalformed) << "field number 0";
  EXPECT_EQ(Check<VehicleUpdate>("\x0c"), EventForm::kMalformed) << "the end of a group that never began";
  EXPECT_EQ(Check<VehicleUpdate>("\x0e"), EventForm::kMalformed) << "wire type 6";
}

TEST(PayloadCheckerTest, WantsMapsSortedAndEntriesWhole) {
  const auto entry = [](std::string_view key, bool value) {
    std::string pair;
    AppendBytes(pair, 1, key);
    if (value) {
      AppendBytes(pair, 2, "");
    }
    std::string bytes;
    AppendBytes(bytes, 1, pair);
    return bytes;
  };
  EXPECT_EQ(Check<Struct>(entry("a", true) + entry("b", true)), EventForm::kCanonical);
  EXPECT_EQ(Check<Struct>(entry("b", true) + entry("a", true)), EventForm::kOther);
  EXPECT_EQ(Check<Struct>(entry("a", true) + entry("a", true)), EventForm::kOther);
  EXPECT_EQ(Check<Struct>(entry("a", false)), EventForm::kOther);
}

TEST(PayloadCheckerTest, AllowsOneMemberOfAOneof) {
  std::string bytes;
  wire::AppendTag(bytes, 2, wire::Type::kFixed64);
  bytes.append(8, 'x');
  EXPECT_EQ(Check<google::protobuf::Value>(bytes), EventForm::kCanonical);
  AppendBytes(bytes, 3, "text");
  EXPECT_EQ(Check<google::protobuf::Value>(bytes), EventForm::kOther);
}

std::string Any(std::string_view url, std::string_view value) {
  std::string bytes;
  if (!url.empty()) {
    AppendBytes(bytes, 1, url);
  }
  if (!value.empty()) {
    AppendBytes(bytes, 2, value);
  }
  return bytes;
}

TEST(PayloadCheckerTest, LooksIntoAny) {
  using google::protobuf::Any;
  const std::string url = "type.googleapis.com/apps.vehicles.v1.VehicleUpdate";
  const std::string update = Update().SerializeAsString();
  EXPECT_EQ(Check<google::protobuf::Any>(server::Any(url, update)), EventForm::kCanonical);
  EXPECT_EQ(Check<google::protobuf::Any>(server::Any(url, "")), EventForm::kCanonical);
  EXPECT_EQ(Check<google::protobuf::Any>(""), EventForm::kCanonical) << "never set";
  EXPECT_EQ(Check<google::protobuf::Any>(server::Any(url, update + update)), EventForm::kOther);
  EXPECT_EQ(Check<google::protobuf::Any>(server::Any(url, "\xff")), EventForm::kMalformed);
  EXPECT_EQ(Check<google::protobuf::Any>(server::Any("type.googleapis.com/no.Such", "")), EventForm::kMalformed);
  EXPECT_EQ(Check<google::protobuf::Any>(server::Any("apps.vehicles.v1.VehicleUpdate", "")), EventForm::kMalformed);
  EXPECT_EQ(Check<google::protobuf::Any>(server::Any("", "x")), EventForm::kMalformed);
}

TEST(PayloadCheckerTest, RefusesAnyThatLieTooDeep) {
  std::string bytes;
  for (int depth = 0; depth < 2'000; ++depth) {
    bytes = Any("type.googleapis.com/google.protobuf.Any", bytes);
    if (depth == 60 || depth == 150) {
      EXPECT_EQ(Check<google::protobuf::Any>(bytes), depth == 60 ? EventForm::kCanonical : EventForm::kMalformed);
    }
  }
  EXPECT_EQ(Check<google::protobuf::Any>(bytes), EventForm::kMalformed);
}

TEST(PayloadCheckerTest, HasTheLibrarysLimitOfDepth) {
  std::string list;  // ListValue and Value in one another
  for (int depth = 1; depth <= 120; ++depth) {
    std::string outer;
    AppendBytes(outer, depth % 2 == 1 ? 1 : 6, list);
    list = outer;
    if (depth % 2 == 1) {
      const bool parses = google::protobuf::ListValue().ParseFromString(list);
      EXPECT_EQ(Check<google::protobuf::ListValue>(list) != EventForm::kMalformed, parses) << depth;
    } else {
      const bool parses = google::protobuf::Value().ParseFromString(list);
      EXPECT_EQ(Check<google::protobuf::Value>(list) != EventForm::kMalformed, parses) << depth;
    }
  }
}

TEST(PayloadCheckerTest, AsksTheLibraryAboutRequiredFields) {
  using google::protobuf::UninterpretedOption;  // proto2, with a nested type of required fields
  UninterpretedOption option;
  option.add_name()->set_name_part("x");
  EXPECT_EQ(Check<UninterpretedOption>(option.SerializePartialAsString()), EventForm::kMalformed);
  option.mutable_name(0)->set_is_extension(false);
  EXPECT_EQ(Check<UninterpretedOption>(option.SerializeAsString()), EventForm::kOther);
}

class RandomPayloadTest : public testing::TestWithParam<uint64_t> {};

TEST_P(RandomPayloadTest, AgreesWithTheLibrary) {
  const google::protobuf::LogSilencer quiet;  // the parser logs every bad string
  Rng rng(GetParam());
  SCOPED_TRACE(testing::Message() << "seed " << GetParam());
  int canonical = 0;
  int other = 0;
  int malformed = 0;
  for (int round = 0; round < 40; ++round) {
    test::RandomTypes types(rng);
    for (int i = 0; i < 60; ++i) {
      const auto& type = *types.types()[test::Below(rng, types.types().size())];
      const auto checker = PayloadChecker::Compile(type);
      const auto message = types.Random(rng, type);
      std::string bytes = Deterministic(*message);
      if (i % 3 == 0) {
        bytes = message->SerializeAsString();  // maps in any order, within Any too
      } else if (i % 3 == 1) {
        bytes = test::Mutated(rng, bytes);
      }
      const EventForm form = checker->Check(bytes);
      const auto parsed = types.New(type);
      const bool accepted = parsed->ParseFromString(bytes) && test::AnyJudge(types).Accepts(*parsed);
      ASSERT_EQ(form != EventForm::kMalformed, accepted) << type.DebugString() << testing::PrintToString(bytes) << "\n"
                                                         << parsed->DebugString();
      ++(form == EventForm::kCanonical ? canonical : form == EventForm::kOther ? other : malformed);
      if (i % 3 == 0 && form == EventForm::kCanonical) {
        ASSERT_EQ(Deterministic(*parsed), bytes) << type.DebugString();
      }
      if (i % 3 == 2) {
        ASSERT_EQ(form, EventForm::kCanonical) << type.DebugString() << testing::PrintToString(bytes);
      }
    }
  }
  EXPECT_GT(canonical, 800);
  EXPECT_GT(other, 100);
  EXPECT_GT(malformed, 100);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomPayloadTest, testing::Values(1, 2, 3, 4, 5, 6, 7, 8));

}  // namespace
}  // namespace weir::server
