// A connection while it speaks HTTP: from its first byte until it ends or becomes a stream, which the hub then owns.
// One that was upgraded to a WebSocket becomes a stream with its first message, which is awaited here. What comes
// before the first request, a header of the PROXY protocol or TLS's handshake, is FirstBytes'; whom it counts for knows
// its Caller.
//
// It reads into the buffer that all connections of its thread share; bytes are kept only of a request that is not
// complete, or that came while another is being answered, and never more than a request's head may have. No parser,
// timer or coroutine belongs to it: deadlines are looked at by the listener's sweep. Requests are answered one at a
// time and in order; of those that came together 16 in a row, then others have their turn. One thread, the hub's.
// What it reads and waits for is in connection.cc, what it answers in connection_answers.cc.
#ifndef WEIR_EDGE_HTTP_CONNECTION_H_
#define WEIR_EDGE_HTTP_CONNECTION_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "edge/http/admission.h"
#include "edge/http/caller.h"
#include "edge/http/first_bytes.h"
#include "edge/http/front_desk.h"
#include "edge/http/ip_address.h"
#include "edge/http/websocket_door.h"
#include "edge/hub.h"
#include "edge/tls/context.h"

namespace weir::edge {

struct ConnectionOptions {
  // What new connections speak TLS with. Null: they do not.
  std::shared_ptr<const TlsContext> tls = nullptr;
  size_t head_bytes_max = 16 * 1024;
  // From the first byte of a head (of a new connection: from its start, before TLS) to the last. From the upgrade to a
  // WebSocket to its first message.
  std::chrono::milliseconds head_timeout = std::chrono::seconds(10);
  // Without a byte between two requests.
  std::chrono::milliseconds keep_alive_timeout = std::chrono::seconds(60);
  // Until a client has taken an answer.
  std::chrono::milliseconds write_timeout = std::chrono::seconds(60);
  // Who is believed when they name their client.
  Networks trusted_proxies = {};
  // Their connections begin with a header of the PROXY protocol, which has head_timeout to come.
  bool proxy_protocol = false;
  WebSocketLimits web_socket = {};
};

class Connection;

// What the connections of one thread share. It outlives them.
struct ConnectionThread {
  Hub& hub;
  FrontDesk& desk;
  Admission& admission;
  ConnectionOptions options;
  Clock clock;
  std::function<void(Connection*)> remove;  // destroys it
  std::vector<char> buffer = std::vector<char>(64 * 1024);
};

class Connection {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  Connection(ConnectionThread& thread, Transport transport, const IpAddress& peer);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Each of these may end with this connection being removed.
  void Start();
  void Sweep(Instant now);
  // Ends it if it waits for a request that has not begun, or for a WebSocket's first message.
  void CloseIfIdle();

  size_t index = 0;  // the listener's

 private:
  enum class State {
    kProxyHeader,  // the header of the PROXY protocol is awaited
    kHandshake,    // of TLS
    kHead,         // a request is awaited
    kUpgraded,     // the first message of a WebSocket is awaited
    kPolling,      // the hub has it
    kWriting,      // an answer is being sent
    kLingering,    // all is sent; until the client closes, so that what it still sends does not destroy the answer
  };

  // The functions that return bool return false when this connection was removed.
  void Begin();
  void TakeProxyHeader();
  bool ShakeHands();
  size_t Room() const;
  void Read();
  void OnReadable();
  void OnBytes(std::string_view bytes);
  bool Serve(std::string_view bytes);
  bool Proceed();
  std::optional<Limit> Overdue() const;
  void WaitRead();
  void WaitWrite();
  void GoOnLater();
  void Close();
  void Release();

  bool Handle(const RequestHead& head);
  bool HandOver(StreamRequest request);
  bool Upgrade(UpgradeOrder order);
  bool OnFrames(std::string_view bytes);
  bool SendFrames(std::string frames, bool last);
  void Poll(PollOrder order, ReplyContext context);
  void OnPolled(absl::StatusOr<std::string> body, const std::string& headers, ReplyContext context);
  bool SendProblem(const Problem& problem, std::string_view detail);
  bool Send(const Reply& reply, const ReplyContext& context);
  bool Flush();
  void GiveBackRoom();
  bool Linger();

  ConnectionThread& thread_;
  Transport transport_;
  Caller caller_;
  State state_ = State::kHead;
  bool reading_ = false;  // a wait is pending; this must stay until it ends
  bool writing_ = false;
  bool resting_ = false;  // others have their turn; as above
  bool closed_ = false;
  bool served_ = false;  // a request was answered
  bool keep_alive_ = true;
  bool peer_done_ = false;  // the client sends no more
  size_t drained_ = 0;
  size_t sent_ = 0;
  size_t room_ = 0;  // taken for out_
  Instant deadline_;
  std::string in_;
  std::string out_;
  std::function<void()> cancel_poll_;
  std::unique_ptr<FirstBytes> first_;    // until a request may come
  std::unique_ptr<WebSocketDoor> door_;  // from the upgrade on
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_CONNECTION_H_
