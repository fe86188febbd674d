// The server's bounds of one gRPC connection, seen from outside: as frames of HTTP/2 (RFC 9113), and as calls.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "tests/support/http.h"
#include "tests/support/system.h"
#include "weir/client.h"
#include "weir/v1/event_bus.grpc.pb.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;

// Frames of a connection, read and written by hand.
class Http2 {
 public:
  static constexpr uint8_t kHeaders = 1;
  static constexpr uint8_t kSettings = 4;
  static constexpr uint8_t kPing = 6;
  static constexpr uint8_t kGoAway = 7;
  static constexpr uint8_t kAck = 1;
  static constexpr uint8_t kEndHeaders = 4;
  struct Frame {
    uint8_t type = 0;
    uint8_t flags = 0;
    std::string payload;
  };

  explicit Http2(uint16_t port) : connection_(*Connection::Open(port)) {
    Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    SendFrame(kSettings, "");
  }

  bool Send(std::string_view bytes) { return connection_.Send(bytes).ok(); }
  bool SendFrame(uint8_t type, std::string_view payload, uint8_t flags = 0, uint32_t stream = 0) {
    std::string frame;
    for (const uint64_t byte : {payload.size() >> 16, payload.size() >> 8, payload.size(), size_t{type}, size_t{flags},
                                size_t{stream >> 24}, size_t{stream >> 16}, size_t{stream >> 8}, size_t{stream}}) {
      frame.push_back(static_cast<char>(byte));
    }
    return Send(frame.append(payload));
  }
  // Begins a call whose message never comes. HPACK (RFC 7541): two headers of the static table, and literals.
  bool BeginCall(uint32_t stream) {
    const std::string path = "/weir.v1.EventBus/GetStatus";
    const std::string head = std::string("\x83\x86\x04", 3) + static_cast<char>(path.size()) + path +
                             std::string("\x01\x01x\x00\x02te\x08trailers\x0f\x10\x10", 19) + "application/grpc";
    return SendFrame(kHeaders, head, kEndHeaders, stream);
  }
  // The next frame; null at the connection's end.
  std::optional<Frame> Next() {
    while (buffer_.size() < 9 || buffer_.size() < 9 + Length()) {
      const absl::StatusOr<std::string> more = connection_.Receive(kPatience);
      if (!more.ok()) {
        EXPECT_FALSE(absl::IsDeadlineExceeded(more.status()));
        return std::nullopt;
      }
      buffer_ += *more;
    }
    Frame frame{.type = Byte(3), .flags = Byte(4), .payload = buffer_.substr(9, Length())};
    buffer_.erase(0, 9 + Length());
    return frame;
  }
  std::optional<Frame> NextOf(uint8_t type, uint8_t flags = 0) {
    std::optional<Frame> frame = Next();
    while (frame.has_value() && (frame->type != type || frame->flags != flags)) {
      frame = Next();
    }
    return frame;
  }

 private:
  uint8_t Byte(size_t at) const { return static_cast<uint8_t>(buffer_[at]); }
  size_t Length() const { return size_t{Byte(0)} << 16 | size_t{Byte(1)} << 8 | Byte(2); }

  Connection connection_;
  std::string buffer_;
};

uint32_t Number(std::string_view bytes) {
  uint32_t number = 0;
  for (const char c : bytes) {
    number = number << 8 | static_cast<uint8_t>(c);
  }
  return number;
}

class GrpcLimitsTest : public ::testing::Test {
 protected:
  GrpcLimitsTest() { system_.StartServer(); }

  System system_;
};

TEST_F(GrpcLimitsTest, AConnectionIsToldHowManyCallsAndHowMuchMetadataItMayBring) {
  Http2 connection(system_.grpc_port());
  const std::optional<Http2::Frame> settings = connection.NextOf(Http2::kSettings);
  ASSERT_TRUE(settings.has_value());
  std::map<uint32_t, uint32_t> values;
  for (size_t at = 0; at + 6 <= settings->payload.size(); at += 6) {
    values[Number(std::string_view(settings->payload).substr(at, 2))] =
        Number(std::string_view(settings->payload).substr(at + 2, 4));
  }
  EXPECT_EQ(values[3], 1000U) << "SETTINGS_MAX_CONCURRENT_STREAMS";
  EXPECT_EQ(values[6], 16U << 10) << "SETTINGS_MAX_HEADER_LIST_SIZE";
}

TEST_F(GrpcLimitsTest, AConnectionThatBringsMoreCallsThanItMayIsClosed) {
  Http2 connection(system_.grpc_port());
  ASSERT_TRUE(connection.NextOf(Http2::kSettings).has_value());
  connection.SendFrame(Http2::kSettings, "", Http2::kAck);
  const auto begin = [&](uint32_t first, uint32_t last) {
    for (uint32_t call = first; call <= last; ++call) {
      connection.BeginCall(2 * call - 1);
    }
    connection.SendFrame(Http2::kPing, "12345678");
  };
  begin(1, 1000);
  EXPECT_TRUE(connection.NextOf(Http2::kPing, Http2::kAck).has_value());
  begin(1001, 1001);
  EXPECT_FALSE(connection.NextOf(Http2::kPing, Http2::kAck).has_value());
  EXPECT_EQ(system_.Weir({"status"}).exit_code, 0);
}

TEST_F(GrpcLimitsTest, WhoeverPingsTooOftenIsSentAway) {
  Http2 connection(system_.grpc_port());
  int answered = 0;
  std::optional<Http2::Frame> frame;
  do {
    // Those after the end find a closed connection.
    connection.SendFrame(Http2::kPing, "12345678");
    do {
      frame = connection.Next();
      answered += frame.has_value() && frame->type == Http2::kPing ? 1 : 0;
    } while (frame.has_value() && frame->type == Http2::kSettings);
  } while (frame.has_value() && frame->type != Http2::kGoAway && answered < 100);
  ASSERT_TRUE(frame.has_value() && frame->type == Http2::kGoAway);
  EXPECT_EQ(Number(std::string_view(frame->payload).substr(4, 4)), 0xbU) << "ENHANCE_YOUR_CALM";
  EXPECT_THAT(frame->payload, HasSubstr("too_many_pings"));
  EXPECT_LE(answered, 8) << "those beside frames of the server's own do not count";
}

TEST_F(GrpcLimitsTest, AConnectionThatSaysNothingIsClosed) {
  const absl::StatusOr<Connection> silent = Connection::Open(system_.grpc_port());
  ASSERT_TRUE(silent.ok());
  const absl::Time opened = absl::Now();
  silent->ReceiveAll(kPatience);
  EXPECT_LT(absl::Now() - opened, absl::Seconds(20));
  EXPECT_EQ(system_.Weir({"status"}).exit_code, 0);
}

TEST_F(GrpcLimitsTest, MetadataThatIsTooLargeIsRefused) {
  const auto status = [&](size_t bytes) {
    Client client({.server = system_.grpc_address(), .token = [bytes] { return std::string(bytes, 'x'); }});
    return client.GetStatus(absl::Now() + kPatience).status();
  };
  EXPECT_TRUE(status(8 << 10).ok()) << "the longest token";
  EXPECT_TRUE(absl::IsResourceExhausted(status(17 << 10)));
  EXPECT_TRUE(status(8 << 10).ok());
}

TEST_F(GrpcLimitsTest, AMessageThatIsTooLargeIsRefused) {
  const auto stub =
      v1::EventBus::NewStub(grpc::CreateChannel(system_.grpc_address(), grpc::InsecureChannelCredentials()));
  const auto code = [&](size_t bytes) {
    v1::PublishRequest request;
    request.add_events()->mutable_payload()->set_value(std::string(bytes, 'x'));
    grpc::ClientContext context;
    v1::PublishResponse response;
    return stub->Publish(&context, request, &response).error_code();
  };
  EXPECT_EQ(code(4 << 20), grpc::StatusCode::RESOURCE_EXHAUSTED) << "gRPC's bound: not read as a whole";
  EXPECT_EQ(code((3 << 20) + 1), grpc::StatusCode::INVALID_ARGUMENT) << "ours, with a reason";
  EXPECT_EQ(system_.Weir({"status"}).exit_code, 0);
}

}  // namespace
}  // namespace weir::testing
