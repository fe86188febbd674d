// What a route asks of a token besides that it is good: `require: {role: admin, email_verified: true}`. Compiled once,
// const afterwards, any thread.
#ifndef WEIR_EDGE_REQUIRED_CLAIMS_H_
#define WEIR_EDGE_REQUIRED_CLAIMS_H_

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/struct.pb.h"

namespace weir::edge {

class RequiredClaims {
 public:
  static constexpr int kClaimsMax = 16;

  // Nothing is required.
  RequiredClaims();
  // INVALID_ARGUMENT: more than 16, a name that no claim can be asked for by, or a value that is no text, number or
  // truth value.
  static absl::StatusOr<RequiredClaims> Compile(const google::protobuf::Struct& claims);

  bool empty() const;
  // OK when each claim is the required value, or a list that holds it. PERMISSION_DENIED names the claim that is not.
  // `claims` null: there is no token.
  absl::Status Check(const nlohmann::json* claims) const;

 private:
  std::shared_ptr<const std::vector<std::pair<std::string, nlohmann::json>>> claims_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_REQUIRED_CLAIMS_H_
