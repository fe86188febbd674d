#include "base/jwt.h"
#include "base/secret_file.h"
#include "base/text.h"
#include "clients/cli/arguments.h"
#include "clients/cli/commands.h"
#include "clients/cli/exit_code.h"
#include "clients/cli/output.h"
#include "fmt/format.h"

namespace weir::cli {

int Token(const TokenArguments& arguments) {
  const absl::StatusOr<JwtKey> key = arguments.algorithm.empty()
                                         ? JwtKey::LoadAny(arguments.key, arguments.key_id)
                                         : JwtKey::Load(arguments.algorithm, arguments.key, arguments.key_id);
  if (!key.ok()) {
    Note(Message(key.status()));
    return kFailure;
  }
  if (const absl::Status open = CheckPermissions(arguments.key, FileHolds::kSecret); !open.ok()) {
    Note(Message(open));
  }
  nlohmann::json claims;
  for (const std::string& claim : arguments.claims) {
    const auto [name, value] = *ParseKeyValue(claim);
    if (name == "sub" || name == "iat" || name == "exp") {
      Note(fmt::format("--claim {}: use --sub and --ttl", name));
      return kUsage;
    }
    claims[name] = value;
  }
  const absl::Time now = absl::Now();
  claims["sub"] = arguments.subject;
  claims["iat"] = absl::ToUnixSeconds(now);
  claims["exp"] = absl::ToUnixSeconds(now + *ParseDuration(arguments.ttl));
  const absl::StatusOr<std::string> token = SignJwt(*key, claims);
  if (!token.ok()) {
    Note(Message(token.status()));
    return kFailure;
  }
  PrintLine(*token);
  return kSuccess;
}

}  // namespace weir::cli
