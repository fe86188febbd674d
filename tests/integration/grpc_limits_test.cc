// The server's bounds of gRPC connections, of each and of all, seen from outside: as frames of HTTP/2 (RFC 9113), and
// as calls.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "apps/dispatch/v1/dispatch.pb.h"
#include "tests/chaos/faultlib/fault_library.h"
#include "tests/integration/grpc_callers.h"
#include "tests/support/http.h"
#include "tests/support/sandbox.h"
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
  absl::Status end;
  while (end.ok()) {
    end = silent->Receive(kPatience).status();
  }
  EXPECT_FALSE(absl::IsDeadlineExceeded(end)) << "as of gRPC itself, which waits for two minutes";
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

// How many there may be at a time.
class GrpcConnectionsTest : public GrpcCallers {
 protected:
  static constexpr int kUnavailable = 64 + 14;

  static absl::Status Publish(Client& client) {
    apps::dispatch::v1::FlashMessage flash;
    flash.set_text("hello");
    Publisher publisher(client);
    publisher.Publish({.topic = kTopic, .payload = flash});
    return publisher.Flush(absl::Now() + kPatience);
  }
  double Metric(const std::string& name) const { return System::Metric(system_.server_admin_port(), name); }
  double Refused(const std::string& limit) const {
    return Metric("weir_grpc_connections_refused_total{limit=\"" + limit + "\"}");
  }
  // Whether a connection is refused, without a byte.
  bool IsClosedUnread() const {
    const double before = Refused("connections_max");
    const absl::StatusOr<Connection> connection = Connection::Open(system_.grpc_port());
    return connection.ok() && connection->ReceiveAll(kPatience).empty() && Refused("connections_max") > before;
  }
  // The log says it, and again each ten seconds at most.
  void ExpectSaidOnce(const std::string& what) const {
    const auto repeats = static_cast<size_t>((absl::Now() - began_) / absl::Seconds(10));
    const size_t count = Count(ServerLog(), what);
    EXPECT_TRUE(count >= 1 && count <= 1 + repeats) << ServerLog();
  }
  static size_t Count(const std::string& text, const std::string& what) {
    size_t count = 0;
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
      ++count;
    }
    return count;
  }

  const absl::Time began_ = absl::Now();
};

class GrpcConnectionsMaxTest : public GrpcConnectionsTest, public ::testing::WithParamInterface<bool> {};

TEST_P(GrpcConnectionsMaxTest, AboveItNewOnesAreClosedUnreadAndTheOthersGoOn) {
  const bool over_tls = GetParam();
  std::string config = "limits: {connections_max: 3}\n";
  ClientTls tls;
  if (over_tls) {
    MakeAuthority("ours");
    InstallServer("ours");
    config += kMtls;
    tls = TlsAs("ours", "feed");
  }
  StartServer(config);
  EXPECT_EQ(Metric("weir_grpc_connections_max"), 3);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<Client>(ClientOptions{.server = system_.grpc_address(), .tls = tls}));
    ASSERT_TRUE(Publish(*clients.back()).ok());
  }
  EXPECT_EQ(Metric("weir_grpc_connections"), 3);

  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(IsClosedUnread());
  }
  EXPECT_EQ(WeirAs(tls, {"status"}).exit_code, kUnavailable);
  EXPECT_GE(Refused("connections_max"), 21);
  ExpectSaidOnce("limits.connections_max of them, 3, are open");
  for (const auto& client : clients) {
    EXPECT_TRUE(Publish(*client).ok());
  }
  EXPECT_EQ(Metric("weir_grpc_connections"), 3);
  EXPECT_EQ(Metric("weir_events_published_total{outcome=\"stored\"}"), 6);

  clients.pop_back();
  EXPECT_TRUE(WaitUntil([&] { return WeirAs(tls, {"status"}).exit_code == 0; })) << "one has left";
  clients.push_back(std::make_unique<Client>(ClientOptions{.server = system_.grpc_address(), .tls = tls}));
  EXPECT_TRUE(Publish(*clients.back()).ok());
  EXPECT_TRUE(IsClosedUnread()) << "and another has come";

  system_.server().Signal(SIGTERM);
  EXPECT_EQ(*system_.server().Wait(kPatience), 0);
}

INSTANTIATE_TEST_SUITE_P(, GrpcConnectionsMaxTest, ::testing::Bool(),
                         [](const auto& over_tls) { return over_tls.param ? "OverTls" : "Plain"; });

// The system lets the server have few open files, and somebody takes as many connections as there are to be had.
TEST_F(GrpcConnectionsTest, AFloodNeverTakesTheLastDescriptors) {
  const std::string log = File("small.log");
  const std::string admin_address = absl::StrCat("127.0.0.1:", system_.server_admin_port());
  absl::StatusOr<Process> server = Process::Start(
      {"/bin/sh", "-c", "ulimit -n 700; exec \"$@\"", "sh", BinaryPath("weir-server"), "--engine", "memory",
       "--descriptors", AppsDescriptorPath(), "--listen", system_.grpc_address(), "--admin-listen", admin_address},
      log);
  ASSERT_TRUE(server.ok() && server->ReadLine(kPatience).ok()) << ReadFile(log);
  EXPECT_THAT(ReadFile(log), HasSubstr("allows 700 open files (ulimit -n): limits.connections_max is 188"));
  EXPECT_EQ(Metric("weir_grpc_connections_max"), 188);
  Client client({.server = system_.grpc_address()});
  ASSERT_TRUE(Publish(client).ok());
  {
    std::vector<Connection> flood;
    const auto open = [&](int count) {
      for (int i = 0; i < count; ++i) {
        flood.push_back(*Connection::Open(system_.grpc_port()));
      }
    };
    open(300);
    EXPECT_TRUE(WaitUntil([&] { return Refused("connections_max") > 0; }));
    for (int i = 0; i < 20; ++i) {
      open(10);
      EXPECT_TRUE(Publish(client).ok());
      const absl::StatusOr<Response> health = Fetch(system_.server_admin_port(), "/healthz");
      EXPECT_TRUE(health.ok() && health->status == 200);
      EXPECT_LE(Metric("weir_grpc_connections"), 188);
    }
  }
  EXPECT_TRUE(WaitUntil([&] { return Metric("weir_grpc_connections") == 1; }));
  EXPECT_EQ(system_.Weir({"status"}).exit_code, 0);
  EXPECT_TRUE(Publish(client).ok());
  EXPECT_EQ(ReadFile(log).find("just now"), std::string::npos) << "it never ran out";
}

TEST_F(GrpcConnectionsTest, AServerDoesNotStartWhereNothingCouldConnect) {
  const CommandResult result =
      RunCommand({"/bin/sh", "-c", "ulimit -n 256; exec \"$@\"", "sh", BinaryPath("weir-server"), "--engine", "memory",
                  "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("256 open files"));
}

TEST_F(GrpcConnectionsTest, AcceptsAgainWhenThereAreDescriptorsAgain) {
  const chaos::FaultLibrary faults(File("faults"));
  system_.SetServerEnvironment(faults.environment());
  system_.StartServer({"--engine", "memory"});
  Client client({.server = system_.grpc_address()});
  ASSERT_TRUE(Publish(client).ok());
  faults.board().no_descriptors = true;
  const absl::StatusOr<Connection> waiting = Connection::Open(system_.grpc_port());
  ASSERT_TRUE(waiting.ok());
  EXPECT_TRUE(WaitUntil([&] { return ServerLog().find("cannot accept gRPC connections") != std::string::npos; }));
  EXPECT_TRUE(Publish(client).ok()) << "the established goes on";
  EXPECT_GT(faults.board().accepts_failed, 0U);
  faults.board().no_descriptors = false;
  EXPECT_TRUE(waiting->Receive(kPatience).ok()) << "it is greeted";
  EXPECT_EQ(system_.Weir({"status"}).exit_code, 0);
  EXPECT_TRUE(Publish(client).ok());
  ExpectSaidOnce("cannot accept gRPC connections");
}

TEST_F(GrpcConnectionsTest, CallsThatAreRefusedAreCountedByTheLimit) {
  StartServer("limits: {subscriptions_max: 2, publish_streams_max: 1}\n");
  const auto stub =
      v1::EventBus::NewStub(grpc::CreateChannel(system_.grpc_address(), grpc::InsecureChannelCredentials()));
  const auto refused = [&](const std::string& limit) {
    return Metric("weir_grpc_calls_refused_total{limit=\"" + limit + "\"}");
  };
  grpc::ClientContext contexts[8];
  std::vector<std::unique_ptr<grpc::ClientReader<v1::SubscribeResponse>>> readers;
  v1::SubscribeRequest request;
  request.add_filters(">");
  v1::SubscribeResponse response;
  for (int i = 0; i < 5; ++i) {
    readers.push_back(stub->Subscribe(&contexts[i], request));
    EXPECT_EQ(readers.back()->Read(&response), i < 2);
  }
  EXPECT_EQ(refused("subscriptions_max"), 3);
  std::vector<std::unique_ptr<grpc::ClientReaderWriter<v1::PublishStreamRequest, v1::PublishStreamResponse>>> streams;
  v1::PublishStreamResponse results;
  for (int i = 5; i < 8; ++i) {
    streams.push_back(stub->PublishStream(&contexts[i]));
    if (i == 5) {
      ASSERT_TRUE(WaitUntil([&] { return Metric("weir_publish_streams") == 1; }));
    } else {
      EXPECT_FALSE(streams.back()->Read(&results));
    }
  }
  EXPECT_EQ(refused("publish_streams_max"), 2);
  EXPECT_EQ(Metric("weir_grpc_calls_refused_total"), 5);
}

// Gives the loopback device of the sandbox an address that is not 127.0.0.0/8.
void AddAddress(const char* address) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request = {};
  std::strncpy(request.ifr_name, "lo:1", sizeof(request.ifr_name) - 1);
  sockaddr_in given = {};
  given.sin_family = AF_INET;
  ASSERT_EQ(::inet_pton(AF_INET, address, &given.sin_addr), 1);
  std::memcpy(&request.ifr_addr, &given, sizeof(given));
  ASSERT_EQ(::ioctl(fd, SIOCSIFADDR, &request), 0);
  ::close(fd);
}

TEST_F(GrpcConnectionsTest, OneAddressMayHaveSomeAndThisMachineMore) {
  if (!SandboxStatus().ok()) {
    GTEST_SKIP() << SandboxStatus();
  }
  AddAddress("198.51.100.7");
  const std::string port = absl::StrCat(":", system_.grpc_port());
  StartServer("insecure: true\nlimits: {connections_max: 100, connections_per_address: 2}\n",
              {"--listen", "0.0.0.0" + port});
  std::vector<std::unique_ptr<Client>> clients;
  const auto connect = [&](const std::string& host) {
    clients.push_back(std::make_unique<Client>(ClientOptions{.server = host + port}));
    return clients.back()->GetStatus(absl::Now() + kPatience).status();
  };
  EXPECT_TRUE(connect("198.51.100.7").ok());
  EXPECT_TRUE(connect("198.51.100.7").ok());
  EXPECT_TRUE(absl::IsUnavailable(connect("198.51.100.7")));
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(connect("127.0.0.1").ok());
  }
  EXPECT_GE(Refused("connections_per_address"), 1);
  EXPECT_EQ(Refused("connections_max"), 0);
  ExpectSaidOnce("198.51.100.7 has come to limits.connections_per_address");
  for (const size_t old : {0, 1, 3, 4, 5, 6}) {
    EXPECT_TRUE(Publish(*clients[old]).ok());
  }
  clients.erase(clients.begin(), clients.begin() + 3);
  EXPECT_TRUE(WaitUntil([&] { return connect("198.51.100.7").ok(); }));
}

}  // namespace
}  // namespace weir::testing
