// The checker takes exactly the payloads that the protobuf library takes. The first byte of the input chooses the
// random types, the second one of them; the rest is the payload.
#include <map>
#include <memory>
#include <string>

#include "google/protobuf/stubs/logging.h"
#include "server/schema/payload_checker.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/any_judge.h"
#include "tests/support/random_proto.h"

namespace weir::server {
namespace {

struct Types {
  explicit Types(uint64_t seed) : rng(seed), types(rng) {
    for (const auto* type : types.types()) {
      checkers.push_back(PayloadChecker::Compile(*type));
    }
  }

  test::Rng rng;
  test::RandomTypes types;
  std::vector<std::shared_ptr<const PayloadChecker>> checkers;
};

Types& TypesOf(uint8_t seed) {
  static std::map<uint8_t, Types> all;
  return all.try_emplace(seed % 8, seed % 8).first->second;
}

}  // namespace
}  // namespace weir::server

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using weir::fuzz::Expect;
  if (size < 2) {
    return 0;
  }
  const google::protobuf::LogSilencer quiet;
  weir::server::Types& types = weir::server::TypesOf(data[0]);
  const size_t chosen = data[1] % types.checkers.size();
  const std::string payload(weir::fuzz::Text(data + 2, size - 2));
  const weir::EventForm form = types.checkers[chosen]->Check(payload);
  const auto message = types.types.New(*types.types.types()[chosen]);
  const bool accepted = message->ParseFromString(payload) && weir::test::AnyJudge(types.types).Accepts(*message);
  Expect((form != weir::EventForm::kMalformed) == accepted, "the checker takes what the library takes");
  if (accepted) {
    const auto again = types.types.New(*types.types.types()[chosen]);
    const std::string written = weir::test::Deterministic(*message);
    Expect(again->ParseFromString(written), "what the library writes it reads");
    Expect(types.checkers[chosen]->Check(written) != weir::EventForm::kMalformed, "and the checker takes it");
  }
  return 0;
}
