// One connection to the admin listener.
#ifndef WEIR_ADMIN_SESSION_H_
#define WEIR_ADMIN_SESSION_H_

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstddef>
#include <memory>
#include <optional>

#include "admin/responder.h"

namespace weir::admin {

// Reads a request, writes the answer, and so on while the client keeps the connection alive. Lives on the listener's
// thread, and as long as one of its operations runs; `options` and `open` outlive it.
class Session : public std::enable_shared_from_this<Session> {
 public:
  // Counts itself in `open`.
  Session(boost::asio::ip::tcp::socket socket, const AdminOptions& options, size_t& open);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Begins to serve, or refuses when there are more than `connections_max`.
  void Start();

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::empty_body>;

  void AwaitRequest();
  void ReadHead();
  void OnHead(boost::beast::error_code error);
  void Send(Answer answer, bool head_only, bool keep_alive, unsigned version);
  void Linger();
  void ReadAway();

  const AdminOptions& options_;
  size_t& open_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  boost::beast::http::response<boost::beast::http::string_body> response_;
  size_t read_away_bytes_ = 0;
};

}  // namespace weir::admin

#endif  // WEIR_ADMIN_SESSION_H_
