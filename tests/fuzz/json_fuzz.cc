// The plans' JSON is JSON, and says what the protobuf library's says. The first byte of the input chooses the random
// types, the second one of them; the rest is the message.
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "edge/render/json_plan.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/util/json_util.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/json_compare.h"
#include "tests/support/random_proto.h"

namespace weir::edge {
namespace {

struct Types {
  explicit Types(uint64_t seed) : rng(seed), types(rng) {
    plans = JsonPlans::Compile(test::FilesOf(types), FieldNames::kCamel);
  }

  test::Rng rng;
  test::RandomTypes types;
  std::shared_ptr<const JsonPlans> plans;
};

Types& TypesOf(uint8_t seed) {
  static std::map<uint8_t, Types> all;
  return all.try_emplace(seed % 8, seed % 8).first->second;
}

}  // namespace
}  // namespace weir::edge

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using weir::fuzz::Expect;
  if (size < 2) {
    return 0;
  }
  const google::protobuf::LogSilencer quiet;
  weir::edge::Types& types = weir::edge::TypesOf(data[0]);
  const auto& type = *types.types.types()[data[1] % types.types.types().size()];
  const std::string bytes(weir::fuzz::Text(data + 2, size - 2));
  std::string ours = "before";
  if (!types.plans->Append(*types.plans->Find(type.full_name()), bytes, ours).ok()) {
    Expect(ours == "before", "what is not shown leaves no trace");
    return 0;
  }
  const auto parsed = nlohmann::json::parse(ours.substr(6), nullptr, false);
  Expect(!parsed.is_discarded(), "what is shown is JSON");
  Expect(ours.find_first_of("\r\n") == std::string::npos, "it is one line");
  const auto message = types.types.New(type);
  const bool parses = message->ParseFromString(bytes);
  message->DiscardUnknownFields();  // the library shows a wrapper's unknown field as its value
  std::string theirs;
  // What another value replaces is skipped, not checked: it may be what the parser stumbles over. And the library
  // prints what an Any holds as it lies on the wire, with members twice.
  if (parses && google::protobuf::util::MessageToJsonString(*message, &theirs).ok() && nlohmann::json::accept(theirs) &&
      theirs.find("\"@type\"") == std::string::npos) {
    const std::string difference = weir::test::JsonDifference(
        weir::test::JsonComparable(parsed), weir::test::JsonComparable(nlohmann::json::parse(theirs)));
    Expect(difference.empty(), difference);
  }
  return 0;
}
