// A hub: one thread with its io_context, its readers and a cursor over the tail. See docs/architecture.md.
//
// Draft of the seam to http/; the class is completed beside its implementation.
#ifndef WEIR_EDGE_HUB_H_
#define WEIR_EDGE_HUB_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "edge/route.h"

namespace weir::edge {

using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

class Hub {
 public:
  virtual ~Hub() = default;
  virtual boost::asio::io_context& context() = 0;

  // Takes the connection over and serves it as a stream until it ends; writes the response head itself. On this hub's
  // thread.
  virtual void OpenStream(Socket socket, StreamRequest request) = 0;

  // Calls `done` once, on this hub's thread, with the JSON body of a 200: `{"events":[…],"cursor":…,"more":…,"gap":…}`.
  // UNAVAILABLE: the server cannot be asked just now. INVALID_ARGUMENT: the cursor is malformed. A caller that goes away
  // calls the returned function; `done` is then not called.
  virtual std::function<void()> Poll(PollRequest request,
                                     std::function<void(absl::StatusOr<std::string>)> done) = 0;

  // Open streams of a principal, over all hubs.
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HUB_H_
