#include "edge/render/schema.h"

#include <gtest/gtest.h>

#include "tests/support/event_schema.h"
#include "weir/v1/options.pb.h"

namespace weir::edge {
namespace {

TEST(SchemaTest, KnowsItsEventTypes) {
  const auto schema = Schema::Compile(test::AppsSchema()).value();
  EXPECT_EQ(schema->version(), "v1");
  EXPECT_EQ(schema->EventName("apps.goals.v1.GoalCreated"), "goal.created");
  EXPECT_EQ(schema->EventName("apps.vehicles.v1.Vehicle"), "");
  EXPECT_EQ(schema->EventName(""), "");
}

TEST(SchemaTest, RefusesWhatDoesNotLink) {
  v1::GetSchemaResponse response = test::AppsSchema();
  response.mutable_files()->mutable_file()->DeleteSubrange(0, 1);
  EXPECT_EQ(Schema::Compile(response).status().code(), absl::StatusCode::kInvalidArgument);
  response = test::AppsSchema();
  response.mutable_files()->mutable_file(0)->set_syntax("editions");
  EXPECT_EQ(Schema::Compile(response).status().code(), absl::StatusCode::kInvalidArgument);
  response = test::AppsSchema();
  response.mutable_event_types(0)->set_type("no.Such");
  EXPECT_EQ(Schema::Compile(response).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(SchemaTest, RefusesNamesThatAreNoEventNames) {
  for (const char* name : {"", "a b", "a\nb", "error", "open"}) {
    v1::GetSchemaResponse response = test::AppsSchema();
    response.mutable_event_types(0)->set_name(name);
    EXPECT_EQ(Schema::Compile(response).status().code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

// Our options are extensions: the pool of a schema that came over the wire may hold them as mere bytes.
TEST(SchemaTest, ReadsOurOptionsFromASchemaThatCameOverTheWire) {
  v1::GetSchemaResponse received;
  received.ParseFromString(test::AppsSchema().SerializeAsString());
  for (auto& file : *received.mutable_files()->mutable_file()) {
    for (auto& message : *file.mutable_message_type()) {
      std::string event;
      message.options().GetExtension(v1::event).SerializeToString(&event);
      message.mutable_options()->ClearExtension(v1::event);
      if (!event.empty()) {
        message.mutable_options()
            ->GetReflection()
            ->MutableUnknownFields(message.mutable_options())
            ->AddLengthDelimited(79310, event);
      }
    }
  }
  const auto schema = Schema::Compile(received);
  ASSERT_TRUE(schema.ok()) << schema.status();
  const JsonPlans& plans = (*schema)->plans(FieldNames::kCamel);
  std::string out;
  ASSERT_TRUE(plans.Append(*plans.Find("apps.vehicles.v1.VehicleUpdate"), "", out).ok());
  EXPECT_EQ(out, R"({"vehicles":[],"requestId":""})");
}

TEST(SchemaTest, HasPlansForBothKindsOfNames) {
  const auto schema = Schema::Compile(test::AppsSchema()).value();
  for (const auto& [names, expected] :
       {std::pair(FieldNames::kCamel, R"({"goalId":"1"})"), std::pair(FieldNames::kProto, R"({"goal_id":"1"})")}) {
    const JsonPlans& plans = schema->plans(names);
    std::string out;
    ASSERT_TRUE(plans
                    .Append(*plans.Find("apps.goals.v1.GoalActivated"),
                            "\x0a\x01"
                            "1",
                            out)
                    .ok());
    EXPECT_EQ(out, expected);
  }
}

}  // namespace
}  // namespace weir::edge
