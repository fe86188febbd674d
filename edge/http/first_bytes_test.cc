#include "edge/http/first_bytes.h"

#include <gtest/gtest.h>
#include <prometheus/metric_family.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

namespace weir::edge {
namespace {

using Step = FirstBytes::Step;

const std::string kProxyHeader("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C\xC0\x00\x02\x07\x7F\x00\x00\x01\x12\x34\x00\x50",
                               28);

class FirstBytesTest : public ::testing::Test {
 protected:
  FirstBytesTest() {
    std::array<int, 2> pair{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    client_ = pair[0];
    transport_.socket().assign(boost::asio::ip::tcp::v4(), pair[1]);
  }
  ~FirstBytesTest() override { Leave(); }

  void Send(std::string_view bytes) const {
    EXPECT_EQ(::send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL), std::ssize(bytes));
  }
  void Leave() {
    if (client_ >= 0) {
      ::close(std::exchange(client_, -1));
    }
  }
  // Of the metric with that name and, if it is given, that label.
  double Value(const std::string& name, const std::string& label = "") const {
    for (const auto& family : metrics_.Collect()) {
      for (const auto& metric : family.metric) {
        if (family.name == name && (label.empty() || metric.label.front().value == label)) {
          return metric.counter.value;
        }
      }
    }
    return -1;
  }
  double Handshakes(const std::string& result) const { return Value("weir_edge_tls_handshakes_total", result); }

  boost::asio::io_context io_;
  Transport transport_{Socket(io_.get_executor())};
  HttpMetrics metrics_;
  FirstBytes first_{transport_, metrics_};
  int client_ = -1;
};

TEST_F(FirstBytesTest, TakesTheProxysHeaderAndNotAByteMore) {
  for (const char c : kProxyHeader) {
    EXPECT_EQ(first_.TakeProxyHeader(), Step::kWaits);
    Send({&c, 1});
  }
  Send("GET");
  EXPECT_EQ(first_.TakeProxyHeader(), Step::kDone);
  ASSERT_TRUE(first_.source());
  EXPECT_EQ(first_.source()->ToString(), "192.0.2.7");
  std::array<char, 10> rest{};
  EXPECT_EQ(transport_.Receive(rest.data(), rest.size()), 3);
}

TEST_F(FirstBytesTest, EndsWhereAnythingElseComes) {
  Send("PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\n");
  EXPECT_EQ(first_.TakeProxyHeader(), Step::kEnds);
  EXPECT_EQ(Value("weir_edge_http_proxy_headers_refused_total"), 1);
}

TEST_F(FirstBytesTest, EndsWhereTheProxyGoes) {
  Send(kProxyHeader.substr(0, 20));
  EXPECT_EQ(first_.TakeProxyHeader(), Step::kWaits);
  Leave();
  EXPECT_EQ(first_.TakeProxyHeader(), Step::kEnds);
  EXPECT_EQ(Value("weir_edge_http_proxy_headers_refused_total"), 0);
}

TEST_F(FirstBytesTest, SeesHttpWhereTlsIsSpoken) {
  EXPECT_EQ(first_.ShakeHands(nullptr), Step::kWaits);
  Send("G");
  EXPECT_EQ(first_.ShakeHands(nullptr), Step::kPlainHttp);
  EXPECT_EQ(Handshakes("plain_http"), 1);
}

TEST_F(FirstBytesTest, RefusesWhatIsNoHandshake) {
  Send("\x17\x03\x03");
  EXPECT_EQ(first_.ShakeHands(nullptr), Step::kRefused);
  EXPECT_EQ(Handshakes("malformed"), 1);
}

TEST_F(FirstBytesTest, AwaitsAllOfTheFirstRecord) {
  Send(std::string("\x16\x03\x01\x01\x00", 5) + std::string(255, 'x'));
  EXPECT_EQ(first_.ShakeHands(nullptr), Step::kWaits);
  EXPECT_EQ(transport_.tls(), nullptr);
  Leave();
  EXPECT_EQ(first_.ShakeHands(nullptr), Step::kEnds);
  EXPECT_EQ(Handshakes("closed"), 1);
}

}  // namespace
}  // namespace weir::edge
