#include "server/publish/validator.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/wire.h"
#include "server/testing.h"
#include "weir/v1/revocation.pb.h"

namespace weir::server {
namespace {

class ValidatorTest : public ::testing::Test {
 protected:
  // The reason, or "" when the event is good.
  std::string Judge(std::string bytes) {
    bytes_ = std::move(bytes);
    event_ = log::NewEvent();
    fault_ = validator_.Validate(bytes_, made_, event_);
    return fault_.has_value() ? std::string(NameOf(fault_->reason)) : "";
  }
  std::string Judge(const v1::Event& event) { return Judge(event.SerializeAsString()); }

  // The event as the log would hold it, without its place.
  v1::Event Stored() const {
    std::string bytes;
    wire::AppendBytes(bytes, 3, event_.topic);
    wire::AppendBytes(bytes, 4, event_.id);
    if (event_.has_time) {
      wire::AppendBytes(bytes, 5, event_.time);
    }
    bytes += event_.tail;
    v1::Event event;
    EXPECT_TRUE(event.ParseFromString(bytes));
    return event;
  }

  const std::shared_ptr<const EventTypes> types_ = TestTypes();
  const TypesInForce in_force_{types_};
  const SimulatedClock clock_;
  const Validator validator_{in_force_, kEventBytesMaxDefault, [] { return "made-id"; }, clock_.clock()};
  std::string bytes_;
  std::deque<std::string> made_;
  log::NewEvent event_;
  std::optional<Fault> fault_;
};

TEST_F(ValidatorTest, TakesACanonicalEventWithoutCopying) {
  v1::Event event = NoteEvent("a.b", "hi", "id-1");
  (*event.mutable_attributes())["tenant_id"] = "acme";
  event.mutable_time()->set_seconds(1'700'000'000);
  EXPECT_EQ(Judge(event), "");
  EXPECT_TRUE(made_.empty());
  EXPECT_EQ(Stored().SerializeAsString(), event.SerializeAsString());
}

TEST_F(ValidatorTest, MakesAnIdWhenThereIsNone) {
  EXPECT_EQ(Judge(NoteEvent("a", "hi")), "");
  EXPECT_EQ(event_.id, "made-id");
}

TEST_F(ValidatorTest, DiscardsWhatOnlyTheServerSets) {
  v1::Event event = NoteEvent("a", "hi", "x");
  event.set_cursor("forged-1");
  event.set_sequence(7);
  event.mutable_publish_time()->set_seconds(1);
  EXPECT_EQ(Judge(event), "");
  EXPECT_EQ(Stored().SerializeAsString(), NoteEvent("a", "hi", "x").SerializeAsString());
}

TEST_F(ValidatorTest, StoresTheStandardTypeUrl) {
  for (const std::string url : {"example.com/x/test.v1.Note", "/test.v1.Note", "test.v1.Note"}) {
    v1::Event event = NoteEvent("a", "hi", "x");
    event.mutable_payload()->set_type_url(url);
    (*event.mutable_attributes())["k"] = "v";
    EXPECT_EQ(Judge(event), "") << url;
    EXPECT_EQ(Stored().payload().type_url(), "type.googleapis.com/test.v1.Note");
    EXPECT_EQ(Stored().attributes().at("k"), "v");
  }
}

TEST_F(ValidatorTest, RewritesWhatIsNotCanonical) {
  const v1::Event event = NoteEvent("a", "hi", "x");
  std::string bytes;
  wire::AppendBytes(bytes, 8, event.payload().SerializeAsString());
  wire::AppendBytes(bytes, 3, "overwritten");
  wire::AppendBytes(bytes, 4, "x");
  wire::AppendBytes(bytes, 3, "a");
  wire::AppendBytes(bytes, 100, "unknown");
  EXPECT_EQ(Judge(bytes), "");
  EXPECT_EQ(Stored().SerializeAsString(), event.SerializeAsString());
}

TEST_F(ValidatorTest, RewritesPayloadsThatAreNotCanonical) {
  v1::Event event = NoteEvent("a", "", "x");
  event.mutable_payload()->set_value(std::string("\x10\x05\x0a\x01x", 5));
  EXPECT_EQ(Judge(event), "");
  EXPECT_EQ(Stored().payload().value(), std::string("\x0a\x01x\x10\x05", 5));
}

TEST_F(ValidatorTest, RewritesTimesThatAreNotCanonical) {
  std::string bytes;
  wire::AppendBytes(bytes, 3, "a");
  wire::AppendBytes(bytes, 5, std::string("\x10\x07\x08\x05", 4));  // nanos before seconds
  wire::AppendBytes(bytes, 8, NoteEvent("a", "hi").payload().SerializeAsString());
  EXPECT_EQ(Judge(bytes), "");
  EXPECT_EQ(event_.time, std::string("\x08\x05\x10\x07", 4));
}

TEST_F(ValidatorTest, SortsAttributes) {
  std::string b;
  wire::AppendBytes(b, 1, "b");
  wire::AppendBytes(b, 2, "1");
  std::string a;
  wire::AppendBytes(a, 1, "a");
  wire::AppendBytes(a, 2, "2");
  std::string bytes;
  wire::AppendBytes(bytes, 3, "t");
  wire::AppendBytes(bytes, 7, b);
  wire::AppendBytes(bytes, 7, a);
  wire::AppendBytes(bytes, 8, NoteEvent("t", "hi").payload().SerializeAsString());
  EXPECT_EQ(Judge(bytes), "");
  EXPECT_TRUE(event_.tail.substr(2).starts_with(a));
}

struct BadEvent {
  const char* name;
  const char* reason;
  const char* field;
  std::function<void(v1::Event&)> spoil;
};

class BadEventTest : public ValidatorTest, public ::testing::WithParamInterface<BadEvent> {};

TEST_P(BadEventTest, IsRefusedWithReasonAndField) {
  v1::Event event = NoteEvent("a.b", "hi", "id");
  GetParam().spoil(event);
  EXPECT_EQ(Judge(event), GetParam().reason);
  ASSERT_TRUE(fault_.has_value());
  EXPECT_EQ(fault_->field, GetParam().field);
  EXPECT_FALSE(fault_->message.empty());
}

void Attribute(v1::Event& event, const std::string& key, const std::string& value) {
  (*event.mutable_attributes())[key] = value;
}

const BadEvent kBadEvents[] = {
    {"NoTopic", "TOPIC_INVALID", "topic", [](v1::Event& e) { e.clear_topic(); }},
    {"WildcardTopic", "TOPIC_INVALID", "topic", [](v1::Event& e) { e.set_topic("a.*"); }},
    {"EmptyToken", "TOPIC_INVALID", "topic", [](v1::Event& e) { e.set_topic("a..b"); }},
    {"LongTopic", "TOPIC_INVALID", "topic", [](v1::Event& e) { e.set_topic(std::string(257, 'a')); }},
    {"ManyTokens", "TOPIC_INVALID", "topic", [](v1::Event& e) { e.set_topic("a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a"); }},
    {"LongId", "EVENT_ID_INVALID", "id", [](v1::Event& e) { e.set_id(std::string(65, 'x')); }},
    {"SpaceInId", "EVENT_ID_INVALID", "id", [](v1::Event& e) { e.set_id("a b"); }},
    {"DeleteInId", "EVENT_ID_INVALID", "id", [](v1::Event& e) { e.set_id("a\x7f"); }},
    {"NonAsciiId", "EVENT_ID_INVALID", "id", [](v1::Event& e) { e.set_id("\xc3\xa4"); }},
    {"TimeTooEarly", "FIELD_INVALID", "time", [](v1::Event& e) { e.mutable_time()->set_seconds(-62'135'596'801); }},
    {"TimeTooLate", "FIELD_INVALID", "time", [](v1::Event& e) { e.mutable_time()->set_seconds(253'402'300'800); }},
    {"NegativeNanos", "FIELD_INVALID", "time", [](v1::Event& e) { e.mutable_time()->set_nanos(-1); }},
    {"TooManyNanos", "FIELD_INVALID", "time", [](v1::Event& e) { e.mutable_time()->set_nanos(1'000'000'000); }},
    {"UpperCaseKey", "ATTRIBUTE_INVALID", "attributes", [](v1::Event& e) { Attribute(e, "Key", "v"); }},
    {"DigitFirstKey", "ATTRIBUTE_INVALID", "attributes", [](v1::Event& e) { Attribute(e, "1a", "v"); }},
    {"EmptyKey", "ATTRIBUTE_INVALID", "attributes", [](v1::Event& e) { Attribute(e, "", "v"); }},
    {"LongKey", "ATTRIBUTE_INVALID", "attributes", [](v1::Event& e) { Attribute(e, std::string(33, 'a'), "v"); }},
    {"LineBreakInValue", "ATTRIBUTE_INVALID", "attributes.k", [](v1::Event& e) { Attribute(e, "k", "a\nb"); }},
    {"ReturnInValue", "ATTRIBUTE_INVALID", "attributes.k", [](v1::Event& e) { Attribute(e, "k", "a\rb"); }},
    {"NulInValue", "ATTRIBUTE_INVALID", "attributes.k",
     [](v1::Event& e) { Attribute(e, "k", std::string("a\0b", 3)); }},
    {"LongValue", "ATTRIBUTE_INVALID", "attributes.k", [](v1::Event& e) { Attribute(e, "k", std::string(257, 'v')); }},
    {"TooManyAttributes", "ATTRIBUTE_INVALID", "attributes",
     [](v1::Event& e) {
       for (char c = 'a'; c <= 'q'; ++c) {
         Attribute(e, std::string(1, c), "v");
       }
     }},
    {"NoPayload", "TYPE_UNKNOWN", "payload.type_url", [](v1::Event& e) { e.clear_payload(); }},
    {"UnknownType", "TYPE_UNKNOWN", "payload.type_url",
     [](v1::Event& e) { e.mutable_payload()->set_type_url("type.googleapis.com/no.Such"); }},
    {"TypeWithoutOption", "TYPE_NOT_PUBLISHABLE", "payload.type_url",
     [](v1::Event& e) { e.mutable_payload()->set_type_url("type.googleapis.com/test.v1.Plain"); }},
    {"ControlFrame", "TYPE_NOT_PUBLISHABLE", "payload.type_url",
     [](v1::Event& e) { e.mutable_payload()->set_type_url("type.googleapis.com/test.v1.Hello"); }},
    {"TypeOnOtherTopic", "TYPE_NOT_ALLOWED_ON_TOPIC", "payload.type_url",
     [](v1::Event& e) { e.mutable_payload()->set_type_url("type.googleapis.com/test.v1.Scoped"); }},
    {"TruncatedPayload", "PAYLOAD_INVALID", "payload.value",
     [](v1::Event& e) { e.mutable_payload()->set_value("\x0a\x05x"); }},
    {"NonUtf8Payload", "PAYLOAD_INVALID", "payload.value",
     [](v1::Event& e) { e.mutable_payload()->set_value("\x0a\x01\xff"); }},
    {"TooLarge", "EVENT_TOO_LARGE", "",
     [](v1::Event& e) { e.mutable_payload()->set_value(std::string(1 << 20, 'x')); }},
};

INSTANTIATE_TEST_SUITE_P(Events, BadEventTest, ::testing::ValuesIn(kBadEvents),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_F(ValidatorTest, TakesWhatIsExactlyAtTheLimits) {
  v1::Event event = NoteEvent("a.a.a.a.a.a.a.a.a.a.a.a.a.a.a." + std::string(226, 'z'), "hi", std::string(64, '~'));
  ASSERT_EQ(event.topic().size(), 256u);
  for (char c = 'a'; c <= 'p'; ++c) {
    Attribute(event, std::string(32, c), std::string(256, 'v'));
  }
  event.mutable_time()->set_seconds(253'402'300'799);
  event.mutable_time()->set_nanos(999'999'999);
  EXPECT_EQ(Judge(event), "");
}

v1::Event RevocationEvent(const v1::TokenRevocation& revocation, const std::string& topic = "weir.revocations") {
  v1::Event event;
  event.set_topic(topic);
  event.mutable_payload()->PackFrom(revocation);
  return event;
}

TEST_F(ValidatorTest, TakesRevocationsOnTheirTopicAloneAndLooksIntoThem) {
  v1::TokenRevocation revocation;
  revocation.set_token_id("t");
  EXPECT_EQ(Judge(RevocationEvent(revocation)), "PAYLOAD_INVALID");
  EXPECT_NE(fault_->message.find("expire_time"), std::string::npos) << fault_->message;
  revocation.mutable_expire_time()->set_seconds(2'000'000'000);
  EXPECT_EQ(Judge(RevocationEvent(revocation)), "");
  EXPECT_EQ(Judge(RevocationEvent(revocation, "weir.other")), "TYPE_NOT_ALLOWED_ON_TOPIC");
  EXPECT_EQ(Judge(RevocationEvent(revocation, "a.b")), "TYPE_NOT_ALLOWED_ON_TOPIC");
}

TEST_F(ValidatorTest, TakesNoRevocationWhoseTimesAreFarAhead) {
  const int64_t now = absl::ToUnixSeconds(clock_.Now());
  v1::TokenRevocation revocation;
  revocation.set_subject("ann");
  revocation.mutable_issued_until()->set_seconds(now + 300);
  revocation.mutable_expire_time()->set_seconds(now + 3651 * 86'400);
  EXPECT_EQ(Judge(RevocationEvent(revocation)), "");
  revocation.mutable_expire_time()->set_nanos(1);
  EXPECT_EQ(Judge(RevocationEvent(revocation)), "PAYLOAD_INVALID");
  EXPECT_NE(fault_->message.find("expire_time is 2033-11-12T22:13:20"), std::string::npos) << fault_->message;
  revocation.mutable_expire_time()->set_nanos(0);
  revocation.mutable_issued_until()->set_nanos(1);
  EXPECT_EQ(Judge(RevocationEvent(revocation)), "PAYLOAD_INVALID");
  EXPECT_NE(fault_->message.find("issued_until is 2023-11-14T22:18:20"), std::string::npos) << fault_->message;
}

TEST_F(ValidatorTest, KeepsTheIdsOfWhatTheServerStoresAgain) {
  v1::TokenRevocation revocation;
  revocation.set_token_id("t");
  revocation.mutable_expire_time()->set_seconds(absl::ToUnixSeconds(clock_.Now()) + 60);
  v1::Event event = RevocationEvent(revocation);
  event.set_id("carried-abc-1");
  EXPECT_EQ(Judge(event), "EVENT_ID_INVALID");
  event.set_id("carried");
  EXPECT_EQ(Judge(event), "");
  EXPECT_EQ(Judge(NoteEvent("a", "hi", "carried-abc-1")), "");
}

TEST_F(ValidatorTest, TakesNothingElseOnTheSystemsTopics) {
  for (const char* topic : {"weir.revocations", "weir.mine", "weir"}) {
    EXPECT_EQ(Judge(NoteEvent(topic, "hi")), "TYPE_NOT_ALLOWED_ON_TOPIC") << topic;
  }
  EXPECT_EQ(Judge(NoteEvent("weird.mine", "hi")), "");
}

TEST_F(ValidatorTest, RefusesBytesThatAreNoEvent) {
  EXPECT_EQ(Judge(std::string("\x1a\x7f")), "FIELD_INVALID");
  EXPECT_EQ(Judge(std::string("\xff\xff")), "FIELD_INVALID");
}

TEST_F(ValidatorTest, RefusesBadUtf8InAttributes) {
  std::string entry;
  wire::AppendBytes(entry, 1, "k");
  wire::AppendBytes(entry, 2, "\xff");
  std::string bytes;
  wire::AppendBytes(bytes, 3, "a");
  wire::AppendBytes(bytes, 7, entry);
  wire::AppendBytes(bytes, 8, NoteEvent("a", "hi").payload().SerializeAsString());
  EXPECT_EQ(Judge(bytes), "ATTRIBUTE_INVALID");
}

}  // namespace
}  // namespace weir::server
