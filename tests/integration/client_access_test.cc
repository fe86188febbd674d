// What publishers and subscribers of the C++ client make of access: which refusals are for good, and what happens to
// open streams when tokens end and rules change.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "apps/dispatch/v1/dispatch.pb.h"
#include "tests/integration/grpc_callers.h"

namespace weir::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// What a caller met: `ok`, or the reason.
std::string Outcome(const absl::Status& status) {
  return status.ok() ? "ok" : ErrorReason(status).empty() ? status.ToString() : ErrorReason(status);
}

// Notes, one after the other. Any thread.
class Notes {
 public:
  void Add(std::string note) {
    const std::lock_guard lock(mutex_);
    notes_.push_back(std::move(note));
  }
  std::vector<std::string> all() const {
    const std::lock_guard lock(mutex_);
    return notes_;
  }
  int count(const std::string& note) const {
    const std::vector<std::string> notes = all();
    return static_cast<int>(std::count(notes.begin(), notes.end(), note));
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> notes_;  // guarded by mutex_
};

// A subscription to `filter`, and what became of it: `started`, `event`, `lost: REASON`, `failed: REASON`.
class Reader {
 public:
  Reader(Client& client, const std::string& filter, absl::Duration refused_retry = absl::InfiniteDuration()) {
    SubscriberCallbacks callbacks;
    callbacks.on_started = [this](const v1::SubscriptionStarted&) { notes_.Add("started"); };
    callbacks.on_events = [this](const v1::EventBatch& batch) {
      for (int i = 0; i < batch.events_size(); ++i) {
        notes_.Add("event");
      }
    };
    callbacks.on_disconnected = [this](const absl::Status& status, absl::Duration) {
      notes_.Add("lost: " + Outcome(status));
    };
    callbacks.on_failed = [this](const absl::Status& status) { notes_.Add("failed: " + Outcome(status)); };
    subscriber_ = std::make_unique<Subscriber>(
        client, SubscriberOptions{.filters = {filter}, .refused_retry = refused_retry}, callbacks);
  }
  const Notes& notes() const { return notes_; }
  bool Meets(const std::string& note, int times = 1) const {
    return WaitUntil([&] { return notes_.count(note) >= times; });
  }

 private:
  Notes notes_;
  std::unique_ptr<Subscriber> subscriber_;
};

// Publishes flash messages, and notes what became of each, and `lost: REASON`.
class Writer {
 public:
  explicit Writer(Client& client)
      : publisher_(client, {.on_disconnected = [this](const absl::Status& status, absl::Duration) {
                     notes_.Add("lost: " + Outcome(status));
                   }}) {}
  void Publish(const std::string& topic) {
    publisher_.Publish({.topic = topic, .payload = apps::dispatch::v1::FlashMessage()},
                       [this](const PublishOutcome& outcome) { notes_.Add(Outcome(outcome.status)); });
  }
  void Settle() { EXPECT_TRUE(publisher_.Flush(absl::Now() + kPatience).ok()); }
  void PublishAndWait(const std::string& topic) {
    Publish(topic);
    Settle();
  }
  const Notes& notes() const { return notes_; }

 private:
  Notes notes_;
  Publisher publisher_;
};

// A token that can be replaced. Any thread.
class Token {
 public:
  explicit Token(std::string token) : token_(std::move(token)) {}
  void Set(std::string token) {
    const std::lock_guard lock(mutex_);
    token_ = std::move(token);
  }
  std::function<std::string()> source() {
    return [this] {
      const std::lock_guard lock(mutex_);
      return token_;
    };
  }

 private:
  std::mutex mutex_;
  std::string token_;  // guarded by mutex_
};

class ClientAccessTest : public GrpcCallers {
 protected:
  ClientOptions With(std::function<std::string()> token) const {
    return {.server = system_.grpc_address(), .token = std::move(token)};
  }
  ClientOptions WithToken(const std::string& token) const {
    return With([token] { return token; });
  }
};

TEST_F(ClientAccessTest, RefusalsForGoodAreReportedOnceAndNotTriedAgain) {
  StartServer(kRules);
  const std::pair<std::string, std::string> cases[] = {{"", "CREDENTIALS_MISSING"},
                                                       {"nonsense", "CREDENTIALS_INVALID"},
                                                       {system_.Token("stranger"), "SUBSCRIBE_DENIED"},
                                                       {system_.Token("feed"), "SUBSCRIBE_DENIED"}};
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::unique_ptr<Reader>> readers;
  for (const auto& [token, reason] : cases) {
    clients.push_back(std::make_unique<Client>(WithToken(token)));
    readers.push_back(std::make_unique<Reader>(*clients.back(), kTopic));
    EXPECT_TRUE(readers.back()->Meets("failed: " + reason)) << reason;
  }
  // As long as it takes another to be refused five times more.
  Client retrying(WithToken("nonsense"));
  const Reader again(retrying, kTopic, absl::Milliseconds(100));
  EXPECT_TRUE(again.Meets("failed: CREDENTIALS_INVALID", 6));
  for (const auto& reader : readers) {
    EXPECT_EQ(reader->notes().all().size(), 1U);
  }
}

TEST_F(ClientAccessTest, APublisherFailsWhatIsRefusedForGoodAndGoesOn) {
  StartServer(kRules);
  Token token("nonsense");
  Client client(With(token.source()));
  Writer writer(client);
  writer.PublishAndWait(kTopic);
  EXPECT_THAT(writer.notes().all(), ElementsAre("CREDENTIALS_INVALID"));
  token.Set(system_.Token("feed"));
  writer.PublishAndWait(kTopic);
  writer.PublishAndWait("dispatch.other");
  writer.PublishAndWait(kTopic);
  EXPECT_THAT(writer.notes().all(), ElementsAre("CREDENTIALS_INVALID", "ok", "PUBLISH_DENIED", "ok"));
}

TEST_F(ClientAccessTest, ATokenThatIsOverIsWaitedFor) {
  StartServer(kRules);
  Token reading(system_.Token("reader", {}, "-1s"));
  Token writing(system_.Token("feed", {}, "-1s"));
  Client reading_client(With(reading.source()));
  Client writing_client(With(writing.source()));
  const Reader reader(reading_client, kTopic);
  Writer writer(writing_client);
  writer.Publish(kTopic);
  EXPECT_TRUE(reader.Meets("lost: CREDENTIALS_EXPIRED", 3)) << "tried again, and again";
  EXPECT_TRUE(WaitUntil([&] { return writer.notes().count("lost: CREDENTIALS_EXPIRED") >= 3; }));
  reading.Set(system_.Token("reader"));
  EXPECT_TRUE(reader.Meets("started"));
  writing.Set(system_.Token("feed"));
  EXPECT_TRUE(reader.Meets("event")) << "what was waiting is published";
  writer.Settle();
  EXPECT_EQ(writer.notes().count("ok"), 1);
}

TEST_F(ClientAccessTest, AStreamEndsWithItsTokenAndGoesOnWithTheNext) {
  StartServer(kRules);
  std::atomic<int> asked = 0;
  const auto fresh = [&](const std::string& subject) {
    return With([&, subject] {
      ++asked;
      return system_.Token(subject, {}, "2s");
    });
  };
  Client reading(fresh("reader"));
  Client publishing(fresh("feed"));
  const Reader reader(reading, kTopic);
  Writer writer(publishing);
  ASSERT_TRUE(reader.Meets("started"));
  int published = 0;
  EXPECT_TRUE(WaitUntil([&] {
    writer.PublishAndWait(kTopic);
    ++published;
    return reader.notes().count("lost: CREDENTIALS_EXPIRED") >= 2;
  }));
  EXPECT_EQ(writer.notes().count("ok"), published);
  EXPECT_TRUE(reader.Meets("event", published));
  EXPECT_EQ(reader.notes().count("event"), published) << "none is lost, none comes twice";
  EXPECT_TRUE(reader.Meets("started", 3));
  EXPECT_GE(asked, 4);
}

// A client asks for a token with each try: the next one may be good.
TEST_F(ClientAccessTest, ARevokedStreamEndsAndGoesOnWithTheNextToken) {
  StartServer(std::string(kRules) + "  - who: [\"sub:warden\"]\n    revoke: true\n");
  Token reading(system_.Token("reader"));
  Token writing(system_.Token("feed"));
  Client reading_client(With(reading.source()));
  Client writing_client(With(writing.source()));
  const Reader reader(reading_client, kTopic);
  Writer writer(writing_client);
  ASSERT_TRUE(reader.Meets("started"));
  writer.PublishAndWait(kTopic);
  ASSERT_TRUE(reader.Meets("event"));

  Client warden(WithToken(system_.Token("warden")));
  absl::Time until;
  for (const char* subject : {"reader", "feed"}) {
    v1::RevokeTokensRequest request;
    request.set_subject(subject);
    const absl::StatusOr<v1::RevokeTokensResponse> response = warden.RevokeTokens(request, absl::Now() + kPatience);
    ASSERT_TRUE(response.ok()) << response.status();
    until = absl::FromUnixSeconds(response->revocation().issued_until().seconds());
  }
  EXPECT_TRUE(reader.Meets("lost: CREDENTIALS_REVOKED", 3)) << "tried again, and again";
  writer.Publish(kTopic);
  EXPECT_TRUE(WaitUntil([&] { return writer.notes().count("lost: CREDENTIALS_REVOKED") >= 3; }));
  ASSERT_TRUE(WaitUntil([&] { return absl::Now() >= until + absl::Seconds(1); }));
  reading.Set(system_.Token("reader"));
  writing.Set(system_.Token("feed"));
  EXPECT_TRUE(reader.Meets("event", 2)) << "what was waiting is published, and read";
  EXPECT_EQ(reader.notes().count("event"), 2);
  writer.Settle();
  EXPECT_EQ(writer.notes().count("ok"), 2);

  v1::RevokeTokensRequest request;
  request.set_subject("ann");
  EXPECT_EQ(Outcome(reading_client.RevokeTokens(request, absl::Now() + kPatience).status()), "REVOKE_DENIED");
}

TEST_F(ClientAccessTest, RulesAreReadAgainAndOpenStreamsJudgedAnew) {
  StartServer(kRules);
  Client reading(WithToken(system_.Token("reader")));
  Client writing(WithToken(system_.Token("feed")));
  const Reader stays(reading, "dispatch.a.*");
  const Reader goes(reading, kTopic);
  ASSERT_TRUE(stays.Meets("started"));
  ASSERT_TRUE(goes.Meets("started"));
  ReloadServer(std::string(kRules) + "log_level: debug\n");
  Writer writer(writing);
  writer.PublishAndWait(kTopic);
  EXPECT_TRUE(goes.Meets("event"));
  EXPECT_EQ(goes.notes().count("started"), 1) << "nothing changed for it";

  const std::string fewer = absl::StrReplaceAll(
      kRules, {{"subscribe: {topics: [\"dispatch.>\"]}", "subscribe: {topics: [\"dispatch.a.>\"]}"}});
  ASSERT_NE(fewer, kRules);
  ReloadServer(fewer);
  EXPECT_TRUE(goes.Meets("failed: SUBSCRIBE_DENIED"));
  EXPECT_TRUE(stays.Meets("started", 2));
  EXPECT_THAT(stays.notes().all(), ElementsAre("started", "lost: DRAINING", "started"));
}

TEST_F(ClientAccessTest, ATokenGoesInClearToThisMachineAlone) {
  StartServer(kRules);
  const std::string token = system_.Token("reader");
  const std::string port = absl::StrCat(":", system_.grpc_port());
  const auto outcome = [&](const std::string& host) {
    Client client({.server = host + port, .token = [&token] { return token; }});
    return Outcome(client.GetStatus(absl::Now() + kPatience).status());
  };
  EXPECT_EQ(outcome("127.0.0.1"), "ok");
  EXPECT_EQ(outcome("localhost"), "ok");
  EXPECT_EQ(outcome("0.0.0.0"), "CREDENTIALS_MISSING") << "which leads here, but does not say so";

  WriteFile(File("token"), token);
  const CommandResult refused = system_.Weir({"status", "--server", "0.0.0.0" + port, "--token-file", File("token")});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("token: a token is not sent to 0.0.0.0" + port + " without TLS"));
  const CommandResult proxied =
      RunCommand({BinaryPath("weir"), "status", "--server", system_.grpc_address(), "--token-file", File("token")}, "",
                 kPatience, {{"http_proxy", "http://127.0.0.1:1"}});
  EXPECT_EQ(proxied.exit_code, 0) << "by no proxy: " << proxied.err;
}

TEST_F(ClientAccessTest, ANameForgesNoLineOfTheLog) {
  StartServer("log_level: trace\n");
  for (const std::string name : {"feed\n2026-01-01T00:00:00.000Z error forged", "feed\r\nforged", "forged\x1b[2J",
                                 "feed\" at forged", "forged\xc2\x9b", "forged feed",
                                 "\xe2\x80\xa8"
                                 "forged"}) {
    Client client({.server = system_.grpc_address(), .name = name});
    const Reader reader(client, kTopic);
    EXPECT_TRUE(reader.Meets("failed: FIELD_INVALID")) << name;
  }
  // What is no text at all is not even read: the library that says so keeps to the log's form, too.
  Client no_text({.server = system_.grpc_address(), .name = "forged\xff\n"});
  const Reader never(no_text, kTopic);
  EXPECT_TRUE(never.Meets("failed: FIELD_INVALID"));
  // Such a name may be, and is quoted.
  Client quoting({.server = system_.grpc_address(), .name = "a\"begins"});
  const Reader reader(quoting, kTopic);
  ASSERT_TRUE(reader.Meets("started"));
  const std::string log = ServerLog();
  EXPECT_THAT(log, HasSubstr(R"( of "a\"begins" at ipv4:)"));
  EXPECT_THAT(log, Not(HasSubstr("forged")));
  for (const absl::string_view line : absl::StrSplit(log, '\n', absl::SkipEmpty())) {
    EXPECT_TRUE(absl::StartsWith(line, "20")) << line;
  }
  EXPECT_EQ(log.find('\r'), std::string::npos);
  EXPECT_EQ(log.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace weir::testing
