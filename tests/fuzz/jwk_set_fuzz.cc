// A JWK set, as an issuer's URL or a file gives it: every key is used or said to be ignored, and none from a URL can
// sign.
#include <nlohmann/json.hpp>
#include <string>

#include "base/jwk_set.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"

namespace weir {
namespace {

using fuzz::Expect;

void Try(std::string_view text, const JwkSetOptions& options) {
  const absl::StatusOr<JwkSet> set = ParseJwkSet(text, "keys.json", options);
  if (!set.ok()) {
    Expect(set.status().code() == absl::StatusCode::kInvalidArgument, "what is no set is INVALID_ARGUMENT");
    Expect(Message(set.status()).starts_with("keys.json: ") && Message(set.status()).size() < 300,
           "a fault names the file, and nothing of its content");
    return;
  }
  Expect(IsJwkSet(text), "a set is known as one");
  Expect(set->keys.size() <= JwkSet::kKeysMax, "a set has a bound");
  const auto document = nlohmann::json::parse(text);
  Expect(set->keys.size() + set->ignored.size() == document.at("keys").size(), "every key is used or ignored");
  for (const JwtKey& key : set->keys) {
    Expect(!options.algorithm || key.algorithm() == *options.algorithm, "a key is of the algorithm that is asked for");
    Expect(!key.can_sign() || (options.secrets && set->holds == FileHolds::kSecret), "what can sign is a secret");
    Expect(!key.Verify("nobody signed this", std::string(64, 's')), "it verifies no nonsense");
  }
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = weir::fuzz::Text(data, size);
  weir::Try(text, {});
  weir::Try(text, {.algorithm = {}, .secrets = true});
  weir::Try(text, {.algorithm = weir::JwtAlgorithm::kPs256, .secrets = false});
  return 0;
}
