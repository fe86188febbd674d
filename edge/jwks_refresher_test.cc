#include "edge/jwks_refresher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>

namespace weir::edge {
namespace {

constexpr std::string_view kSet =
    R"({"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
    R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})";

bool Eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition() && std::chrono::steady_clock::now() < end) {
    std::this_thread::yield();
  }
  return condition();
}

// A URL whose answers a test gives, and the keys that came of them.
class JwksRefresherTest : public testing::Test {
 protected:
  void SetUp() override {
    refresher_.Start([this](const std::string& issuer, std::vector<JwtKey> keys) {
      const std::lock_guard lock(mutex_);
      got_.emplace_back(issuer, keys.size());
      changed_.notify_all();
    });
  }
  void TearDown() override { refresher_.Stop(); }

  absl::StatusOr<JwksAnswer> Fetch(const JwksLocation& location) {
    const std::lock_guard lock(mutex_);
    ++asked_[location.url];
    changed_.notify_all();
    return answer_;
  }
  void Answer(absl::StatusOr<JwksAnswer> answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  // Waits for what follows the callback, too.
  void UntilCounted(const std::string& result, double count, const std::string& issuer = "https://a") {
    ASSERT_TRUE(Eventually([&] { return Metric("weir_edge_jwks_fetches_total", result, issuer) >= count; })) << issuer;
  }
  // Those of both issuers.
  void UntilFirstKeys() {
    UntilCounted("ok", 1, "https://a");
    UntilCounted("ok", 1, "https://b");
    ASSERT_EQ(got_.size(), 2);
  }
  template <typename Done>
  bool Until(Done done) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), done);
  }
  double Metric(const std::string& name, const std::string& result = "", const std::string& issuer = "https://a") {
    for (const auto& family : refresher_.Collect()) {
      for (const auto& metric : family.metric) {
        const bool fits = result.empty() || (metric.label.size() == 2 && metric.label[1].value == result);
        if (family.name == name && metric.label[0].value == issuer && fits) {
          return metric.counter.value + metric.gauge.value;
        }
      }
    }
    return -1;
  }

  static constexpr absl::Duration kAgeMax = absl::Hours(4);
  SimulatedClock clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  absl::StatusOr<JwksAnswer> answer_ = JwksAnswer{std::string(kSet), absl::Hours(1)};
  std::map<std::string, int> asked_;
  std::deque<std::pair<std::string, size_t>> got_;
  JwksRefresher refresher_{
      {{"https://a", {"https://a/keys", ""}, kAgeMax}, {"https://b", {"https://b/keys", ""}, kAgeMax}},
      [this](const JwksLocation& location, const std::atomic<bool>&) { return Fetch(location); },
      clock_.clock()};
};

TEST_F(JwksRefresherTest, FetchesTheKeysOfEachIssuerAtTheStart) {
  ASSERT_TRUE(Until([&] { return got_.size() == 2; }));
  EXPECT_NE(got_[0].first, got_[1].first);
  EXPECT_EQ(got_[0].second, 1u);
}

TEST_F(JwksRefresherTest, FetchesAgainForAMissingKeyAndWhenTheAnswerIsOld) {
  UntilFirstKeys();
  clock_.Advance(absl::Seconds(5));
  EXPECT_TRUE(refresher_.Want("https://a"));
  ASSERT_TRUE(Until([&] { return got_.size() == 3; }));
  UntilCounted("ok", 2);
  EXPECT_EQ(asked_["https://b/keys"], 1);
  EXPECT_FALSE(refresher_.Want("https://c"));
  clock_.Advance(absl::Hours(1));
  EXPECT_TRUE(refresher_.Want("https://b"));
  ASSERT_TRUE(Until([&] { return got_.size() == 5; })) << "both are old by now";
}

TEST_F(JwksRefresherTest, AnOutageOrNonsenseChangesNothing) {
  UntilFirstKeys();
  int attempts = 1;
  for (const absl::StatusOr<JwksAnswer>& bad :
       {absl::StatusOr<JwksAnswer>(absl::UnavailableError("down")), absl::StatusOr<JwksAnswer>(JwksAnswer{"{}", {}}),
        absl::StatusOr<JwksAnswer>(JwksAnswer{"<html>", {}}),
        absl::StatusOr<JwksAnswer>(JwksAnswer{R"({"keys":{}})", {}})}) {
    Answer(bad);
    ++attempts;
    clock_.Advance(absl::Minutes(6));
    ASSERT_TRUE(refresher_.Want("https://a"));
    ASSERT_TRUE(Until([&] { return asked_["https://a/keys"] == attempts; }));
    UntilCounted("error", attempts - 1);
  }
  EXPECT_EQ(got_.size(), 2u);
  EXPECT_EQ(Metric("weir_edge_jwks_keys"), 1);
  EXPECT_EQ(Metric("weir_edge_jwks_age_seconds"), 24 * 60);
  Answer(JwksAnswer{std::string(kSet), std::nullopt});
  clock_.Advance(absl::Minutes(6));
  ASSERT_TRUE(refresher_.Want("https://a"));
  ASSERT_TRUE(Until([&] { return got_.size() >= 3; }));
}

TEST_F(JwksRefresherTest, KeysThatCannotBeFetchedAgainCountUntilTheyAreTooOld) {
  UntilFirstKeys();
  Answer(absl::UnavailableError("down"));
  clock_.Advance(kAgeMax - absl::Seconds(6));
  ASSERT_TRUE(refresher_.Want("https://a"));
  UntilCounted("error", 1);
  EXPECT_EQ(Metric("weir_edge_jwks_keys"), 1);
  EXPECT_EQ(refresher_.Warning(), "");

  clock_.Advance(absl::Seconds(6));
  refresher_.Want("https://a");
  ASSERT_TRUE(Until([&] { return got_.size() == 4; })) << "both are told";
  EXPECT_EQ(got_[2].second + got_[3].second, 0);
  EXPECT_EQ(Metric("weir_edge_jwks_keys"), 0);
  EXPECT_EQ(Metric("weir_edge_jwks_age_seconds"), absl::ToDoubleSeconds(kAgeMax));
  EXPECT_EQ(refresher_.Warning(),
            "tokens are refused of issuers whose keys could not be fetched for too long: https://a, https://b");

  UntilCounted("error", 2);
  Answer(JwksAnswer{std::string(kSet), std::nullopt});
  clock_.Advance(absl::Minutes(5));
  refresher_.Want("https://a");
  ASSERT_TRUE(Until([&] { return got_.size() == 6; })) << "both are back";
  EXPECT_EQ(got_.back().second, 1);
  EXPECT_TRUE(Eventually([&] { return refresher_.Warning().empty(); }));
  EXPECT_EQ(Metric("weir_edge_jwks_keys"), 1);
}

// Whatever the issuer says of how long they may be kept.
TEST_F(JwksRefresherTest, FetchesAgainByHalfOfTheGreatestAge) {
  std::atomic<int> fetched = 0;
  JwksRefresher refresher(
      {{"https://a", {"https://a/keys", ""}, kAgeMax}},
      [](const JwksLocation&, const std::atomic<bool>&) {
        return JwksAnswer{std::string(kSet), absl::Hours(24)};
      },
      clock_.clock());
  refresher.Start([&](const std::string&, std::vector<JwtKey>) { ++fetched; });
  const auto counted = [&] { return refresher.Collect()[0].metric[0].counter.value; };
  ASSERT_TRUE(Eventually([&] { return counted() == 1; }));
  refresher.Stop();
  clock_.Advance(kAgeMax / 2);
  refresher.Start([&](const std::string&, std::vector<JwtKey>) { ++fetched; });
  EXPECT_TRUE(Eventually([&] { return counted() == 2; }));
  refresher.Stop();
  EXPECT_EQ(fetched, 2);
}

// After a reload another one goes on with what was fetched before it.
TEST_F(JwksRefresherTest, AnotherOneGoesOnWithKeysAsOldAsTheyAre) {
  UntilFirstKeys();
  clock_.Advance(kAgeMax - absl::Seconds(6));
  refresher_.Stop();
  std::atomic<int> forgotten = 0;
  JwksRefresher next(
      {{"https://a", {"https://a/keys", ""}, 2 * kAgeMax}, {"https://c", {"https://b/keys", ""}, kAgeMax}},
      [](const JwksLocation&, const std::atomic<bool>&) { return absl::UnavailableError("down"); }, clock_.clock());
  next.GoOnFrom(refresher_);
  next.Start([&](const std::string& issuer, std::vector<JwtKey> keys) {
    EXPECT_EQ(issuer, "https://a");
    forgotten += keys.empty() ? 1 : 0;
  });
  const auto keys = [&next] { return next.Collect()[1].metric[0].gauge.value; };
  EXPECT_EQ(keys(), 1);
  clock_.Advance(kAgeMax);
  next.Want("https://a");
  EXPECT_EQ(keys(), 1);
  clock_.Advance(absl::Seconds(6));
  next.Want("https://a");
  EXPECT_TRUE(Eventually([&] { return forgotten == 1; }));
  EXPECT_EQ(keys(), 0);
  next.Stop();
}

// An issuer that is well loses nothing by a reload that makes its keys too old.
TEST_F(JwksRefresherTest, KeysThatAreTooOldForAReloadAreFetchedBeforeTheyAreForgotten) {
  UntilFirstKeys();
  clock_.Advance(absl::Minutes(50));
  refresher_.Stop();
  JwksRefresher next(
      {{"https://a", {"https://a/keys", ""}, absl::Minutes(30)}},
      [](const JwksLocation&, const std::atomic<bool>&) {
        return JwksAnswer{std::string(kSet), std::nullopt};
      },
      clock_.clock());
  next.GoOnFrom(refresher_);
  std::vector<size_t> counts;
  next.Start([&](const std::string&, std::vector<JwtKey> keys) { counts.push_back(keys.size()); });
  EXPECT_TRUE(Eventually([&] { return next.Collect()[0].metric[0].counter.value == 1; }));
  next.Stop();
  EXPECT_EQ(counts, std::vector<size_t>{1});
}

// Nor by a clock that went on while the edge did not.
TEST_F(JwksRefresherTest, KeysThatBecameTooOldUnseenAreFetchedBeforeTheyAreForgotten) {
  UntilFirstKeys();
  clock_.Advance(2 * kAgeMax);
  ASSERT_TRUE(refresher_.Want("https://a"));
  UntilCounted("ok", 2, "https://a");
  UntilCounted("ok", 2, "https://b");
  refresher_.Stop();
  ASSERT_EQ(got_.size(), 4);
  EXPECT_EQ(got_[2].second, 1);
  EXPECT_EQ(got_[3].second, 1);
}

// A secret that is published is none.
TEST_F(JwksRefresherTest, AnIssuerMayWithdrawItsLastKey) {
  UntilFirstKeys();
  int answers = 1;
  for (const char* none :
       {R"({"keys":[]})", R"({"keys":[{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]})"}) {
    Answer(JwksAnswer{none, {}});
    ++answers;
    clock_.Advance(absl::Seconds(6));
    ASSERT_TRUE(refresher_.Want("https://a"));
    ASSERT_TRUE(Until([&] { return got_.size() == static_cast<size_t>(answers) + 1; })) << none;
    EXPECT_EQ(got_.back().second, 0U);
    UntilCounted("ok", answers);
    EXPECT_EQ(Metric("weir_edge_jwks_keys"), 0);
  }
}

TEST_F(JwksRefresherTest, CanBeStoppedAndStarted) {
  ASSERT_TRUE(Until([&] { return got_.size() == 2; }));
  refresher_.Stop();
  clock_.Advance(absl::Hours(2));
  EXPECT_TRUE(refresher_.Want("https://a"));
  EXPECT_EQ(asked_["https://a/keys"], 1);
  SetUp();
  ASSERT_TRUE(Until([&] { return got_.size() == 4; }));
}

TEST(IsJwksUrl, IsHttpsOrLoopback) {
  for (const char* good :
       {"https://id.example.com/jwks", "https://id.example.com:8443/a?b=c", "http://127.0.0.1:8080/jwks",
        "http://localhost/jwks", "http://[::1]:80/jwks", "https://127.0.0.1/"}) {
    EXPECT_TRUE(IsJwksUrl(good)) << good;
  }
  for (const char* bad :
       {"", "jwks.json", "http://id.example.com/jwks", "http://10.0.0.1/", "file:///etc/passwd", "ftp://localhost/a",
        "gopher://127.0.0.1/", "https://user:password@a/", "http://127.0.0.1.evil.example/",
        "http://localhost.evil.example/", "http://127.0.0.1@evil.example/", "https://", "//a/b"}) {
    EXPECT_FALSE(IsJwksUrl(bad)) << bad;
  }
}

TEST(MaxAgeOf, ReadsCacheControl) {
  EXPECT_EQ(MaxAgeOf(" public, max-age=300\r\n"), absl::Minutes(5));
  EXPECT_EQ(MaxAgeOf("Max-Age=0"), absl::ZeroDuration());
  EXPECT_EQ(MaxAgeOf("max-age=300, no-cache"), absl::ZeroDuration());
  EXPECT_EQ(MaxAgeOf("no-store"), absl::ZeroDuration());
  for (const char* none :
       {"", "public", "max-age", "max-age=", "max-age=-1", "max-age=5x", "s-maxage=5", "max-age=99999999999"}) {
    EXPECT_EQ(MaxAgeOf(none), std::nullopt) << none;
  }
}

}  // namespace
}  // namespace weir::edge
