#include "edge/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "google/protobuf/util/json_util.h"

namespace weir::edge {
namespace {

using nlohmann::json;

// A request with claims and parameters.
struct FakeRequest {
  json claims = json::object();
  std::map<std::string, std::string, std::less<>> query;

  RequestValues values() const {
    return {&claims, [this](std::string_view name) -> std::optional<std::string> {
              const auto it = query.find(name);
              return it == query.end() ? std::nullopt : std::optional(it->second);
            }};
  }
};

FilterTemplate Filter(std::string_view text) {
  auto filter = FilterTemplate::Compile(text);
  EXPECT_TRUE(filter.ok()) << filter.status();
  return filter.ok() ? *filter : FilterTemplate();
}

absl::StatusCode CompileCode(std::string_view text) { return FilterTemplate::Compile(text).status().code(); }

TEST(FilterTemplateTest, KeepsLiteralFilters) {
  for (const char* text : {"vehicles.updates", "a.*.c", "a.>", "*"}) {
    EXPECT_EQ(Filter(text).Expand({}).value(), text);
    EXPECT_EQ(Filter(text).Widest(), text);
    EXPECT_FALSE(Filter(text).uses_claims());
  }
}

TEST(FilterTemplateTest, PutsAClaimIn) {
  FakeRequest request{{{"sub", "u-1"}, {"tenant_id", 42}}, {}};
  EXPECT_EQ(Filter("users.{jwt.sub}.notifications").Expand(request.values()).value(), "users.u-1.notifications");
  EXPECT_EQ(Filter("tenants.{jwt.tenant_id}.>").Expand(request.values()).value(), "tenants.42.>");
  EXPECT_TRUE(Filter("users.{jwt.sub}.x").uses_claims());
  EXPECT_EQ(Filter("users.{jwt.sub}.x").Widest(), "users.*.x");
}

TEST(FilterTemplateTest, TakesClaimNamesWithDots) {
  FakeRequest request{{{"https://example.com/tenant", "t1"}}, {}};
  EXPECT_EQ(Filter("t.{jwt.https://example.com/tenant}.x").Expand(request.values()).value(), "t.t1.x");
}

TEST(FilterTemplateTest, RefusesEveryClaimThatIsNotOneToken) {
  const FilterTemplate filter = Filter("users.{jwt.sub}.notifications");
  for (const json& sub :
       {json("*"), json(">"), json("a.b"), json(""), json("a b"), json("ü"), json(std::string("a\0", 2)), json(nullptr),
        json(true), json(1.5), json::array({"a"}), json::object()}) {
    FakeRequest request{{{"sub", sub}}, {}};
    const auto expanded = filter.Expand(request.values());
    EXPECT_EQ(expanded.status().code(), absl::StatusCode::kPermissionDenied) << sub;
  }
  EXPECT_EQ(filter.Expand(FakeRequest().values()).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(filter.Expand({}).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST(FilterTemplateTest, EncodesAnyClaimWhenAsked) {
  FakeRequest request{{{"sub", "a@b.c"}}, {}};
  EXPECT_EQ(Filter("users.{jwt.sub|token}.n").Expand(request.values()).value(), "users.a_40b_2ec.n");
  request.claims["sub"] = ">";
  EXPECT_EQ(Filter("users.{jwt.sub|token}.n").Expand(request.values()).value(), "users._3e.n");
}

TEST(FilterTemplateTest, RefusesParametersThatAreNotOneToken) {
  FakeRequest request;
  for (const char* text : {"r.{query.id}", "r.{query.id|*}", "r.{query.id|none}"}) {
    const FilterTemplate filter = Filter(text);
    EXPECT_EQ(filter.Widest(), "r.*");
    for (const char* value : {"", "*", ">", "a.b", "a\r\nb"}) {
      request.query["id"] = value;
      const auto expanded = filter.Expand(request.values());
      EXPECT_EQ(expanded.status().code(), absl::StatusCode::kInvalidArgument) << text << " " << value;
    }
    request.query["id"] = "secret value";
    EXPECT_THAT(std::string(filter.Expand(request.values()).status().message()),
                testing::AllOf(testing::HasSubstr("`id`"), testing::Not(testing::HasSubstr("secret"))));
    request.query["id"] = "r-7";
    EXPECT_EQ(filter.Expand(request.values()).value(), "r.r-7");
  }
}

TEST(FilterTemplateTest, SaysWhatAnAbsentParameterMeans) {
  const FakeRequest request;
  EXPECT_EQ(Filter("r.{query.id}").Expand(request.values()).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Filter("r.{query.id|*}").Expand(request.values()).value(), "r.*");
  EXPECT_EQ(Filter("r.{query.id|all}").Expand(request.values()).value(), "r.all");
}

TEST(FilterTemplateTest, RefusesAFilterThatBecomesTooLong) {
  FakeRequest request{{{"sub", std::string(250, 'a')}}, {}};
  EXPECT_EQ(Filter("users.{jwt.sub}.notifications").Expand(request.values()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(FilterTemplateTest, SaysOnceWhichFilterIsWrong) {
  EXPECT_THAT(std::string(FilterTemplate::Compile("a.>.b").status().message()),
              testing::StartsWith("filter \"a.>.b\": token"));
  EXPECT_THAT(std::string(FilterTemplate::Compile("{jwt.sub}.>.b").status().message()),
              testing::StartsWith("filter \"{jwt.sub}.>.b\": filter \"*.>.b\": token"));
}

TEST(FilterTemplateTest, RefusesTheSystemsTopics) {
  for (const char* filter : {"weir", "weir.>", "weir.revocations", "weir.{query.a}"}) {
    EXPECT_EQ(FilterTemplate::Compile(filter).status().code(), absl::StatusCode::kInvalidArgument) << filter;
  }
  const FakeRequest request{{{"sub", "weir"}}, {{"q", "weir"}}};
  for (const char* filter : {"{jwt.sub}.>", "{jwt.sub|token}.a", "{query.q}.revocations", "{query.q|*}.*"}) {
    EXPECT_EQ(FilterTemplate::Compile(filter)->Expand(request.values()).status().code(),
              absl::StatusCode::kPermissionDenied)
        << filter;
  }
  EXPECT_TRUE(FilterTemplate::Compile("a.{jwt.sub}")->Expand(request.values()).ok());
}

TEST(FilterTemplateTest, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"",
                           ".",
                           "a.",
                           ".a",
                           "a..b",
                           "a.>.b",
                           "a b",
                           "{jwt.}",
                           "{jwt}",
                           "{query.}",
                           "{header.x}",
                           "{now}",
                           "x{jwt.sub}",
                           "{jwt.sub}x",
                           "{jwt.sub",
                           "jwt.sub}",
                           "{jwt.a}{jwt.b}",
                           "{jwt.sub|*}",
                           "{jwt.sub|}",
                           "{query.a|>}",
                           "{query.a|}",
                           "{query.a|a.b}",
                           "{query.a b}",
                           "{}",
                           "{{jwt.sub}}",
                           "a.{jwt.sub}.",
                           "a.>.{jwt.sub}"}) {
    EXPECT_EQ(CompileCode(text), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(EncodeTokenTest, IsInjective) {
  EXPECT_EQ(EncodeToken(""), "_");
  EXPECT_EQ(EncodeToken("a-Z9"), "a-Z9");
  EXPECT_EQ(EncodeToken("_"), "_5f");
  EXPECT_EQ(EncodeToken("a@b.c"), "a_40b_2ec");
  std::set<std::string> seen;
  for (const char* text : {"", "_", "_5f", "5f", ".", "_2e", "2e", "a.b", "a_2eb", "ü", "*", ">"}) {
    EXPECT_TRUE(seen.insert(EncodeToken(text)).second) << text;
  }
}

google::protobuf::Struct Data(std::string_view text) {
  google::protobuf::Struct data;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(std::string(text), &data).ok()) << text;
  return data;
}

std::string Render(std::string_view data, const FakeRequest& request = {}) {
  const auto compiled = DataTemplate::Compile(Data(data));
  EXPECT_TRUE(compiled.ok()) << compiled.status();
  FrameValues frame;
  frame.now = absl::FromUnixMillis(1'700'000'000'120);
  frame.connections = 3;
  frame.cursor = "abcdefgh-17";
  return compiled->Bind(request.values())->Render(frame);
}

TEST(DataTemplateTest, IsEmptyByDefault) {
  EXPECT_EQ(DataTemplate().Bind({})->Render({}), "{}");
  EXPECT_FALSE(DataTemplate().uses_request());
}

TEST(DataTemplateTest, KeepsJsonAsItIsSortedByName) {
  EXPECT_EQ(Render(R"({"type":"ping","b":[1,2.5,true,null,"x"],"a":{"y":{},"x":-3}})"),
            R"({"a":{"x":-3,"y":{}},"b":[1,2.5,true,null,"x"],"type":"ping"})");
}

TEST(DataTemplateTest, KeepsTheTypeOfAPlaceholderThatIsTheWholeString) {
  const FakeRequest request{{{"sub", "u1"}, {"roles", {"a", "b"}}, {"level", 7}}, {{"q", "5"}}};
  EXPECT_EQ(Render(R"({"a":"{jwt.sub}","b":"{jwt.roles}","c":"{jwt.level}","d":"{query.q}","e":"{now}",)"
                   R"("f":"{connections}","g":"{cursor}"})",
                   request),
            R"({"a":"u1","b":["a","b"],"c":7,"d":"5","e":"2023-11-14T22:13:20.120Z","f":3,"g":"abcdefgh-17"})");
}

TEST(DataTemplateTest, WritesTextWithinALongerString) {
  const FakeRequest request{{{"sub", "u\"1"}, {"roles", {"a"}}}, {}};
  EXPECT_EQ(Render(R"({"a":"<{jwt.sub}|{jwt.roles}|{jwt.none}|{connections}|{cursor}>"})", request),
            R"({"a":"<u\"1|[\"a\"]||3|abcdefgh-17>"})");
}

TEST(DataTemplateTest, WritesNullForWhatIsAbsent) {
  EXPECT_EQ(Render(R"({"a":"{jwt.sub}","b":"{query.q}"})"), R"({"a":null,"b":null})");
  EXPECT_EQ(DataTemplate::Compile(Data(R"({"a":"{jwt.sub}"})"))->Bind({})->Render({}), R"({"a":null})");
}

TEST(DataTemplateTest, StaysOneLineOfValidJsonWhateverTheRequestHolds) {
  const FakeRequest request{{{"sub", "a\r\n\"\\}{now}"}}, {{"q", std::string("\xff\0\n", 3)}}};
  const std::string text = Render(R"({"a":"{jwt.sub}","b":"x{query.q}","c\n":"{query.q}"})", request);
  EXPECT_EQ(text.find_first_of(std::string("\r\n\0", 3)), std::string::npos);
  const json parsed = json::parse(text);
  EXPECT_EQ(parsed["a"], "a\r\n\"\\}{now}") << "values are not templates";
}

TEST(DataTemplateTest, IsSharedWhenItUsesNothingOfTheRequest) {
  const auto shared = DataTemplate::Compile(Data(R"({"n":"{connections}","t":"at {now}"})"));
  EXPECT_FALSE(shared->uses_request());
  EXPECT_EQ(shared->Bind({}), shared->Bind(FakeRequest().values()));
  const auto query = DataTemplate::Compile(Data(R"({"n":["{query.a}"]})"));
  EXPECT_TRUE(query->uses_request());
  EXPECT_FALSE(query->uses_claims());
  const auto claims = DataTemplate::Compile(Data(R"({"n":{"m":"{jwt.a}"}})"));
  EXPECT_TRUE(claims->uses_request());
  EXPECT_TRUE(claims->uses_claims());
}

TEST(DataTemplateTest, RefusesUnknownPlaceholdersAndNumbersThatJsonCannotHold) {
  for (const char* data : {R"({"a":"{}"})", R"({"a":"{jwt}"})", R"({"a":"{time}"})", R"({"a":["x {jwt.sub"]})",
                           R"({"a":{"b":"{jwt.sub|token}"}})", R"({"a":"{{now}}"})", R"({"a":"{"})"}) {
    EXPECT_EQ(DataTemplate::Compile(Data(data)).status().code(), absl::StatusCode::kInvalidArgument) << data;
  }
  google::protobuf::Struct data;
  (*data.mutable_fields())["a"].set_number_value(std::numeric_limits<double>::infinity());
  EXPECT_EQ(DataTemplate::Compile(data).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace weir::edge
