// Accepts connections for one hub, and owns them until they become streams. One per hub; everything on the hub's thread
// (construction and destruction: while the hub's event loop does not run).
//
// Running out of file descriptors or memory is waited out; nothing stops a listener but Stop.
#ifndef WEIR_EDGE_HTTP_LISTENER_H_
#define WEIR_EDGE_HTTP_LISTENER_H_

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <chrono>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "edge/http/admission.h"
#include "edge/http/connection.h"
#include "edge/http/front_desk.h"
#include "edge/http/listening_socket.h"
#include "edge/hub.h"

namespace weir::edge {

struct ListenerOptions {
  ConnectionOptions connection;
  // How often deadlines are looked at: they hold to within this.
  std::chrono::milliseconds sweep_interval = std::chrono::milliseconds(500);
  // How long accepting rests when there are no descriptors.
  std::chrono::milliseconds accept_pause = std::chrono::milliseconds(100);
  Clock clock = SystemClock();
};

class Listener {
 public:
  // Begins to accept when the hub's event loop runs. `hub` and `admission` must outlive it.
  Listener(Hub& hub, ListeningSocket socket, FrontDeskOptions desk, ListenerOptions options, Admission& admission);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // What holds for the requests that begin from now on.
  void Reload(FrontDeskOptions desk, const ConnectionOptions& connection);
  void SetVerifier(std::shared_ptr<const JwtVerifier> verifier) { desk_.SetVerifier(std::move(verifier)); }
  // Ends connections that wait for a next request. New ones are still taken, to be told where they stand.
  void CloseIdle();
  // Accepts no more.
  void Stop();

 private:
  using Executor = boost::asio::io_context::executor_type;
  using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, Executor>;
  using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                  boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;

  void WaitAccept();
  void AcceptAll();
  void Take(int fd, const IpAddress& peer);
  void Pause(int error);
  void Remove(Connection* connection);
  void StartSweep();
  void Sweep();

  Hub& hub_;
  Admission& admission_;
  ListenerOptions options_;
  FrontDesk desk_;
  ConnectionThread thread_;
  bool ipv6_;
  Acceptor acceptor_;
  Timer pause_timer_;
  Timer sweep_timer_;
  bool sweeping_ = false;
  std::chrono::steady_clock::time_point next_complaint_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_LISTENER_H_
