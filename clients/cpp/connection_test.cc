#include "clients/cpp/connection.h"

#include <gmock/gmock.h>

#include "grpcpp/support/status.h"

namespace weir::client {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const absl::Status kClosed = absl::UnavailableError("failed to connect to all addresses; last error: … Socket closed");

TEST(ReasonOfNoConnection, IsWhatIsWrongWithTheFiles) {
  EXPECT_THAT(ReasonOfNoConnection(kClosed, {.ca = "/nonexistent/ca.crt"}),
              HasSubstr("/nonexistent/ca.crt: cannot be"));
}

TEST(ReasonOfNoConnection, IsSomethingThatTheServerDoesNotLikeWhereItClosesTheConnection) {
  EXPECT_THAT(ReasonOfNoConnection(kClosed, {}), HasSubstr("speaks TLS"));
}

TEST(ReasonOfNoConnection, SaysWhatAHandshakeFailsOf) {
  const auto failed = [](const std::string& why) {
    return ReasonOfNoConnection(absl::UnavailableError("failed to connect: Tls handshake failed: " + why), {});
  };
  EXPECT_THAT(failed("SSL routines::wrong version number"), HasSubstr("does not speak TLS"));
  EXPECT_THAT(failed("SSL routines::certificate verify failed"), HasSubstr("the server's certificate"));
}

TEST(ReasonOfNoConnection, IsNotGuessedOfOtherFailures) {
  EXPECT_THAT(ReasonOfNoConnection(absl::UnavailableError("failed to connect: Connection refused"), {}), IsEmpty());
  EXPECT_THAT(ReasonOfNoConnection(absl::UnavailableError("Socket closed"), {}), IsEmpty()) << "it was open";
  EXPECT_THAT(ReasonOfNoConnection(absl::PermissionDeniedError("failed to connect"), {}), IsEmpty());
}

TEST(Connection, SaysTheReasonWithTheFailure) {
  const Connection connection({.server = "127.0.0.1:1"});
  const absl::Status failure = connection.Failure(
      {grpc::StatusCode::UNAVAILABLE, "failed to connect to all addresses; last error: … Socket closed"});
  EXPECT_TRUE(absl::IsUnavailable(failure));
  EXPECT_THAT(std::string(failure.message()), HasSubstr("Socket closed; perhaps the server speaks TLS"));
}

}  // namespace
}  // namespace weir::client
