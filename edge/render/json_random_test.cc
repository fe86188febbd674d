// The plans beside the protobuf library, on random types and messages.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "edge/render/json_plan.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/util/json_util.h"
#include "tests/support/random_proto.h"

namespace weir::edge {
namespace {

using google::protobuf::FileDescriptorProto;
using nlohmann::json;
using test::Rng;

// Where two JSON values differ, or empty. Numbers are equal as the float that they came from: the library writes more
// digits of floats than are needed.
std::string Difference(const json& a, const json& b) {
  if (a.is_number() && b.is_number()) {
    const double x = a.get<double>();
    const double y = b.get<double>();
    return x == y || static_cast<float>(x) == static_cast<float>(y) ? "" : a.dump() + " and " + b.dump();
  }
  if (a.type() != b.type() || a.size() != b.size() || !a.is_structured()) {
    return a == b ? "" : a.dump() + " and " + b.dump();
  }
  for (const auto& [name, value] : a.items()) {
    if (a.is_object() && !b.contains(name)) {
      return name + " is missing";
    }
    const std::string inner = Difference(value, a.is_object() ? b[name] : b[std::stoul(name)]);
    if (!inner.empty()) {
      return name + "." + inner;
    }
  }
  return "";
}

// What we and the library must agree on for messages that no serialiser writes. The library leaves a Value without a
// kind out, and makes of a FieldMask's paths that are no names something of its own.
json Comparable(const json& value) {
  if (value.is_string()) {
    std::string text;
    for (const char c : value.get_ref<const std::string&>()) {
      text += c == '_' ? "" : std::string(1, static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
    }
    return text;
  }
  if (!value.is_structured()) {
    return value;
  }
  json result(value.type());
  for (const auto& [name, inner] : value.items()) {
    if (!inner.is_null() && value.is_object()) {
      result[name] = Comparable(inner);
    } else if (!inner.is_null()) {
      result.push_back(Comparable(inner));
    }
  }
  return result;
}

std::vector<const google::protobuf::FileDescriptor*> FilesOf(const test::RandomTypes& types) {
  std::vector<const google::protobuf::FileDescriptor*> files = {types.pool().FindFileByName("random.proto")};
  for (const FileDescriptorProto& file : test::WellKnownFiles()) {
    files.push_back(types.pool().FindFileByName(file.name()));
  }
  return files;
}

class RandomMessagesTest : public testing::TestWithParam<uint64_t> {};

TEST_P(RandomMessagesTest, LookAsTheLibraryPrintsThem) {
  Rng rng(GetParam());
  SCOPED_TRACE(testing::Message() << "seed " << GetParam());
  for (int round = 0; round < 40; ++round) {
    test::RandomTypes types(rng);
    const FieldNames names = round % 2 == 0 ? FieldNames::kCamel : FieldNames::kProto;
    const auto plans = JsonPlans::Compile(FilesOf(types), names);
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
      ASSERT_EQ(Difference(json::parse(ours), json::parse(theirs)), "") << ours << "\n"
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
    const auto plans = JsonPlans::Compile(FilesOf(types), FieldNames::kCamel);
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
        ASSERT_EQ(Difference(Comparable(parsed), Comparable(json::parse(theirs))), "")
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
