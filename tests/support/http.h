// A small blocking HTTP/1.1 client for tests: whole responses, and Server-Sent Events read as the standard says
// (https://html.spec.whatwg.org/multipage/server-sent-events.html). One thread.
#ifndef WEIR_TESTS_SUPPORT_HTTP_H_
#define WEIR_TESTS_SUPPORT_HTTP_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/support/process.h"

struct ssl_session_st;
struct ssl_st;

namespace weir::testing {

using Headers = std::map<std::string, std::string>;  // names in lower case

// How a client speaks TLS. It trusts every certificate.
struct TlsOptions {
  int version_max = 0;                // as of OpenSSL; 0: the newest
  std::string protocol = "http/1.1";  // by ALPN; empty: none
  ssl_session_st* ticket = nullptr;   // to resume by
};

// A TCP connection to 127.0.0.1.
class Connection {
 public:
  // Speaks TLS where SpeakTls was called for the port.
  static absl::StatusOr<Connection> Open(uint16_t port);
  // Over TLS. UNAVAILABLE when the handshake fails, with OpenSSL's reason.
  static absl::StatusOr<Connection> OpenTls(uint16_t port, const TlsOptions& options = {});
  static void SpeakTls(uint16_t port);
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  ~Connection();

  absl::Status Send(std::string_view bytes) const;
  // At least one byte; OUT_OF_RANGE at the end; UNAVAILABLE when it is cut, over TLS also where the server did not say
  // that it ends; DEADLINE_EXCEEDED.
  absl::StatusOr<std::string> Receive(absl::Duration timeout) const;
  // Everything until the peer closes.
  std::string ReceiveAll(absl::Duration timeout) const;
  int fd() const { return fd_; }
  ssl_st* tls() const { return tls_; }  // or null

 private:
  explicit Connection(int fd) : fd_(fd) {}
  absl::Status Connect(uint16_t port) const;
  absl::Status StartTls(const TlsOptions& options);
  bool Readable(absl::Duration timeout) const;
  absl::StatusOr<std::string> ReceiveTls(absl::Duration timeout) const;

  int fd_ = -1;
  ssl_st* tls_ = nullptr;
};

struct Response {
  int status = 0;
  Headers headers;
  std::string body;
};

// GET (or another method) with the headers given as `Name: value` lines; reads the whole response. UNAVAILABLE when
// it is cut.
absl::StatusOr<Response> Fetch(uint16_t port, const std::string& target, const std::vector<std::string>& headers = {},
                               const std::string& method = "GET", absl::Duration timeout = kPatience);

struct SseEvent {
  std::string event = "message";
  std::string id;  // the last event id at dispatch
  std::string data;
};

// A stream of Server-Sent Events over chunked or plain framing.
class SseStream {
 public:
  // Opens the stream and reads the response head, within `timeout`. A status other than 200 is in `status()`, and the
  // body in `body()`.
  static absl::StatusOr<SseStream> Open(uint16_t port, const std::string& target,
                                        const std::vector<std::string>& headers = {},
                                        absl::Duration timeout = kPatience);
  // On a connection that is open.
  static absl::StatusOr<SseStream> OpenOn(Connection connection, const std::string& target,
                                          const std::vector<std::string>& headers = {},
                                          absl::Duration timeout = kPatience);

  int status() const { return status_; }
  const Headers& headers() const { return headers_; }
  const std::string& head() const { return head_; }

  // The next dispatched event. OUT_OF_RANGE when the stream ended cleanly, UNAVAILABLE when it was cut.
  absl::StatusOr<SseEvent> Next(absl::Duration timeout = kPatience);
  // The next event of that name; others are passed over.
  absl::StatusOr<SseEvent> NextNamed(std::string_view name, absl::Duration timeout = kPatience);

  const std::string& last_event_id() const { return last_event_id_; }
  // Milliseconds of the newest `retry:`, or -1.
  int64_t retry_millis() const { return retry_millis_; }
  // Comment lines seen.
  int comments() const { return comments_; }
  // The stream's bytes so far, without transfer framing.
  const std::string& raw() const { return raw_; }
  const Connection& connection() const { return connection_; }

 private:
  explicit SseStream(Connection connection) : connection_(std::move(connection)) {}
  absl::Status Fill(absl::Time deadline);
  void Unchunk();

  Connection connection_;
  int status_ = 0;
  std::string head_;
  Headers headers_;
  bool chunked_ = false;
  bool ended_ = false;
  std::string wire_;  // framed bytes not yet unframed
  std::string text_;  // unframed bytes not yet parsed
  std::string raw_;
  std::string last_event_id_;
  int64_t retry_millis_ = -1;
  int comments_ = 0;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_HTTP_H_
