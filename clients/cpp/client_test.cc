#include "weir/client.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <functional>
#include <future>
#include <optional>
#include <set>
#include <string>

#include "clients/cpp/fake_event_bus.h"

namespace weir {
namespace {

absl::Time Soon() { return absl::Now() + absl::Seconds(20); }

TEST(Client, UnaryCallsReturnTheServersAnswer) {
  FakeEventBus bus;
  Client client({.server = bus.address()});
  const auto status = client.GetStatus(Soon());
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->epoch(), "testtest");
}

TEST(Client, ErrorsCarryCodeAndReason) {
  FakeEventBus bus;
  Client client({.server = bus.address()});
  const auto events = client.ListEvents({}, Soon());
  EXPECT_EQ(events.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorReason(events.status()), "FILTER_INVALID");
}

TEST(Client, AnErrorThatTheServerDidNotMakeHasNoReason) {
  Client client({.server = "127.0.0.1:1"});
  const auto status = client.GetStatus(Soon());
  EXPECT_EQ(status.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ErrorReason(status.status()), "");
}

TEST(Client, ListEventsRawGivesTheBytes) {
  FakeEventBus bus;
  Client client({.server = bus.address()});
  v1::ListEventsRequest request;
  request.add_filters("a.b");
  std::promise<absl::StatusOr<std::string>> done;
  client.ListEventsRaw(request, Soon(),
                       [&done](absl::StatusOr<std::string> bytes) { done.set_value(std::move(bytes)); });
  const absl::StatusOr<std::string> bytes = done.get_future().get();
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  v1::ListEventsResponse response;
  ASSERT_TRUE(response.ParseFromString(*bytes));
  EXPECT_EQ(response.events(0).topic(), "a.b");
}

TEST(Client, ListEventsRawGivesTheError) {
  FakeEventBus bus;
  Client client({.server = bus.address()});
  std::promise<absl::StatusOr<std::string>> done;
  client.ListEventsRaw({}, Soon(), [&done](absl::StatusOr<std::string> bytes) { done.set_value(std::move(bytes)); });
  const absl::StatusOr<std::string> bytes = done.get_future().get();
  EXPECT_EQ(bytes.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorReason(bytes.status()), "FILTER_INVALID");
}

// Calls are made where a slow disk must not hold others up.
TEST(Client, ATokensFileIsReadOnceASecondAtMost) {
  const std::string file = ::testing::TempDir() + "client_test_token_" + std::to_string(::getpid());
  const auto write = [&](const std::string& text) { std::ofstream(file) << text; };
  write("");
  const std::function<std::string()> token = TokenFromFile(file);
  EXPECT_EQ(token(), "");
  std::set<std::string> seen;
  const absl::Time begin = absl::Now();
  for (int i = 0; i < 200; ++i) {
    write(std::to_string(i));
    seen.insert(token());
  }
  EXPECT_LE(seen.size(), absl::ToInt64Seconds(absl::Now() - begin) + 1);
  EXPECT_TRUE(seen.contains("0")) << "there was none before";
  write("last");
  while (token() != "last" && absl::Now() - begin < absl::Seconds(60)) {
  }
  EXPECT_EQ(token(), "last");
  write("");
  EXPECT_EQ(token(), "last");
  std::remove(file.c_str());
}

}  // namespace
}  // namespace weir
