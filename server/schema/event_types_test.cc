#include "server/schema/event_types.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/testing.h"
#include "weir/v1/event_bus.pb.h"
#include "weir/v1/revocation.pb.h"

namespace weir::server {
namespace {

using ::testing::HasSubstr;

absl::Status LoadError(std::vector<DescriptorSetFile> sets) {
  const auto types = EventTypes::Load(sets);
  EXPECT_FALSE(types.ok());
  return types.status();
}

std::string EventFile(std::string_view options, std::string_view name = "a.proto", std::string_view package = "a") {
  return "name: \"" + std::string(name) + "\" package: \"" + std::string(package) +
         "\" syntax: \"proto3\" message_type { name: \"M\" options { [weir.v1.event] { " + std::string(options) +
         " } } }";
}

TEST(EventTypes, FindsMessagesWithTheOption) {
  const auto types = TestTypes();
  EXPECT_EQ(types->size(), 2u);
  ASSERT_NE(types->Find("test.v1.Note"), nullptr);
  EXPECT_EQ(types->Find("test.v1.Note")->name, "note");
  EXPECT_FALSE(types->Find("test.v1.Note")->topics.has_value());
  ASSERT_NE(types->Find("test.v1.Scoped"), nullptr);
  EXPECT_TRUE(types->Find("test.v1.Scoped")->topics->Matches("scoped.a"));
  EXPECT_FALSE(types->Find("test.v1.Scoped")->topics->Matches("other.a"));
}

TEST(EventTypes, KnowsMessagesThatCannotBePublished) {
  const auto types = TestTypes();
  EXPECT_EQ(types->Find("test.v1.Plain"), nullptr);
  EXPECT_EQ(types->Find("test.v1.Hello"), nullptr);
  EXPECT_TRUE(types->IsMessage("test.v1.Plain"));
  EXPECT_TRUE(types->IsMessage("test.v1.Hello"));
  EXPECT_FALSE(types->IsMessage("test.v1.Absent"));
}

TEST(EventTypes, AnswersTheSchemaWithDependenciesFirst) {
  const std::vector<DescriptorSetFile> sets = {SetOf(R"pb(name: "a/z.proto"
                                                          package: "z"
                                                          syntax: "proto3"
                                                          dependency: "b/a.proto"
                                                          message_type {
                                                            name: "M"
                                                            options {
                                                              [weir.v1.event] { name: "m" }
                                                            }
                                                          })pb"),
                                               SetOf(R"pb(name: "b/a.proto"
                                                          package: "b"
                                                          syntax: "proto3"
                                                          source_code_info { location { span: [ 1, 2, 3 ] } })pb")};
  const auto types = EventTypes::Load(sets);
  ASSERT_TRUE(types.ok()) << types.status();
  v1::GetSchemaResponse schema;
  ASSERT_TRUE(schema.ParseFromString((*types)->schema_bytes()));
  ASSERT_EQ(schema.files().file_size(), 2);
  EXPECT_EQ(schema.files().file(0).name(), "b/a.proto");
  EXPECT_FALSE(schema.files().file(0).has_source_code_info());
  EXPECT_EQ(schema.files().file(1).name(), "a/z.proto");
  ASSERT_EQ(schema.event_types_size(), 1);
  EXPECT_EQ(schema.event_types(0).type(), "z.M");
  EXPECT_EQ(schema.event_types(0).name(), "m");
  EXPECT_EQ(schema.version(), (*types)->version());
  v1::GetSchemaResponse known;
  ASSERT_TRUE(known.ParseFromString((*types)->version_bytes()));
  EXPECT_EQ(known.version(), schema.version());
  EXPECT_EQ(known.files().file_size(), 0);
}

TEST(EventTypes, VersionNamesTheContentAndNotTheOrderOfFiles) {
  const DescriptorSetFile a = SetOf(EventFile("name: \"x\"", "a.proto", "a"));
  const DescriptorSetFile b = SetOf(EventFile("name: \"x\"", "b.proto", "b"));
  const DescriptorSetFile changed = SetOf(EventFile("name: \"y\"", "b.proto", "b"));
  const auto version = [](std::vector<DescriptorSetFile> sets) { return EventTypes::Load(sets).value()->version(); };
  EXPECT_EQ(version({a, b}), version({b, a}));
  EXPECT_EQ(version({a, b}), version({a, b, a}));
  EXPECT_NE(version({a, b}), version({a, changed}));
}

TEST(EventTypes, KnowsTheSystemsOwnTypeWithoutAnySetAndWithItsOwn) {
  google::protobuf::FileDescriptorSet own;
  const google::protobuf::FileDescriptor& file = *v1::TokenRevocation::descriptor()->file();
  for (int i = 0; i < file.dependency_count(); ++i) {
    for (int k = 0; k < file.dependency(i)->dependency_count(); ++k) {
      file.dependency(i)->dependency(k)->CopyTo(own.add_file());
    }
    file.dependency(i)->CopyTo(own.add_file());
  }
  file.CopyTo(own.add_file());
  const std::vector<DescriptorSetFile> sets = {{"own", own.SerializeAsString()}};
  for (const auto& types : {EventTypes::Load({}), EventTypes::Load(sets)}) {
    ASSERT_TRUE(types.ok()) << types.status();
    EXPECT_EQ((*types)->size(), 0u);
    const EventType* type = (*types)->Find("weir.v1.TokenRevocation");
    ASSERT_NE(type, nullptr);
    EXPECT_TRUE(type->topics->Matches("weir.revocations"));
    EXPECT_FALSE(type->topics->Matches("weir.other"));
  }
}

TEST(EventTypes, LoadsWithoutAnySet) {
  const auto types = EventTypes::Load({});
  ASSERT_TRUE(types.ok());
  EXPECT_EQ((*types)->size(), 0u);
}

TEST(EventTypes, RefusesBadNamesNamingFileAndType) {
  for (const std::string name : {"", "open", "error", "weir.mine", "with space", "line\\nbreak", "umlaut\\303\\244"}) {
    const absl::Status status = LoadError({SetOf(EventFile("name: \"" + name + "\""))});
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("a.proto: a.M: event name")) << name;
  }
  EXPECT_FALSE(LoadError({SetOf(EventFile("name: \"" + std::string(65, 'a') + "\""))}).ok());
  const std::vector<DescriptorSetFile> longest = {SetOf(EventFile("name: \"" + std::string(64, 'a') + "\""))};
  EXPECT_TRUE(EventTypes::Load(longest).ok());
}

TEST(EventTypes, RefusesNamesThatAreTaken) {
  const absl::Status twice =
      LoadError({SetOf(EventFile("name: \"x\"", "a.proto", "p")), SetOf(R"pb(name: "b.proto"
                                                                             package: "p"
                                                                             syntax: "proto3"
                                                                             message_type {
                                                                               name: "N"
                                                                               options {
                                                                                 [weir.v1.event] { name: "x" }
                                                                               }
                                                                             })pb")});
  EXPECT_THAT(std::string(twice.message()), HasSubstr("unique within a package"));
  const absl::Status control =
      LoadError({SetOf(EventFile("name: \"beat\" control_frame: CONTROL_FRAME_HEARTBEAT", "a.proto", "a")),
                 SetOf(EventFile("name: \"beat\"", "b.proto", "b"))});
  EXPECT_THAT(std::string(control.message()),
              HasSubstr("b.proto: b.M: event name \"beat\" is the name of the control"));
}

TEST(EventTypes, RefusesBadTopicFilters) {
  const absl::Status status = LoadError({SetOf(EventFile("name: \"x\" topics: \"a..b\""))});
  EXPECT_THAT(std::string(status.message()), HasSubstr("a.proto: a.M: filter \"a..b\""));
}

TEST(EventTypes, RefusesSetsThatCannotBeLoaded) {
  const DescriptorSetFile a = SetOf(R"pb(name: "a.proto" package: "a" syntax: "proto3")pb", "one.binpb");
  const DescriptorSetFile other = SetOf(R"pb(name: "a.proto"
                                             package: "a"
                                             syntax: "proto3"
                                             message_type { name: "M" })pb",
                                        "two.binpb");
  const DescriptorSetFile edition = SetOf(R"pb(name: "e.proto" syntax: "editions")pb", "three.binpb");
  const DescriptorSetFile import = SetOf(R"pb(name: "i.proto" syntax: "proto3" dependency: "gone.proto")pb");
  const DescriptorSetFile cycle = SetOf(R"pb(name: "c.proto" syntax: "proto3" dependency: "c.proto")pb");
  const DescriptorSetFile type =
      SetOf(R"pb(name: "t.proto"
                 syntax: "proto3"
                 message_type {
                   name: "M"
                   field { name: "x" number: 1 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".gone.T" }
                 })pb");
  EXPECT_THAT(std::string(LoadError({a, other}).message()), HasSubstr("two.binpb: a.proto differs"));
  EXPECT_THAT(std::string(LoadError({edition}).message()), HasSubstr("three.binpb: e.proto is written in an edition"));
  EXPECT_THAT(std::string(LoadError({import}).message()), HasSubstr("i.proto imports gone.proto"));
  EXPECT_THAT(std::string(LoadError({cycle}).message()), HasSubstr("c.proto imports itself"));
  EXPECT_THAT(std::string(LoadError({type}).message()), HasSubstr("t.proto"));
  EXPECT_THAT(std::string(LoadError({{"junk", "\xff\xff"}}).message()), HasSubstr("junk: not a google.protobuf.File"));
  EXPECT_THAT(std::string(LoadError({{"empty", ""}}).message()), HasSubstr("empty: not a google.protobuf.File"));
}

TEST(EventTypes, TakesTheFirstOfDifferentWellKnownFiles) {
  const std::vector<DescriptorSetFile> sets = {
      SetOf(R"pb(name: "google/protobuf/any.proto" package: "g" syntax: "proto3")pb", "one"),
      SetOf(R"pb(name: "google/protobuf/any.proto"
                 package: "g"
                 syntax: "proto3"
                 message_type { name: "M" })pb",
            "two")};
  const auto types = EventTypes::Load(sets);
  ASSERT_TRUE(types.ok()) << types.status();
  EXPECT_FALSE((*types)->IsMessage("g.M"));
}

TEST(EventTypes, RefusesMoreThanAMessageHolds) {
  std::string file = "name: \"big.proto\" syntax: \"proto3\"";
  for (int i = 0; i < 400; ++i) {
    file += " message_type { name: \"M" + std::to_string(i) + std::string(11'000, 'x') + "\" }";
  }
  EXPECT_THAT(std::string(LoadError({SetOf(file)}).message()), HasSubstr("at most 4000000 are allowed"));
}

TEST(ReadDescriptorSetFiles, SaysWhichFileCannotBeRead) {
  const std::vector<std::string> paths = {"/nonexistent/types.binpb"};
  const auto files = ReadDescriptorSetFiles(paths);
  EXPECT_TRUE(absl::IsNotFound(files.status()));
  EXPECT_THAT(std::string(files.status().message()), HasSubstr("/nonexistent/types.binpb"));
}

TEST(EventTypes, RewritesPayloadsCanonically) {
  const auto types = TestTypes();
  const EventType& note = *types->Find("test.v1.Note");
  // number before text
  const std::optional<std::string> rewritten = types->Rewrite(note, std::string_view("\x10\x05\x0a\x01x", 5));
  ASSERT_TRUE(rewritten.has_value());
  EXPECT_EQ(*rewritten, std::string("\x0a\x01x\x10\x05", 5));
  EXPECT_FALSE(types->Rewrite(note, "\x0a\x05x").has_value());
  // words {b: 1} {a: 2} {b: 3}
  const std::optional<std::string> map = types->Rewrite(note,
                                                        "\x1a\x06\x0a\x01"
                                                        "b\x12\x01"
                                                        "1\x1a\x06\x0a\x01"
                                                        "a\x12\x01"
                                                        "2\x1a\x06\x0a\x01"
                                                        "b\x12\x01"
                                                        "3");
  ASSERT_TRUE(map.has_value());
  EXPECT_EQ(*map,
            "\x1a\x06\x0a\x01"
            "a\x12\x01"
            "2\x1a\x06\x0a\x01"
            "b\x12\x01"
            "3");
  EXPECT_EQ(note.checker->Check(*map), EventForm::kCanonical);
}

}  // namespace
}  // namespace weir::server
