#include "server/subscribe/subscribe_request.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "server/testing.h"

namespace weir::server {
namespace {

struct BadRequest {
  const char* name;
  const char* reason;
  const char* field;
  std::function<void(v1::SubscribeRequest&)> spoil;
};

class BadRequestTest : public ::testing::TestWithParam<BadRequest> {};

TEST_P(BadRequestTest, IsRefusedWithReasonAndField) {
  v1::SubscribeRequest request;
  request.add_filters("a.>");
  GetParam().spoil(request);
  const auto types = TestTypes();
  const FaultOr<SubscriptionOptions> options = ReadSubscribeRequest(request, *types);
  ASSERT_FALSE(options.ok());
  EXPECT_EQ(NameOf(options.fault().reason), GetParam().reason);
  EXPECT_EQ(options.fault().field, GetParam().field);
}

const BadRequest kBadRequests[] = {
    {"NoFilter", "FILTER_INVALID", "filters", [](v1::SubscribeRequest& r) { r.clear_filters(); }},
    {"BadFilter", "FILTER_INVALID", "filters[1]", [](v1::SubscribeRequest& r) { r.add_filters("a.>.b"); }},
    {"LongFilter", "FILTER_INVALID", "filters[1]",
     [](v1::SubscribeRequest& r) { r.add_filters(std::string(257, 'a')); }},
    {"ManyFilters", "FILTER_INVALID", "filters",
     [](v1::SubscribeRequest& r) {
       for (int i = 0; i < 1024; ++i) {
         r.add_filters("t" + std::to_string(i));
       }
     }},
    {"UnknownType", "TYPE_UNKNOWN", "types[0]", [](v1::SubscribeRequest& r) { r.add_types("no.Such"); }},
    {"ManyTypes", "FIELD_INVALID", "types",
     [](v1::SubscribeRequest& r) {
       for (int i = 0; i < 1025; ++i) {
         r.add_types("test.v1.Note");
       }
     }},
    {"UnknownPolicy", "FIELD_INVALID", "gap_policy",
     [](v1::SubscribeRequest& r) { r.set_gap_policy(static_cast<v1::GapPolicy>(9)); }},
    {"ZeroInterval", "FIELD_INVALID", "progress_interval",
     [](v1::SubscribeRequest& r) { r.mutable_progress_interval(); }},
    {"ShortInterval", "FIELD_INVALID", "progress_interval",
     [](v1::SubscribeRequest& r) { r.mutable_progress_interval()->set_nanos(999'999'999); }},
    {"LongInterval", "FIELD_INVALID", "progress_interval",
     [](v1::SubscribeRequest& r) {
       r.mutable_progress_interval()->set_seconds(300);
       r.mutable_progress_interval()->set_nanos(1);
     }},
    {"BadNanos", "FIELD_INVALID", "progress_interval",
     [](v1::SubscribeRequest& r) {
       r.mutable_progress_interval()->set_seconds(5);
       r.mutable_progress_interval()->set_nanos(-1);
     }},
    {"NegativeEvents", "FIELD_INVALID", "max_batch_events",
     [](v1::SubscribeRequest& r) { r.set_max_batch_events(-1); }},
    {"ManyEvents", "FIELD_INVALID", "max_batch_events", [](v1::SubscribeRequest& r) { r.set_max_batch_events(1001); }},
    {"NegativeBytes", "FIELD_INVALID", "max_batch_bytes", [](v1::SubscribeRequest& r) { r.set_max_batch_bytes(-1); }},
    {"ManyBytes", "FIELD_INVALID", "max_batch_bytes",
     [](v1::SubscribeRequest& r) { r.set_max_batch_bytes((3 << 20) + 1); }},
    {"LongName", "FIELD_INVALID", "client_name",
     [](v1::SubscribeRequest& r) { r.set_client_name(std::string(65, 'x')); }},
    {"NameWithSpace", "FIELD_INVALID", "client_name", [](v1::SubscribeRequest& r) { r.set_client_name("a b"); }},
};

INSTANTIATE_TEST_SUITE_P(Requests, BadRequestTest, ::testing::ValuesIn(kBadRequests),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(ReadSubscribeRequest, FillsInDefaultsAndTakesTheLimits) {
  v1::SubscribeRequest request;
  request.add_filters(">");
  const auto types = TestTypes();
  FaultOr<SubscriptionOptions> options = ReadSubscribeRequest(request, *types);
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->batch_events_max, 256u);
  EXPECT_EQ(options->batch_bytes_max, 1u << 20);
  EXPECT_EQ(options->progress_interval, absl::Seconds(10));
  EXPECT_FALSE(options->fail_on_gap);
  for (int i = 1; i < 1024; ++i) {
    request.add_filters("t" + std::to_string(i));
  }
  request.set_max_batch_events(1000);
  request.set_max_batch_bytes(3 << 20);
  request.mutable_progress_interval()->set_seconds(300);
  request.set_client_name(std::string(64, '~'));
  request.set_gap_policy(v1::GAP_POLICY_FAIL);
  options = ReadSubscribeRequest(request, *types);
  ASSERT_TRUE(options.ok());
  EXPECT_TRUE(options->fail_on_gap);
}

}  // namespace
}  // namespace weir::server
