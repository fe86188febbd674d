#include "base/revocations.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "base/metric_family.h"
#include "base/token_revocation.h"

namespace weir {
namespace {

constexpr char kRevokedPayload[] = "weir/token-revoked";
// How often those are dropped whose time is over, where there is room anyway.
constexpr absl::Duration kCleanInterval = absl::Minutes(1);

// Never 0. `kind` keeps equal names of different kinds apart.
uint64_t DigestOf(char kind, std::string_view name) {
  std::string text(1, kind);
  text += name;
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  ::SHA256(static_cast<const unsigned char*>(static_cast<const void*>(text.data())), text.size(), digest.data());
  uint64_t value = 0;
  std::memcpy(&value, digest.data(), sizeof(value));
  return value == 0 ? 1 : value;
}

uint64_t SubjectDigest(std::string_view subject) { return subject.empty() ? 0 : DigestOf('s', subject); }
uint64_t IdDigest(std::string_view id) { return id.empty() ? 0 : DigestOf('j', id); }
uint32_t IssuerDigest(std::string_view issuer) {
  const auto digest = static_cast<uint32_t>(issuer.empty() ? 0 : DigestOf('i', issuer));
  return digest == 0 && !issuer.empty() ? 1 : digest;
}

std::string_view TextOf(const nlohmann::json& claims, const char* name) {
  const auto it = claims.find(name);
  return it != claims.end() && it->is_string() ? std::string_view(it->get_ref<const std::string&>())
                                               : std::string_view();
}

}  // namespace

TokenMarks MarksOf(const JwtClaims& claims) {
  TokenMarks marks;
  marks.subject = SubjectDigest(claims.subject);
  marks.id = IdDigest(TextOf(claims.claims, "jti"));
  marks.issuer = IssuerDigest(TextOf(claims.claims, "iss"));
  if (const auto issued = claims.claims.find("iat"); issued != claims.claims.end() && issued->is_number()) {
    constexpr double kMost = std::numeric_limits<uint32_t>::max();
    marks.issued = static_cast<uint32_t>(std::clamp(issued->get<double>(), 0.0, kMost));
  }
  marks.key = claims.key;
  return marks;
}

absl::Status TokenRevokedError() {
  absl::Status status = absl::UnauthenticatedError("the token has been revoked");
  status.SetPayload(kRevokedPayload, absl::Cord());
  return status;
}

bool IsTokenRevoked(const absl::Status& status) { return status.GetPayload(kRevokedPayload).has_value(); }

void RevocationTable::Add(const v1::TokenRevocation& revocation) {
  const uint32_t issuer = IssuerDigest(revocation.issuer());
  const int64_t expires = revocation.expire_time().seconds() + (revocation.expire_time().nanos() > 0 ? 1 : 0);
  if (revocation.tokens_case() == v1::TokenRevocation::kSubject) {
    Put({SubjectDigest(revocation.subject()), issuer}, {revocation.issued_until().seconds(), expires});
  } else {
    Put({IdDigest(revocation.token_id()), issuer}, {std::numeric_limits<int64_t>::max(), expires});
  }
}

// Of two, neither is weakened by the other.
void RevocationTable::Put(const Name& name, const Entry& entry) {
  Entry& kept = entries_.try_emplace(name, entry).first->second;
  kept.issued_until = std::max(kept.issued_until, entry.issued_until);
  kept.expires = std::max(kept.expires, entry.expires);
}

void RevocationTable::Merge(const RevocationTable& other) {
  for (const auto& [name, entry] : other.entries_) {
    Put(name, entry);
  }
}

bool RevocationTable::Merge(const RevocationTable& other, size_t entries_max, absl::Time now) {
  const int64_t seconds = absl::ToUnixSeconds(now);
  bool room = true;
  for (const auto& [name, entry] : other.entries_) {
    if (entry.expires <= seconds) {
      continue;
    }
    if (entries_.size() < entries_max || entries_.contains(name)) {
      Put(name, entry);
    } else {
      room = false;
    }
  }
  return room;
}

void RevocationTable::DropExpired(absl::Time now) {
  const int64_t seconds = absl::ToUnixSeconds(now);
  absl::erase_if(entries_, [seconds](const auto& entry) { return entry.second.expires <= seconds; });
}

bool RevocationTable::Revokes(const TokenMarks& token, absl::Time now) const {
  const int64_t seconds = absl::ToUnixSeconds(now);
  for (const uint64_t name : {token.subject, token.id}) {
    if (name == 0) {
      continue;
    }
    for (const uint32_t issuer : {uint32_t{0}, token.issuer}) {
      const auto it = entries_.find(Name{name, issuer});
      if (it != entries_.end() && token.issued <= it->second.issued_until && seconds < it->second.expires) {
        return true;
      }
    }
  }
  return false;
}

void Revocations::SetMax(size_t entries_max) {
  const std::lock_guard lock(mutex_);
  entries_max_ = entries_max;
}

absl::Status Revocations::Add(const RevocationTable& more) {
  const absl::Time now = clock_();
  const std::lock_guard lock(mutex_);
  if (table_.size() + more.size() > entries_max_ || now >= cleaned_ + kCleanInterval) {
    table_.DropExpired(now);
    cleaned_ = now;
  }
  const bool room = table_.Merge(more, entries_max_, now);
  full_ = full_ || !room;
  (room ? taken_ : refused_) += more.size();
  return room ? absl::OkStatus() : ReadinessLocked();
}

void Revocations::CountMalformed() {
  const std::lock_guard lock(mutex_);
  ++malformed_;
}

void Revocations::SetComplete(bool complete) {
  const std::lock_guard lock(mutex_);
  complete_ = complete;
  holed_ = holed_ || !complete;
  full_ = full_ && !complete;  // what there was no room for came again, with all behind it
}

absl::Status Revocations::ReadinessLocked() const {
  if (full_) {
    return absl::ResourceExhaustedError("more tokens are revoked than auth.revocations_max allows");
  }
  if (holed_) {
    return absl::UnavailableError("a revocation of tokens could not be read");
  }
  return complete_ ? absl::OkStatus() : absl::UnavailableError("which tokens are revoked is not known yet");
}

absl::Status Revocations::Readiness() const {
  const std::lock_guard lock(mutex_);
  return ReadinessLocked();
}

absl::Status Revocations::Judge(const TokenMarks& token, absl::Time now) const {
  const std::lock_guard lock(mutex_);
  if (table_.Revokes(token, now)) {
    return TokenRevokedError();
  }
  const absl::Status ready = ReadinessLocked();
  return ready.ok() ? ready : absl::UnavailableError(ready.message());
}

std::vector<prometheus::MetricFamily> Revocations::Collect() const {
  using prometheus::MetricType;
  const std::lock_guard lock(mutex_);
  std::vector<prometheus::MetricFamily> out;
  AddMetric(out, metric_prefix_ + "_revocations", "Revocations of tokens that are held.", MetricType::Gauge,
            static_cast<double>(table_.size()));
  AddMetric(out, metric_prefix_ + "_revocations_complete", "Whether all revocations of tokens are known and held.",
            MetricType::Gauge, ReadinessLocked().ok() ? 1 : 0);
  prometheus::MetricFamily& total = out.emplace_back(
      MakeFamily(metric_prefix_ + "_revocations_total",
                 "Revocations of tokens that came, by result; those for which there was no room come again.",
                 MetricType::Counter));
  AddValue(total, static_cast<double>(taken_), {{"result", "taken"}});
  AddValue(total, static_cast<double>(refused_), {{"result", "full"}});
  AddValue(total, static_cast<double>(malformed_), {{"result", "malformed"}});
  return out;
}

}  // namespace weir
