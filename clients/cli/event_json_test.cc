#include "clients/cli/event_json.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "apps/imagegen/v1/imagegen.pb.h"
#include "apps/vehicles/v1/vehicles.pb.h"
#include "clients/cli/output.h"
#include "clients/cpp/fake_event_bus.h"
#include "weir/v1/options.pb.h"

namespace weir::cli {
namespace {

class EventJsonTest : public testing::Test {
 protected:
  EventJsonTest() { Serve("v1", {"apps.vehicles.v1.VehicleUpdate"}); }

  // The fake answers GetSchema with the files of these generated types.
  void Serve(const std::string& version, const std::vector<std::string>& types) {
    v1::GetSchemaResponse response;
    response.set_version(version);
    std::set<std::string> seen;
    for (const std::string& type : types) {
      const auto* descriptor = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(type);
      ASSERT_NE(descriptor, nullptr) << type;
      AddFile(*descriptor->file(), seen, response);
    }
    bus_.SetSchema(response);
  }

  static void AddFile(const google::protobuf::FileDescriptor& file, std::set<std::string>& seen,
                      v1::GetSchemaResponse& response) {
    if (!seen.insert(file.name()).second) {
      return;
    }
    for (int i = 0; i < file.dependency_count(); ++i) {
      AddFile(*file.dependency(i), seen, response);
    }
    file.CopyTo(response.mutable_files()->add_file());
  }

  std::string ReasonOf(const std::string& line) { return ErrorReason(ParseEventLine(line, schema_).status()); }

  FakeEventBus bus_;
  Client client_{{.server = bus_.address()}};
  Schema schema_{client_};
};

constexpr char kLine[] = R"({"topic":"vehicles.updates","type":"apps.vehicles.v1.VehicleUpdate",
  "data":{"requestId":"r1","vehicles":[{"year":1970,"id":"v1"}]},"event_id":"e1","time":"1970-01-01T00:00:01.5Z",
  "attributes":{"k":"v"}})";

TEST_F(EventJsonTest, ReadsALine) {
  const auto event = ParseEventLine(kLine, schema_);
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->topic(), "vehicles.updates");
  EXPECT_EQ(event->id(), "e1");
  EXPECT_EQ(event->time().seconds(), 1);
  EXPECT_EQ(event->time().nanos(), 500'000'000);
  EXPECT_EQ(event->attributes().at("k"), "v");
  apps::vehicles::v1::VehicleUpdate update;
  ASSERT_TRUE(event->payload().UnpackTo(&update));
  EXPECT_EQ(update.request_id(), "r1");
  EXPECT_EQ(event->payload().value(), update.SerializeAsString()) << "fields are in number order";
}

TEST_F(EventJsonTest, WhatIsPrintedCanBePublished) {
  auto event = ParseEventLine(kLine, schema_);
  ASSERT_TRUE(event.ok());
  event->set_cursor("testtest-1");
  event->mutable_publish_time()->set_seconds(2);
  const std::string line = EventLine(*event, schema_);
  EXPECT_EQ(line, R"({"cursor":"testtest-1","event_id":"e1","topic":"vehicles.updates",)"
                  R"("type":"apps.vehicles.v1.VehicleUpdate","time":"1970-01-01T00:00:01.500Z",)"
                  R"("publish_time":"1970-01-01T00:00:02Z","attributes":{"k":"v"},)"
                  R"("data":{"vehicles":[{"id":"v1","year":1970}],"requestId":"r1"}})");
  const auto again = ParseEventLine(line, schema_);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->payload().value(), event->payload().value());
}

TEST_F(EventJsonTest, AnEventWithoutATimeHasThatOfItsPublication) {
  v1::Event event;
  event.mutable_payload()->set_type_url("type.googleapis.com/apps.vehicles.v1.VehicleUpdate");
  event.mutable_publish_time()->set_seconds(2);
  EXPECT_EQ(Json::parse(EventLine(event, schema_))["time"], "1970-01-01T00:00:02Z");
}

TEST_F(EventJsonTest, RefusesBadLinesAndSaysWhy) {
  for (const char* line : {"", "[]", "{", R"({"type":"apps.vehicles.v1.VehicleUpdate","data":{}})",
                           R"({"topic":"a","data":{}})", R"({"topic":"a","type":"apps.vehicles.v1.VehicleUpdate"})",
                           R"({"topic":1,"type":"apps.vehicles.v1.VehicleUpdate","data":{}})",
                           R"({"topic":"a","type":"apps.vehicles.v1.VehicleUpdate","data":{},"time":"noon"})",
                           R"({"topic":"a","type":"apps.vehicles.v1.VehicleUpdate","data":{},"attributes":{"k":1}})",
                           R"({"topic":"a","type":"apps.vehicles.v1.VehicleUpdate","data":{},"topci":"b"})"}) {
    EXPECT_EQ(ReasonOf(line), "FIELD_INVALID") << line;
  }
  EXPECT_EQ(ReasonOf(R"({"topic":"a","type":"apps.vehicles.v1.VehicleUpdate","data":{"nope":1}})"), "PAYLOAD_INVALID");
  EXPECT_EQ(ReasonOf(R"({"topic":"a","type":"apps.vehicles.v1.VehicleUpdate","data":7})"), "PAYLOAD_INVALID");
  EXPECT_EQ(ReasonOf(R"({"topic":"a","type":"apps.Nope","data":{}})"), "TYPE_UNKNOWN");
}

TEST_F(EventJsonTest, ATypeThatTheServerGotLaterIsFound) {
  ASSERT_TRUE(schema_.Refresh().ok());
  const std::string line =
      R"({"topic":"a","type":"apps.imagegen.v1.GenerationUpdate","data":{"request_id":"r","status":"STATUS_OK"}})";
  EXPECT_EQ(ReasonOf(line), "TYPE_UNKNOWN");
  Serve("v2", {"apps.imagegen.v1.GenerationUpdate"});
  const auto event = ParseEventLine(line, schema_);
  ASSERT_TRUE(event.ok()) << event.status();
  apps::imagegen::v1::GenerationUpdate update;
  ASSERT_TRUE(event->payload().UnpackTo(&update));
  EXPECT_EQ(update.status(), apps::imagegen::v1::STATUS_OK);
}

TEST_F(EventJsonTest, APayloadThatCannotBeShownIsNullBesideAnError) {
  v1::Event event;
  event.mutable_payload()->set_type_url("type.googleapis.com/apps.Withdrawn");
  const Json unknown = Json::parse(EventLine(event, schema_));
  EXPECT_TRUE(unknown["data"].is_null());
  EXPECT_EQ(unknown["error"]["reason"], "TYPE_UNKNOWN");
  event.mutable_payload()->set_type_url("type.googleapis.com/apps.vehicles.v1.VehicleUpdate");
  event.mutable_payload()->set_value("\xff");
  const Json broken = Json::parse(EventLine(event, schema_));
  EXPECT_TRUE(broken["data"].is_null());
  EXPECT_EQ(broken["error"]["reason"], "PAYLOAD_INVALID");
}

TEST_F(EventJsonTest, OtherLines) {
  v1::Gap gap;
  gap.set_reason(v1::Gap::REASON_EXPIRED);
  gap.set_requested_cursor("testtest-1");
  gap.set_resume_cursor("testtest-5");
  EXPECT_EQ(GapLine(gap),
            R"({"gap":{"reason":"EXPIRED","requested_cursor":"testtest-1","resume_cursor":"testtest-5"}})");
  v1::Progress progress;
  progress.set_cursor("testtest-5");
  progress.set_caught_up(true);
  EXPECT_EQ(ProgressLine(progress), R"({"progress":{"cursor":"testtest-5","caught_up":true}})");
  v1::PublishAck ack;
  ack.set_cursor("testtest-5");
  ack.set_id("e1");
  EXPECT_EQ(AckLine(ack), R"({"cursor":"testtest-5","event_id":"e1"})");
  ack.set_duplicate(true);
  EXPECT_EQ(AckLine(ack), R"({"cursor":"testtest-5","event_id":"e1","duplicate":true})");
  EXPECT_EQ(ErrorLine(Error(absl::StatusCode::kInvalidArgument, "TOPIC_INVALID", "bad")),
            R"({"error":{"code":"INVALID_ARGUMENT","reason":"TOPIC_INVALID","message":"bad"}})");
}

}  // namespace
}  // namespace weir::cli
