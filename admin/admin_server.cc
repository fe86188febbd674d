#include "admin/admin_server.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "admin/session.h"

namespace weir {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// How long accepting rests after an error, which is mostly that there are no file descriptors left.
constexpr std::chrono::milliseconds kAcceptRest{100};

absl::Status Fail(const Address& address, const error_code& error) {
  const std::string message = fmt::format("cannot listen on {}: {}", address.ToString(), error.message());
  return error.category() == boost::system::system_category()
             ? absl::Status(absl::ErrnoToStatusCode(error.value()), message)
             : absl::InvalidArgumentError(message);
}

}  // namespace

class AdminServer::Impl {
 public:
  explicit Impl(AdminOptions options) : options_(std::move(options)) {}

  ~Impl() {
    context_.stop();
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  absl::Status Listen(const Address& address) {
    error_code error;
    const auto found = tcp::resolver(context_).resolve(address.host, std::to_string(address.port), error);
    if (error) {
      return Fail(address, error);
    }
    const tcp::endpoint endpoint = found.begin()->endpoint();
    acceptor_.open(endpoint.protocol(), error);
    if (!error) {
      acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    }
    if (!error) {
      acceptor_.bind(endpoint, error);
    }
    if (!error) {
      acceptor_.listen(asio::socket_base::max_listen_connections, error);
    }
    if (!error) {
      port_ = acceptor_.local_endpoint(error).port();
    }
    if (error) {
      return Fail(address, error);
    }
    Accept();
    thread_ = std::thread([this] { context_.run(); });
    return absl::OkStatus();
  }

  uint16_t port() const { return port_; }

 private:
  void Accept() {
    acceptor_.async_accept([this](error_code error, tcp::socket socket) {
      if (error) {
        rest_.expires_after(kAcceptRest);
        rest_.async_wait([this](error_code) { Accept(); });
        return;
      }
      std::make_shared<admin::Session>(std::move(socket), options_, open_)->Start();
      Accept();
    });
  }

  const AdminOptions options_;
  size_t open_ = 0;  // used by the sessions, which the context destroys
  asio::io_context context_{1};
  tcp::acceptor acceptor_{context_};
  asio::steady_timer rest_{context_};
  uint16_t port_ = 0;
  std::thread thread_;
};

AdminServer::AdminServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

AdminServer::~AdminServer() = default;

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(const Address& address, AdminOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  if (absl::Status status = impl->Listen(address); !status.ok()) {
    return status;
  }
  return std::unique_ptr<AdminServer>(new AdminServer(std::move(impl)));
}

uint16_t AdminServer::port() const { return impl_->port(); }

}  // namespace weir
