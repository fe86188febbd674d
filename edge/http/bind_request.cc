#include "edge/http/bind_request.h"

#include <openssl/sha.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "edge/http/access.h"
#include "edge/routes.h"

namespace weir::edge {
namespace {

// The request's parameters for templates. Remembers whether one that was used came twice: then it has no one value.
class TemplateParameters {
 public:
  explicit TemplateParameters(const Query& query) : query_(query) {}

  std::optional<std::string> Get(std::string_view name) {
    if (query_.Count(name) > 1) {
      repeated_ = true;
    }
    const std::optional<std::string_view> value = query_.Find(name);
    return value ? std::optional<std::string>(*value) : std::nullopt;
  }
  bool repeated() const { return repeated_; }

 private:
  const Query& query_;
  bool repeated_ = false;
};

}  // namespace

absl::StatusOr<StreamRequest> BindRequest(std::shared_ptr<const Route> route, const JwtClaims* claims,
                                          const Query& query) {
  if (absl::Status status = route->required.Check(claims != nullptr ? &claims->claims : nullptr); !status.ok()) {
    return status;
  }
  TemplateParameters parameters(query);
  RequestValues values;
  values.claims = claims != nullptr ? &claims->claims : nullptr;
  values.query = [&parameters](std::string_view name) { return parameters.Get(name); };
  absl::StatusOr<std::vector<std::string>> filters = ExpandFilters(*route, values);
  StreamRequest stream;
  if (filters.ok()) {
    stream.connected_data = route->connected_data.Bind(values);
    stream.heartbeat_data = route->heartbeat_event.empty() ? nullptr : route->heartbeat_data.Bind(values);
  }
  if (parameters.repeated()) {
    return absl::InvalidArgumentError("a parameter that this path uses is given more than once");
  }
  if (!filters.ok()) {
    return filters.status();
  }
  stream.reader.route = std::move(route);
  stream.reader.filters = *std::move(filters);
  if (claims != nullptr) {
    stream.reader.principal = PrincipalOf(*claims);
    stream.reader.token = MarksOf(*claims);
  }
  return stream;
}

absl::StatusOr<Identity> IdentityOf(const Route& route, const JwtClaims* claims) {
  RequestValues values;
  values.claims = claims != nullptr ? &claims->claims : nullptr;
  if (absl::Status status = route.required.Check(values.claims); !status.ok()) {
    return status;
  }
  values.query = [](std::string_view) { return std::optional<std::string>("any"); };  // only the claims count
  const absl::StatusOr<std::vector<std::string>> filters = ExpandFilters(route, values);
  if (!filters.ok()) {
    return filters.status();
  }
  const std::string principal = claims != nullptr ? PrincipalOrIssuerOf(*claims) : "";
  std::string text = principal;
  for (const std::string& filter : *filters) {
    text += '\n';
    text += filter;
  }
  for (const DataTemplate* data : {&route.connected_data, &route.heartbeat_data}) {
    text += '\n';
    text += data->Bind(values)->Render({absl::UnixEpoch(), 0, ""});
  }
  // A subject may hold a line's end, so its size belongs to it.
  text += '\n' + std::to_string(principal.size());
  Identity identity;
  ::SHA256(static_cast<const unsigned char*>(static_cast<const void*>(text.data())), text.size(), identity.data());
  return identity;
}

}  // namespace weir::edge
