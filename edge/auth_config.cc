#include "edge/auth_config.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/jwk_set.h"
#include "base/logging.h"
#include "base/secret_file.h"
#include "base/text.h"
#include "base/token_revocation.h"
#include "edge/duration_check.h"

namespace weir::edge {
namespace {

namespace pb = config::v1;

constexpr int kKeyFilesMax = 16;
constexpr size_t kIssuerBytesMax = 256;

class AuthCompiler {
 public:
  AuthCompiler(const pb::Edge& edge, const ConfigFile& file) : edge_(edge), file_(file) {}

  absl::StatusOr<AuthConfig> Run() {
    for (const auto step : {&AuthCompiler::Times, &AuthCompiler::Keys, &AuthCompiler::Providers,
                            &AuthCompiler::Verifier, &AuthCompiler::TicketKeys}) {
      if (absl::Status status = (this->*step)(); !status.ok()) {
        return status;
      }
    }
    return std::move(out_);
  }

 private:
  absl::Status Times() {
    const pb::Auth& auth = edge_.auth();
    if (absl::Status status =
            CheckDuration(file_, "auth.stream_age_max", auth.has_stream_age_max(), auth.stream_age_max(),
                          absl::Seconds(1), absl::Hours(8760), out_.stream_age_max);
        !status.ok()) {
      return status;
    }
    options_.lifetime_max = kTokenLifetimeMaxDefault;
    if (absl::Status status =
            CheckDuration(file_, "auth.token_lifetime_max", auth.has_token_lifetime_max(), auth.token_lifetime_max(),
                          absl::Minutes(1), absl::Hours(87600), options_.lifetime_max);
        !status.ok()) {
      return status;
    }
    if (auth.revocations_max() > Revocations::kEntriesMaxMost) {
      return file_.Error("auth.revocations_max", fmt::format("is {}; allowed is 1 to {}", auth.revocations_max(),
                                                             Revocations::kEntriesMaxMost));
    }
    if (auth.revocations_max() > 0) {
      out_.revocations_max = auth.revocations_max();
    }
    return CheckDuration(file_, "auth.leeway", edge_.auth().has_leeway(), edge_.auth().leeway(), absl::ZeroDuration(),
                         JwtVerifierOptions::LeewayMax(), out_.leeway);
  }

  absl::Status Keys() { return LoadAll("auth.keys", edge_.auth().keys(), options_.keys); }

  absl::Status Providers() {
    const pb::Auth& auth = edge_.auth();
    if (auth.providers_size() > static_cast<int>(JwtVerifierOptions::kProvidersMax)) {
      return file_.Error("auth.providers", fmt::format("has {} providers; allowed are at most {}",
                                                       auth.providers_size(), JwtVerifierOptions::kProvidersMax));
    }
    std::set<std::string_view> issuers(auth.issuers().begin(), auth.issuers().end());
    for (int i = 0; i < auth.providers_size(); ++i) {
      const pb::AuthProvider& in = auth.providers(i);
      const std::string at = fmt::format("auth.providers[{}]", i);
      if (in.issuer().empty() || in.issuer().size() > kIssuerBytesMax) {
        return file_.Error(at + ".issuer", fmt::format("has {} bytes; allowed is the exact `iss`, 1 to {}",
                                                       in.issuer().size(), kIssuerBytesMax));
      }
      if (!issuers.insert(in.issuer()).second) {
        return file_.Error(at + ".issuer", fmt::format("is \"{}\", which is named twice; one issuer has one place",
                                                       Quotable(in.issuer())));
      }
      JwtProvider& out = options_.providers.emplace_back();
      out.issuer = in.issuer();
      out.audiences.assign(in.audiences().begin(), in.audiences().end());
      if (in.keys().empty() == in.jwks_url().empty()) {
        return file_.Error(at + ".keys",
                           fmt::format("needed is either 1 to {} keys or jwks_url, and not both", kKeyFilesMax));
      }
      if (absl::Status status = Source(at, in); !status.ok()) {
        return status;
      }
      if (absl::Status status = LoadAll(at + ".keys", in.keys(), out.keys); !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

  absl::Status Source(const std::string& at, const pb::AuthProvider& in) {
    if (!in.jwks_url().empty() && !IsJwksUrl(in.jwks_url())) {
      return file_.Error(at + ".jwks_url", fmt::format("is \"{}\"; allowed is https://…, or http://… on loopback, "
                                                       "without user and password",
                                                       Quotable(in.jwks_url())));
    }
    if (!in.jwks_ca_file().empty() && in.jwks_url().empty()) {
      return file_.Error(at + ".jwks_ca_file", "needs jwks_url");
    }
    if (in.has_jwks_age_max() && in.jwks_url().empty()) {
      return file_.Error(at + ".jwks_age_max", "needs jwks_url");
    }
    if (in.jwks_url().empty()) {
      return absl::OkStatus();
    }
    JwksSource& source = sources_.emplace_back();
    source.issuer = in.issuer();
    source.location = {.url = in.jwks_url(),
                       .ca_file = in.jwks_ca_file().empty() ? "" : file_.Resolve(in.jwks_ca_file())};
    return CheckDuration(file_, at + ".jwks_age_max", in.has_jwks_age_max(), in.jwks_age_max(), absl::Minutes(10),
                         absl::Hours(87600), source.age_max);
  }

  absl::Status Verifier() {
    out_.jwks = std::make_shared<JwksRefresher>(std::move(sources_));
    options_.key_missing = [jwks = out_.jwks](const std::string& issuer) { return jwks->Want(issuer); };
    const bool any = !options_.keys.empty() || !options_.providers.empty();
    for (int i = 0; i < edge_.routes_size() && !any; ++i) {
      if (edge_.routes(i).auth() == pb::AUTH_MODE_REQUIRED) {
        return file_.Error(fmt::format("routes[{}].auth", i),
                           "is `required`, which needs at least one of auth.keys or auth.providers");
      }
    }
    if (!edge_.has_auth()) {
      return absl::OkStatus();
    }
    if (!any) {
      return file_.Error("auth.keys", "is empty; needed is at least one of auth.keys or auth.providers");
    }
    options_.leeway = out_.leeway;
    options_.verified = std::make_shared<VerifiedTokens>();
    options_.issuers.assign(edge_.auth().issuers().begin(), edge_.auth().issuers().end());
    options_.audiences.assign(edge_.auth().audiences().begin(), edge_.auth().audiences().end());
    WarnOfSharedNames();
    absl::StatusOr<JwtVerifier> verifier = JwtVerifier::Make(std::move(options_));
    if (!verifier.ok()) {
      return file_.Error("auth", Message(verifier.status()));
    }
    out_.verifier = std::make_shared<const JwtVerifier>(*std::move(verifier));
    return absl::OkStatus();
  }

  // Two issuers may call two people by one name: a filter of claims alone would let one read what is the other's.
  void WarnOfSharedNames() {
    if (options_.issuers.size() + options_.providers.size() < 2) {
      return;
    }
    for (int i = 0; i < edge_.routes_size(); ++i) {
      const pb::Route& route = edge_.routes(i);
      const auto any = [&route](std::string_view text) {
        return std::any_of(route.filters().begin(), route.filters().end(),
                           [text](const std::string& filter) { return filter.find(text) != std::string::npos; });
      };
      if (any("{jwt.") && !any("{jwt.iss") && !route.require().fields().contains("iss")) {
        out_.warnings.push_back(fmt::format(
            "{}: routes[{}].filters: have claims of tokens of {} issuers, and nothing keeps one issuer's names from "
            "another's; if they do not agree on names, add {{jwt.iss|token}} to the topics or `require: {{iss: "
            "ISSUER}}`",
            file_.Where(fmt::format("routes[{}].filters", i)), i, options_.issuers.size() + options_.providers.size()));
      }
    }
  }

  absl::Status TicketKeys() {
    const auto& files = edge_.auth().ticket_keys();
    std::vector<std::string> secrets;
    for (int i = 0; i < files.size(); ++i) {
      const std::string at = fmt::format("auth.ticket_keys[{}]", i);
      const std::string path = file_.Resolve(files[i]);
      absl::StatusOr<std::string> content = ReadSecretFile(path, JwtKey::kFileBytesMax);
      if (!content.ok()) {
        return file_.Error(at, Message(content.status()));
      }
      if (content->ends_with('\n')) {
        content->pop_back();
      }
      WarnUnlessOk(CheckPermissions(path, FileHolds::kSecret));
      secrets.push_back(*std::move(content));
    }
    if (secrets.empty()) {
      return absl::OkStatus();
    }
    absl::StatusOr<Tickets> tickets = Tickets::Make(secrets);
    for (std::string& secret : secrets) {
      OPENSSL_cleanse(secret.data(), secret.size());
    }
    if (!tickets.ok()) {
      return file_.Error("auth.ticket_keys", Message(tickets.status()));
    }
    out_.tickets = std::make_shared<const Tickets>(*std::move(tickets));
    return absl::OkStatus();
  }

  absl::Status LoadAll(const std::string& at, const google::protobuf::RepeatedPtrField<pb::Key>& keys,
                       std::vector<JwtKey>& out) {
    if (keys.size() > kKeyFilesMax) {
      return file_.Error(at, fmt::format("has {} keys; allowed are at most {}", keys.size(), kKeyFilesMax));
    }
    for (int i = 0; i < keys.size(); ++i) {
      if (absl::Status status = Load(fmt::format("{}[{}]", at, i), keys[i], out); !status.ok()) {
        return status;
      }
    }
    return out.size() <= JwtVerifierOptions::kKeysMax
               ? absl::OkStatus()
               : file_.Error(at, fmt::format("gives {} keys together; allowed are at most {}", out.size(),
                                             JwtVerifierOptions::kKeysMax));
  }

  absl::Status Load(const std::string& at, const pb::Key& key, std::vector<JwtKey>& out) {
    const std::optional<JwtAlgorithm> algorithm = JwtAlgorithmOf(key.algorithm());
    if (!key.algorithm().empty() && !algorithm) {
      return file_.Error(at + ".algorithm",
                         fmt::format("is \"{}\"; allowed is {}", Quotable(key.algorithm()), kJwtAlgorithmNames));
    }
    if (key.file().empty()) {
      return file_.Error(at + ".file", "is required; it names the file of the key");
    }
    const std::string path = file_.Resolve(key.file());
    absl::StatusOr<JwkSet> set = LoadJwtKeys(algorithm, path, key.id());
    if (!set.ok()) {
      return file_.Error(at + ".file", Message(set.status()));
    }
    WarnUnlessOk(CheckPermissions(path, set->holds));
    for (const std::string& why : set->ignored) {
      out_.warnings.push_back(fmt::format("{}: {}; it is ignored", path, why));
    }
    std::move(set->keys.begin(), set->keys.end(), std::back_inserter(out));
    return absl::OkStatus();
  }

  const pb::Edge& edge_;
  const ConfigFile& file_;
  JwtVerifierOptions options_;
  std::vector<JwksSource> sources_;
  AuthConfig out_;
};

}  // namespace

absl::StatusOr<AuthConfig> CheckAuth(const pb::Edge& edge, const ConfigFile& file) {
  return AuthCompiler(edge, file).Run();
}

}  // namespace weir::edge
