#include "admin/session.h"

#include <boost/asio/error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <string>
#include <utility>

#include "admin/browser_guard.h"

namespace weir::admin {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr size_t kReadAwayBytesMax = 65536;

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

bool IsOverLoopback(const asio::ip::tcp::socket& socket) {
  beast::error_code error;
  const asio::ip::address local = socket.local_endpoint(error).address();
  const bool mapped = local.is_v6() && local.to_v6().is_v4_mapped();
  return mapped ? asio::ip::make_address_v4(asio::ip::v4_mapped, local.to_v6()).is_loopback() : local.is_loopback();
}

}  // namespace

Session::Session(asio::ip::tcp::socket socket, const AdminOptions& options, size_t& open)
    : options_(options), open_(open), stream_(std::move(socket)), buffer_(options.head_bytes_max) {
  ++open_;
}

Session::~Session() { --open_; }

void Session::Start() {
  if (open_ > 2 * options_.connections_max) {
    return;
  }
  if (open_ > options_.connections_max) {
    Send(ProblemAnswer(503, "too-many-connections", "Too many connections", "try again later"), false, false, 11);
    return;
  }
  AwaitRequest();
}

// Waits for the first byte of a request, which may take longer than the rest.
void Session::AwaitRequest() {
  if (buffer_.size() > 0) {
    ReadHead();
    return;
  }
  stream_.expires_after(absl::ToChronoNanoseconds(options_.idle_timeout));
  stream_.async_read_some(buffer_.prepare(options_.head_bytes_max),
                          [self = shared_from_this()](beast::error_code error, size_t bytes) {
                            if (!error) {
                              self->buffer_.commit(bytes);
                              self->ReadHead();
                            }
                          });
}

void Session::ReadHead() {
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(options_.head_bytes_max));
  stream_.expires_after(absl::ToChronoNanoseconds(options_.exchange_timeout));
  http::async_read_header(stream_, buffer_, *parser_,
                          [self = shared_from_this()](beast::error_code error, size_t) { self->OnHead(error); });
}

void Session::OnHead(beast::error_code error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    Send(ProblemAnswer(431, "head-too-large", "Request head too large",
                       "allowed are " + std::to_string(options_.head_bytes_max) + " bytes"),
         false, false, 11);
    return;
  }
  if (error && error.category() == make_error_code(http::error::bad_method).category() &&
      error != http::error::end_of_stream && error != http::error::partial_message) {
    Send(ProblemAnswer(400, "bad-request", "Bad request", error.message()), false, false, 11);
    return;
  }
  if (error) {
    return;  // closed, or too slow
  }
  const auto& head = parser_->get();
  // A body is not read, so that what follows it cannot be either.
  const bool keep_alive = head.keep_alive() && parser_->is_done();
  const std::string_view refusal = RefusalOf({.host = View(head[http::field::host]),
                                              .origin = View(head[http::field::origin]),
                                              .fetch_site = View(head["Sec-Fetch-Site"]),
                                              .over_loopback = IsOverLoopback(stream_.socket())});
  if (!refusal.empty()) {
    Send(ProblemAnswer(403, "page-refused", "Not for web pages", refusal), head.method() == http::verb::head, false,
         head.version());
    return;
  }
  Send(Respond(View(head.method_string()), View(head.target()), options_), head.method() == http::verb::head,
       keep_alive, head.version());
}

void Session::Send(Answer answer, bool head_only, bool keep_alive, unsigned version) {
  response_ = {http::int_to_status(answer.status), version};
  response_.set(http::field::content_type, answer.content_type);
  response_.set(http::field::cache_control, "no-store");
  response_.set("X-Content-Type-Options", "nosniff");
  if (answer.allow) {
    response_.set(http::field::allow, "GET, HEAD");
  }
  response_.keep_alive(keep_alive);
  response_.content_length(answer.body.size());
  if (!head_only) {
    response_.body() = std::move(answer.body);
  }
  stream_.expires_after(absl::ToChronoNanoseconds(options_.exchange_timeout));
  http::async_write(stream_, response_, [self = shared_from_this(), keep_alive](beast::error_code error, size_t) {
    if (error) {
      return;
    }
    if (keep_alive) {
      self->AwaitRequest();
    } else {
      self->Linger();
    }
  });
}

// Ends the connection orderly. Closing while there is something unread would reset it, and the client might lose the
// answer.
void Session::Linger() {
  beast::error_code ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  ReadAway();
}

void Session::ReadAway() {
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(options_.head_bytes_max),
                          [self = shared_from_this()](beast::error_code error, size_t bytes) {
                            self->read_away_bytes_ += bytes;
                            if (!error && self->read_away_bytes_ < kReadAwayBytesMax) {
                              self->ReadAway();
                            }
                          });
}

}  // namespace weir::admin
