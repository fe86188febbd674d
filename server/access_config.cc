#include "server/access_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "base/jwk_set.h"
#include "base/jwt_signature.h"
#include "base/secret_file.h"
#include "base/text.h"
#include "base/token_revocation.h"

namespace weir::server {
namespace {

namespace pb = config::v1;

constexpr int kRulesMax = 1'000;
constexpr int kTextsMax = 1'000;
constexpr int kKeyFilesMax = 16;
constexpr size_t kNameBytesMax = 512;

class AccessCompiler {
 public:
  AccessCompiler(const pb::Server& config, const ConfigFile& file) : config_(config), file_(file) {}

  absl::StatusOr<Access> Run() {
    absl::Status status = config_.has_auth() ? Auth() : absl::OkStatus();
    status.Update(Rules());
    if (!status.ok()) {
      return status;
    }
    pb::Server source;
    *source.mutable_auth() = config_.auth();
    *source.mutable_access() = config_.access();
    policy_.source = source.SerializeAsString();
    return Access{.policy = std::make_shared<const AccessPolicy>(std::move(policy_)), .warnings = std::move(warnings_)};
  }

 private:
  absl::Status Auth() {
    const pb::ServerAuth& auth = config_.auth();
    JwtVerifierOptions options;
    if (absl::Status status = Revoking(auth, options.lifetime_max); !status.ok()) {
      return status;
    }
    if (auth.keys().empty() || auth.keys_size() > kKeyFilesMax) {
      return file_.Error("auth.keys", fmt::format("has {} keys; allowed are 1 to {}", auth.keys_size(), kKeyFilesMax));
    }
    for (int i = 0; i < auth.keys_size(); ++i) {
      if (absl::Status status = LoadKeys(fmt::format("auth.keys[{}]", i), auth.keys(i), options.keys); !status.ok()) {
        return status;
      }
    }
    if (auth.has_leeway()) {
      options.leeway = absl::Seconds(auth.leeway().seconds()) + absl::Nanoseconds(auth.leeway().nanos());
    }
    if (options.leeway < absl::ZeroDuration() || options.leeway > JwtVerifierOptions::LeewayMax()) {
      return file_.Error("auth.leeway", fmt::format("is {}; allowed is 0s to 5m, both included",
                                                    absl::FormatDuration(options.leeway)));
    }
    policy_.leeway = options.leeway;
    options.verified = std::make_shared<VerifiedTokens>();
    options.issuers.assign(auth.issuers().begin(), auth.issuers().end());
    options.audiences.assign(auth.audiences().begin(), auth.audiences().end());
    absl::StatusOr<JwtVerifier> verifier = JwtVerifier::Make(std::move(options));
    if (!verifier.ok()) {
      return file_.Error("auth", Message(verifier.status()));
    }
    policy_.verifier = std::make_shared<const JwtVerifier>(*std::move(verifier));
    return absl::OkStatus();
  }

  absl::Status Revoking(const pb::ServerAuth& auth, absl::Duration& lifetime_max) {
    lifetime_max = kTokenLifetimeMaxDefault;
    if (auth.has_token_lifetime_max()) {
      lifetime_max =
          absl::Seconds(auth.token_lifetime_max().seconds()) + absl::Nanoseconds(auth.token_lifetime_max().nanos());
    }
    if (lifetime_max < absl::Minutes(1) || lifetime_max > absl::Hours(87600)) {
      return file_.Error("auth.token_lifetime_max", fmt::format("is {}; allowed is 1m to 87600h, both included",
                                                                absl::FormatDuration(lifetime_max)));
    }
    if (auth.revocations_max() > Revocations::kEntriesMaxMost) {
      return file_.Error("auth.revocations_max", fmt::format("is {}; allowed is 1 to {}", auth.revocations_max(),
                                                             Revocations::kEntriesMaxMost));
    }
    if (auth.revocations_max() > 0) {
      policy_.revocations_max = auth.revocations_max();
    }
    return absl::OkStatus();
  }

  absl::Status LoadKeys(const std::string& at, const pb::Key& key, std::vector<JwtKey>& keys) {
    const std::optional<JwtAlgorithm> algorithm = JwtAlgorithmOf(key.algorithm());
    if (!key.algorithm().empty() && !algorithm.has_value()) {
      return file_.Error(at + ".algorithm",
                         fmt::format("is \"{}\"; allowed is {}", Quotable(key.algorithm()), kJwtAlgorithmNames));
    }
    if (key.file().empty()) {
      return file_.Error(at + ".file", "is required; it names the file of the key");
    }
    const std::string path = file_.Resolve(key.file());
    absl::StatusOr<JwkSet> loaded = LoadJwtKeys(algorithm, path, key.id());
    if (!loaded.ok()) {
      return file_.Error(at + ".file", Message(loaded.status()));
    }
    for (const std::string& why : loaded->ignored) {
      warnings_.push_back(fmt::format("{}: {}; it is ignored", path, why));
    }
    if (const absl::Status open = CheckPermissions(path, loaded->holds); !open.ok()) {
      warnings_.emplace_back(Message(open));
    }
    std::move(loaded->keys.begin(), loaded->keys.end(), std::back_inserter(keys));
    return absl::OkStatus();
  }

  absl::Status Rules() {
    if (config_.access().empty()) {
      return absl::OkStatus();
    }
    if (config_.access_size() > kRulesMax) {
      return file_.Error("access",
                         fmt::format("has {} rules; allowed are at most {}", config_.access_size(), kRulesMax));
    }
    std::vector<AccessRule> rules;
    for (int i = 0; i < config_.access_size(); ++i) {
      const pb::AccessRule& in = config_.access(i);
      const std::string at = fmt::format("access[{}]", i);
      AccessRule& out = rules.emplace_back();
      absl::Status status = Who(at, in, out);
      const struct {
        const char* name;
        bool set;
        const pb::AccessScope& in;
        std::optional<Scope>& out;
      } scopes[] = {{".publish", in.has_publish(), in.publish(), out.publish},
                    {".subscribe", in.has_subscribe(), in.subscribe(), out.subscribe},
                    {".deny_publish", in.has_deny_publish(), in.deny_publish(), out.deny_publish},
                    {".deny_subscribe", in.has_deny_subscribe(), in.deny_subscribe(), out.deny_subscribe}};
      for (const auto& scope : scopes) {
        if (scope.set) {
          status.Update(ReadScope(at + scope.name, scope.in, scope.out));
        }
      }
      out.backup = in.backup();
      out.revoke = in.revoke();
      if (!status.ok()) {
        return status;
      }
    }
    policy_.rules = std::make_shared<const AccessRules>(std::move(rules));
    return absl::OkStatus();
  }

  absl::Status Who(const std::string& at, const pb::AccessRule& in, AccessRule& out) {
    if (in.who().empty() || in.who_size() > kTextsMax) {
      return file_.Error(at + ".who", fmt::format("has {} names; allowed are 1 to {}", in.who_size(), kTextsMax));
    }
    for (int i = 0; i < in.who_size(); ++i) {
      const std::string& name = in.who(i);
      const auto is = [&name](std::string_view kind) { return name.size() > kind.size() && name.starts_with(kind); };
      if (name.size() > kNameBytesMax || !(name == "*" || is("dns:") || is("uri:") || is("cn:") || is("sub:"))) {
        return file_.Error(fmt::format("{}.who[{}]", at, i),
                           fmt::format("is \"{}\"; allowed is `dns:NAME`, `uri:URI`, `cn:NAME`, `sub:NAME` or `*`, at "
                                       "most {} bytes",
                                       Quotable(name), kNameBytesMax));
      }
      if (is("sub:") && !config_.has_auth()) {
        return file_.Error(fmt::format("{}.who[{}]", at, i),
                           fmt::format("is \"{}\", a name from a token; it needs `auth`, by which tokens are checked",
                                       Quotable(name)));
      }
      if (std::find(out.who.begin(), out.who.end(), name) == out.who.end()) {
        out.who.push_back(name);
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadScope(const std::string& at, const pb::AccessScope& in, std::optional<Scope>& out) {
    if (in.topics().empty() || in.topics_size() > kTextsMax || in.types_size() > kTextsMax) {
      return file_.Error(at + (in.types_size() > kTextsMax ? ".types" : ".topics"),
                         fmt::format("has {} texts; allowed are 1 to {} topics (`>` is every topic), and as many types",
                                     in.types_size() > kTextsMax ? in.types_size() : in.topics_size(), kTextsMax));
    }
    for (int i = 0; i < in.topics_size(); ++i) {
      if (absl::Status status = ValidateFilter(in.topics(i)); !status.ok()) {
        return file_.Error(fmt::format("{}.topics[{}]", at, i), Message(status));
      }
    }
    out.emplace(Scope{.topics = *FilterSet::Parse({in.topics().begin(), in.topics().end()}),
                      .types = TextSet(in.types().begin(), in.types().end())});
    return absl::OkStatus();
  }

  const pb::Server& config_;
  const ConfigFile& file_;
  AccessPolicy policy_;
  std::vector<std::string> warnings_;
};

}  // namespace

absl::StatusOr<Access> CheckAccess(const pb::Server& config, const ConfigFile& file) {
  return AccessCompiler(config, file).Run();
}

}  // namespace weir::server
