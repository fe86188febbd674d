#include "edge/render/json_plan.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/wire.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/wrappers.pb.h"
#include "tests/support/random_proto.h"
#include "weir/v1/options.pb.h"

namespace weir::edge {
namespace {

using google::protobuf::FileDescriptorProto;
using google::protobuf::Message;
using nlohmann::json;
using wire::AppendBytes;
using wire::AppendUint64;

// A file `hand.proto` with the well-known types and our options, and plans of it.
class HandWritten {
 public:
  explicit HandWritten(const std::string& messages, FieldNames names = FieldNames::kCamel) {
    std::vector<const google::protobuf::FileDescriptor*> files;
    FileDescriptorProto hand;
    for (FileDescriptorProto& file : test::WellKnownFiles()) {
      hand.add_dependency(file.name());
      files.push_back(pool_.BuildFile(file));
    }
    EXPECT_TRUE(google::protobuf::TextFormat::MergeFromString(messages, &hand)) << messages;
    hand.set_name("hand.proto");
    hand.set_package("hand");
    if (hand.syntax().empty()) {
      hand.set_syntax("proto3");
    }
    files.push_back(pool_.BuildFile(hand));
    plans_ = JsonPlans::Compile(files, names);
  }

  // The JSON, or the error's text.
  std::string Json(const std::string& type, std::string_view bytes) const {
    const MessagePlan* plan = plans_->Find(type);
    EXPECT_NE(plan, nullptr) << type;
    std::string out = "before";
    const absl::Status status = plans_->Append(*plan, bytes, out);
    if (!status.ok()) {
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_EQ(out, "before");
      return std::string(status.message());
    }
    return out.substr(6);
  }

  std::string Json(const Message& message) const {
    return Json(message.GetDescriptor()->full_name(), message.SerializeAsString());
  }

 private:
  google::protobuf::DescriptorPool pool_;
  std::shared_ptr<const JsonPlans> plans_;
};

// A field in the text format of descriptors.
std::string Field(const std::string& name, int number, const std::string& type, const std::string& rest = "") {
  return "field { name: '" + name + "' number: " + std::to_string(number) + " label: LABEL_OPTIONAL type: TYPE_" +
         type + " " + rest + "} ";
}

const HandWritten& Known() {
  static const HandWritten known("");
  return known;
}

TEST(JsonPlanTest, PutsMembersInNumberOrderAndLetsTheLastWin) {
  const HandWritten types("message_type { name: 'M' " + Field("a", 1, "STRING") + Field("b", 2, "INT32") + "}");
  std::string bytes;
  AppendUint64(bytes, 2, 5);
  AppendBytes(bytes, 1, "x");
  AppendUint64(bytes, 2, 6);
  EXPECT_EQ(types.Json("hand.M", bytes), R"({"a":"x","b":6})");
  AppendUint64(bytes, 2, 0);
  EXPECT_EQ(types.Json("hand.M", bytes), R"({"a":"x"})") << "the last one is the default, which is not shown";
  EXPECT_EQ(types.Json("hand.M", ""), "{}");
}

TEST(JsonPlanTest, SkipsUnknownFieldsAndOtherWireTypes) {
  const HandWritten types("message_type { name: 'M' " + Field("a", 1, "STRING") + Field("b", 7, "INT32") + "}");
  std::string bytes;
  AppendUint64(bytes, 1, 5);
  AppendBytes(bytes, 3, "unknown");
  bytes += "\x23\x08\x01\x24";    // group 4
  AppendBytes(bytes, 7, "\x09");  // singular: not packed
  AppendUint64(bytes, 7, 8);
  AppendUint64(bytes, 100'000, 8);
  EXPECT_EQ(types.Json("hand.M", bytes), R"({"b":8})");
}

TEST(JsonPlanTest, MergesMessagesThatComeTwice) {
  google::protobuf::Struct data;
  (*data.mutable_fields())["k"].set_string_value("old");
  const HandWritten types("message_type { name: 'M' " +
                          Field("s", 1, "MESSAGE", "type_name: '.google.protobuf.Struct'") + "}");
  std::string bytes;
  AppendBytes(bytes, 1, data.SerializeAsString());
  (*data.mutable_fields())["k"].set_string_value("new");
  (*data.mutable_fields())["j"].set_bool_value(true);
  AppendBytes(bytes, 1, data.SerializeAsString());
  EXPECT_EQ(types.Json("hand.M", bytes), R"({"s":{"j":true,"k":"new"}})");
}

TEST(JsonPlanTest, ShowsTheLastMemberOfAOneof) {
  const HandWritten types("message_type { name: 'M' " + Field("a", 1, "INT32", "oneof_index: 0") +
                          Field("b", 2, "STRING", "oneof_index: 0") + "oneof_decl { name: 'o' } }");
  std::string bytes;
  AppendUint64(bytes, 1, 0);
  EXPECT_EQ(types.Json("hand.M", bytes), R"({"a":0})") << "a member of a oneof has presence";
  AppendBytes(bytes, 2, "x");
  EXPECT_EQ(types.Json("hand.M", bytes), R"({"b":"x"})");
  AppendUint64(bytes, 1, 3);
  EXPECT_EQ(types.Json("hand.M", bytes), R"({"a":3})");
}

TEST(JsonPlanTest, TakesRepeatedFieldsPackedAndNot) {
  const HandWritten types(
      "message_type { name: 'M' field { name: 'a' number: 1 label: LABEL_REPEATED type: TYPE_SINT32 }"
      "field { name: 'b' number: 2 label: LABEL_REPEATED type: TYPE_FIXED64 } }");
  std::string bytes;
  AppendBytes(bytes, 1, "\x01\x02");
  AppendUint64(bytes, 1, 3);
  AppendBytes(bytes, 1, "");
  AppendBytes(bytes, 1, "\x04");
  EXPECT_EQ(types.Json("hand.M", bytes), R"({"a":[-1,1,-2,2]})");
  bytes.clear();
  AppendBytes(bytes, 2, "");
  EXPECT_EQ(types.Json("hand.M", bytes), "{}");
  bytes.clear();
  AppendBytes(bytes, 2, std::string(9, '\0'));
  EXPECT_EQ(types.Json("hand.M", bytes), "a payload of hand.M holds malformed bytes in hand.M");
}

TEST(JsonPlanTest, PrintsDefaultsOfTheTypeThatAsksAndNotWithinIt) {
  const std::string inner = "message_type { name: 'Inner' " + Field("n", 1, "INT32") + "} ";
  const std::string enums =
      "enum_type { name: 'E' value { name: 'ZERO' number: 0 options { [weir.v1.enum_value] { json_name:"
      " 'zero' } } } } ";
  const HandWritten types(
      inner + enums + "message_type { name: 'M' options { [weir.v1.event] { name: 'm' print_defaults: true } } " +
      Field("i", 1, "INT32") + Field("l", 2, "INT64") + Field("d", 3, "DOUBLE") + Field("b", 4, "BOOL") +
      Field("s", 5, "STRING") + Field("y", 6, "BYTES") + Field("e", 7, "ENUM", "type_name: '.hand.E'") +
      Field("m", 8, "MESSAGE", "type_name: '.hand.Inner'") +
      "field { name: 'r' number: 9 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: '.hand.Inner' } " +
      Field("o", 10, "INT32", "proto3_optional: true oneof_index: 0") +
      "field { name: 'p' number: 11 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: '.hand.M.PEntry' } "
      "nested_type { name: 'PEntry' options { map_entry: true } " +
      Field("key", 1, "INT32") + Field("value", 2, "INT32") + "} oneof_decl { name: '_o' } }");
  EXPECT_EQ(types.Json("hand.M", ""), R"({"i":0,"l":"0","d":0,"b":false,"s":"","y":"","e":"zero","r":[],"p":{}})");
  std::string bytes;
  AppendUint64(bytes, 1, 0);
  AppendBytes(bytes, 5, "x");
  AppendBytes(bytes, 8, "");
  AppendBytes(bytes, 9, "");
  AppendUint64(bytes, 10, 0);
  AppendBytes(bytes, 11, "");
  EXPECT_EQ(types.Json("hand.M", bytes),
            R"({"i":0,"l":"0","d":0,"b":false,"s":"x","y":"","e":"zero","m":{},"r":[{}],"o":0,"p":{"0":0}})");
}

TEST(JsonPlanTest, PrintsNullForUnsetFieldsThatAskForIt) {
  const std::string null = "options { [weir.v1.field] { null_when_unset: true } } ";
  const HandWritten types("message_type { name: 'M' " + Field("a", 1, "MESSAGE", "type_name: '.hand.M' " + null) +
                          Field("b", 2, "INT32") + Field("c", 3, "INT32", null) +
                          Field("d", 4, "STRING", "proto3_optional: true oneof_index: 0 " + null) +
                          "oneof_decl { name: '_d' } }");
  EXPECT_EQ(types.Json("hand.M", ""), R"({"a":null,"d":null})") << "without presence there is no unset";
  std::string bytes;
  AppendBytes(bytes, 1, "");
  AppendUint64(bytes, 2, 1);
  EXPECT_EQ(types.Json("hand.M", bytes), R"({"a":{"a":null,"d":null},"b":1,"d":null})");
  AppendBytes(bytes, 4, "");
  EXPECT_EQ(types.Json("hand.M", bytes), R"({"a":{"a":null,"d":null},"b":1,"d":""})");
}

TEST(JsonPlanTest, NamesEnumValuesAndMembers) {
  const std::string messages =
      "enum_type { name: 'E' options { allow_alias: true } value { name: 'ZERO' number: 0 } value { name: 'ONE' "
      "number: 1 "
      "options { [weir.v1.enum_value] { json_name: 'o\"ne' } } } value { name: 'ALIAS' number: 1 } value { name: 'FAR' "
      "number: 100000 } value { name: 'BELOW' number: -1 } } "
      "message_type { name: 'M' field { name: 'some_enums' number: 1 label: LABEL_REPEATED type: TYPE_ENUM type_name: "
      "'.hand.E' } field { name: 'n' number: 2 label: LABEL_REPEATED type: TYPE_ENUM type_name: "
      "'.google.protobuf.NullValue' } " +
      Field("x_y", 3, "BOOL", "json_name: 'own_name'") + "}";
  std::string bytes;
  for (const int value : {0, 1, 100'000, -1, 2, -2}) {
    AppendUint64(bytes, 1, static_cast<uint64_t>(int64_t{value}));
  }
  AppendUint64(bytes, 2, 0);
  AppendUint64(bytes, 3, 2);
  EXPECT_EQ(HandWritten(messages).Json("hand.M", bytes),
            R"({"someEnums":["ZERO","o\"ne","FAR","BELOW",2,-2],"n":[null],"own_name":true})");
  EXPECT_EQ(HandWritten(messages, FieldNames::kProto).Json("hand.M", bytes),
            R"({"some_enums":["ZERO","o\"ne","FAR","BELOW",2,-2],"n":[null],"x_y":true})");
}

TEST(JsonPlanTest, WritesMapsOfEveryKindOfKey) {
  const auto map = [](const std::string& key_type) {
    return "message_type { name: 'M' field { name: 'm' number: 1 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: "
           "'.hand.M.MEntry' } nested_type { name: 'MEntry' options { map_entry: true } " +
           Field("key", 1, key_type) + Field("value", 2, "STRING") + "} }";
  };
  const auto varint = [](uint64_t key, std::string_view value) {
    std::string entry;
    AppendUint64(entry, 1, key);
    AppendBytes(entry, 2, value);
    std::string bytes;
    AppendBytes(bytes, 1, entry);
    return bytes;
  };
  const uint64_t minus_one = UINT64_MAX;
  const std::string two = varint(1, "a") + varint(2, "b");
  EXPECT_EQ(HandWritten(map("INT32")).Json("hand.M", varint(minus_one, "a") + varint(1, "b")),
            R"({"m":{"-1":"a","1":"b"}})");
  EXPECT_EQ(HandWritten(map("UINT64")).Json("hand.M", two), R"({"m":{"1":"a","2":"b"}})");
  EXPECT_EQ(HandWritten(map("SINT64")).Json("hand.M", two), R"({"m":{"-1":"a","1":"b"}})");
  EXPECT_EQ(HandWritten(map("BOOL")).Json("hand.M", varint(0, "a") + varint(1, "b")),
            R"({"m":{"false":"a","true":"b"}})");
  EXPECT_EQ(HandWritten(map("INT64")).Json("hand.M", varint(2, "a") + varint(1, "b") + varint(2, "c")),
            R"({"m":{"1":"b","2":"c"}})")
      << "the last of equal keys, sorted";
  std::string bytes;
  AppendBytes(bytes, 1, "");
  EXPECT_EQ(HandWritten(map("STRING")).Json("hand.M", bytes), R"({"m":{"":""}})");
  std::string entry;
  AppendBytes(entry, 2, "value first");
  AppendBytes(entry, 1, "\n");
  AppendBytes(entry, 1, "k\n");
  bytes.clear();
  AppendBytes(bytes, 1, entry);
  EXPECT_EQ(HandWritten(map("STRING")).Json("hand.M", bytes), R"({"m":{"k\n":"value first"}})");
}

TEST(JsonPlanTest, WritesWellKnownTypes) {
  google::protobuf::Timestamp time;
  EXPECT_EQ(Known().Json(time), R"("1970-01-01T00:00:00Z")");
  time.set_seconds(-62'135'596'800);
  time.set_nanos(1'000'000);
  EXPECT_EQ(Known().Json(time), R"("0001-01-01T00:00:00.001Z")");
  time.set_seconds(253'402'300'799);
  time.set_nanos(999'999'999);
  EXPECT_EQ(Known().Json(time), R"("9999-12-31T23:59:59.999999999Z")");
  time.set_seconds(951'782'400);
  time.set_nanos(1000);
  EXPECT_EQ(Known().Json(time), R"("2000-02-29T00:00:00.000001Z")");

  google::protobuf::Duration duration;
  EXPECT_EQ(Known().Json(duration), R"("0s")");
  duration.set_nanos(-500'000'000);
  EXPECT_EQ(Known().Json(duration), R"("-0.500s")");

  google::protobuf::FieldMask mask;
  EXPECT_EQ(Known().Json(mask), R"("")");
  mask.add_paths("some_field.other_one");
  mask.add_paths("b");
  EXPECT_EQ(Known().Json(mask), R"("someField.otherOne,b")");

  google::protobuf::Value value;
  EXPECT_EQ(Known().Json(value), "null");
  value.set_number_value(0);
  EXPECT_EQ(Known().Json(value), "0");
  value.mutable_list_value();
  EXPECT_EQ(Known().Json(value), "[]");
  value.mutable_struct_value();
  EXPECT_EQ(Known().Json(value), "{}");
  EXPECT_EQ(Known().Json(google::protobuf::Int64Value()), R"("0")");
  EXPECT_EQ(Known().Json(google::protobuf::BoolValue()), "false");
  EXPECT_EQ(Known().Json("google.protobuf.Empty", ""), "{}");
}

TEST(JsonPlanTest, RefusesTimesOutOfRange) {
  google::protobuf::Timestamp time;
  for (const auto& [seconds, nanos] : std::vector<std::pair<int64_t, int32_t>>{
           {253'402'300'800, 0}, {-62'135'596'801, 0}, {INT64_MAX, 0}, {INT64_MIN, 0}, {0, -1}, {0, 1'000'000'000}}) {
    time.set_seconds(seconds);
    time.set_nanos(nanos);
    EXPECT_NE(Known().Json(time).find("out of range"), std::string::npos) << seconds << " " << nanos;
  }
  google::protobuf::Duration duration;
  for (const auto& [seconds, nanos] : std::vector<std::pair<int64_t, int32_t>>{
           {315'576'000'001, 0}, {INT64_MIN, 0}, {1, -1}, {-1, 1}, {0, 1'000'000'000}, {0, INT32_MIN}}) {
    duration.set_seconds(seconds);
    duration.set_nanos(nanos);
    EXPECT_NE(Known().Json(duration).find("out of range"), std::string::npos) << seconds << " " << nanos;
  }
}

TEST(JsonPlanTest, ShowsWhatAnAnyHolds) {
  const HandWritten types("message_type { name: 'M' " + Field("a", 1, "STRING") + "}");
  google::protobuf::Any any;
  EXPECT_EQ(types.Json(any), "{}");
  any.set_type_url("example.com/hand.M");
  EXPECT_EQ(types.Json(any), R"({"@type":"example.com/hand.M"})");
  AppendBytes(*any.mutable_value(), 1, "x");
  EXPECT_EQ(types.Json(any), R"({"@type":"example.com/hand.M","a":"x"})");
  google::protobuf::Duration duration;
  duration.set_seconds(3);
  any.PackFrom(duration);
  EXPECT_EQ(types.Json(any), R"({"@type":"type.googleapis.com/google.protobuf.Duration","value":"3s"})");
  for (const char* url : {"type.googleapis.com/no.Such", "hand.M", "", "hand.M/"}) {
    any.set_type_url(url);
    EXPECT_NE(types.Json(any).find("does not know"), std::string::npos) << url;
  }
}

TEST(JsonPlanTest, WritesNumbersShortest) {
  const HandWritten types(
      "message_type { name: 'M' field { name: 'd' number: 1 label: LABEL_REPEATED type: TYPE_DOUBLE }"
      "field { name: 'f' number: 2 label: LABEL_REPEATED type: TYPE_FLOAT } }");
  const auto doubles = [&](std::vector<double> values) {
    std::string bytes;
    AppendBytes(bytes, 1, {reinterpret_cast<const char*>(values.data()), values.size() * 8});
    return types.Json("hand.M", bytes);
  };
  const auto floats = [&](std::vector<float> values) {
    std::string bytes;
    AppendBytes(bytes, 2, {reinterpret_cast<const char*>(values.data()), values.size() * 4});
    return types.Json("hand.M", bytes);
  };
  EXPECT_EQ(doubles({0, -0.0, 1, -3, 0.1, 100'000, 1e15, 1e16, 1e21, 1.5e-7, 5e-324, 1.7976931348623157e308}),
            R"({"d":[0,-0,1,-3,0.1,100000,1000000000000000,1e+16,1e+21,1.5e-07,5e-324,1.7976931348623157e+308]})");
  EXPECT_EQ(doubles({NAN, INFINITY, -INFINITY}), R"({"d":["NaN","Infinity","-Infinity"]})");
  EXPECT_EQ(floats({0.1F, 16'777.217F, -0.0F, 3e38F, NAN}), R"({"f":[0.1,16777.217,-0,3e+38,"NaN"]})");
}

TEST(JsonPlanTest, EscapesText) {
  google::protobuf::StringValue text;
  for (int c = 0; c < 0x80; ++c) {
    text.set_value(std::string("1234567") + static_cast<char>(c) + "after it comes more");
    const std::string out = Known().Json(text);
    EXPECT_EQ(json::parse(out), text.value());
    for (const char byte : out) {
      EXPECT_GE(byte, 0x20);
    }
  }
  text.set_value("é\xc2\x85\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\xf0\x9f\x98\x80\"\\/");
  EXPECT_EQ(Known().Json(text), "\"é\\u0085\\u2028\\u2029\xe2\x80\xaa\xf0\x9f\x98\x80\\\"\\\\/\"");
}

TEST(JsonPlanTest, RefusesTextThatIsNotUtf8) {
  for (const char* bad : {"\xff", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80",
                          "\xc3", "\xe2\x82", "\xf0\x9f\x98", "12345678\xc3(", "\xf8\x88\x80\x80\x80"}) {
    std::string bytes;
    AppendBytes(bytes, 1, bad);
    EXPECT_EQ(Known().Json("google.protobuf.StringValue", bytes),
              "a payload of google.protobuf.StringValue holds text that is not UTF-8 in google.protobuf.StringValue");
  }
}

TEST(JsonPlanTest, WritesBase64) {
  google::protobuf::BytesValue bytes;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"f", "\"Zg==\""}, {"fo", "\"Zm8=\""}, {"foo", "\"Zm9v\""}, {"\xff\xfe\xfd\xfc", "\"//79/A==\""}};
  for (const auto& [value, base64] : cases) {
    bytes.set_value(value);
    EXPECT_EQ(Known().Json(bytes), base64);
  }
}

TEST(JsonPlanTest, HasALimitOfDepth) {
  std::string list;
  for (int depth = 1; depth <= 20'000; ++depth) {
    std::string outer;
    AppendBytes(outer, depth % 2 == 1 ? 1 : 6, list);
    list = outer;
    if (depth == 99) {
      EXPECT_EQ(Known().Json("google.protobuf.ListValue", list).substr(0, 3), "[[[");
    }
    if (depth == 101 || depth == 1001) {
      EXPECT_NE(Known().Json("google.protobuf.ListValue", list).find("100 deep"), std::string::npos);
    }
    if (depth > 1001) {
      break;
    }
  }
  std::string any;
  for (int depth = 0; depth < 2'000; ++depth) {
    google::protobuf::Any outer;
    outer.set_type_url("/google.protobuf.Any");
    outer.set_value(any);
    any = outer.SerializeAsString();
  }
  EXPECT_NE(Known().Json("google.protobuf.Any", any).find("100 deep"), std::string::npos);
}

// An attacker's message whose every level is out of order must not cost more for every level.
TEST(JsonPlanTest, TakesUnusualOrderAtEveryLevel) {
  const HandWritten types("message_type { name: 'M' " + Field("a", 1, "INT32") +
                          Field("m", 2, "MESSAGE", "type_name: '.hand.M'") + "}");
  std::string bytes;
  for (int depth = 0; depth < 100; ++depth) {
    std::string outer;
    AppendBytes(outer, 2, bytes);
    AppendUint64(outer, 1, 1);
    bytes = outer;
  }
  const std::string out = types.Json("hand.M", bytes);
  EXPECT_EQ(out.substr(0, 20), R"({"a":1,"m":{"a":1,"m)");
}

TEST(JsonPlanTest, SkipsGroups) {
  const HandWritten types("syntax: 'proto2' message_type { name: 'M' " + Field("a", 1, "STRING") +
                          Field("g", 2, "GROUP", "type_name: '.hand.M.G'") + "nested_type { name: 'G' " +
                          Field("x", 1, "INT32") + "} }");
  EXPECT_EQ(types.Json("hand.M", std::string("\x0a\x01s\x13\x08\x05\x14", 7)), R"({"a":"s"})");
  EXPECT_NE(types.Json("hand.M", "\x13").find("malformed"), std::string::npos) << "a group without its end";
}

TEST(JsonPlanTest, TakesMoreOneofsThanFitAWord) {
  std::string fields;
  std::string oneofs;
  std::string bytes;
  std::string expected;
  for (int i = 0; i < 130; ++i) {
    const std::string name = "f" + std::to_string(i);
    fields += Field(name, i + 1, "INT32", "oneof_index: " + std::to_string(i));
    oneofs += "oneof_decl { name: 'o" + std::to_string(i) + "' } ";
    AppendUint64(bytes, static_cast<uint32_t>(i + 1), 1);
    expected += (i == 0 ? "{\"" : ",\"") + name + "\":1";
  }
  const HandWritten types("message_type { name: 'M' " + fields + oneofs + "}");
  EXPECT_EQ(types.Json("hand.M", bytes), expected + "}");
}

}  // namespace
}  // namespace weir::edge
