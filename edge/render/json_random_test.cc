// The plans beside the protobuf library, on random types and messages.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "edge/render/json_plan.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/util/json_util.h"
#include "tests/support/json_compare.h"
#include "tests/support/random_proto.h"

namespace weir::edge {
namespace {

using nlohmann::json;
using test::Rng;

class RandomMessagesTest : public testing::TestWithParam<uint64_t> {};

TEST_P(RandomMessagesTest, LookAsTheLibraryPrintsThem) {
  Rng rng(GetParam());
  SCOPED_TRACE(testing::Message() << "seed " << GetParam());
  for (int round = 0; round < 40; ++round) {
    test::RandomTypes types(rng);
    const FieldNames names = round % 2 == 0 ? FieldNames::kCamel : FieldNames::kProto;
    const auto plans = JsonPlans::Compile(test::FilesOf(types), names);
    for (int i = 0; i < 30; ++i) {
      const auto& type = *types.types()[test::Below(rng, types.types().size())];
      const auto message = types.Random(rng, type);
      google::protobuf::util::JsonPrintOptions options;
      options.preserve_proto_field_names = names == FieldNames::kProto;
      std::string theirs;
      ASSERT_TRUE(google::protobuf::util::MessageToJsonString(*message, &theirs, options).ok());
      std::string ours;
      const absl::Status status = plans->Append(*plans->Find(type.full_name()), message->SerializeAsString(), ours);
      ASSERT_TRUE(status.ok()) << status << "\n" << type.DebugString() << message->DebugString();
      ASSERT_EQ(test::JsonDifference(json::parse(ours), json::parse(theirs)), "")
          << ours << "\n"
          << theirs << "\n"
          << type.DebugString() << message->DebugString();
    }
  }
}

TEST_P(RandomMessagesTest, AreShownAsTheLibraryReadsThemAfterMutation) {
  const google::protobuf::LogSilencer quiet;  // the parser logs every bad string
  Rng rng(GetParam());
  SCOPED_TRACE(testing::Message() << "seed " << GetParam());
  int shown = 0;
  int refused = 0;
  for (int round = 0; round < 20; ++round) {
    test::RandomTypes types(rng);
    const auto plans = JsonPlans::Compile(test::FilesOf(types), FieldNames::kCamel);
    for (int i = 0; i < 100; ++i) {
      const auto& type = *types.types()[test::Below(rng, types.types().size())];
      const std::string bytes = test::Mutated(rng, types.Random(rng, type)->SerializeAsString());
      const auto message = types.New(type);
      const bool parses = message->ParseFromString(bytes);
      message->DiscardUnknownFields();  // the library shows a wrapper's unknown field as its value
      std::string ours = "before";
      const absl::Status status = plans->Append(*plans->Find(type.full_name()), bytes, ours);
      if (!status.ok()) {
        ++refused;
        ASSERT_EQ(ours, "before");
        continue;
      }
      ++shown;
      json parsed;
      ASSERT_NO_THROW(parsed = json::parse(ours.substr(6))) << ours;
      std::string theirs;
      // What another value replaces is skipped, not checked: it may be what the parser stumbles over. And the library
      // prints what an Any holds as it lies on the wire, with members twice.
      if (parses && google::protobuf::util::MessageToJsonString(*message, &theirs).ok() && json::accept(theirs) &&
          theirs.find("\"@type\"") == std::string::npos) {
        ASSERT_EQ(test::JsonDifference(test::JsonComparable(parsed), test::JsonComparable(json::parse(theirs))), "")
            << ours << "\n"
            << theirs << "\n"
            << type.DebugString() << message->DebugString();
      }
    }
  }
  EXPECT_GT(shown, 100);
  EXPECT_GT(refused, 100);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomMessagesTest, testing::Values(1, 2, 3, 4, 5, 6));

}  // namespace
}  // namespace weir::edge
