// A hub: one thread with its io_context, its readers and a cursor over the tail. This is what http/ sees of it; the
// implementation is edge/fanout_hub.h.
#ifndef WEIR_EDGE_HUB_H_
#define WEIR_EDGE_HUB_H_

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "edge/route.h"
#include "edge/transport.h"

namespace weir::edge {

// On the hub's thread only, unless said otherwise.
class Hub {
 public:
  using PollDone = std::function<void(absl::StatusOr<std::string>)>;
  // What becomes of a reader: it goes on; its route is another, or its key is gone; its route is not there any more (or
  // stopped); its token is revoked.
  enum class Fate : uint8_t { kStays, kChanged, kGone, kRevoked };
  using Judgement = std::function<Fate(const Route& route, const TokenMarks& token)>;

  virtual ~Hub() = default;

  // The hub's event loop. Whoever owns the hub runs it, on one thread. Posting to it is allowed from any thread.
  virtual boost::asio::io_context& context() = 0;

  // Takes the connection over and serves it as a stream until it ends; writes the response head itself.
  virtual void OpenStream(Transport transport, StreamRequest request) = 0;

  // Calls `done` once, never before Poll returned, with the JSON body of a 200:
  // `{"events":[…],"cursor":…,"more":…,"gap":…}`. UNAVAILABLE: the server cannot be asked just now. A caller that goes
  // away calls the returned function; `done` is then not called.
  virtual std::function<void()> Poll(PollRequest request, PollDone done) = 0;

  // Connections that OpenStream took and that are not closed: streams, and WebSockets that have ended and wait for
  // their client to go. Any thread.
  virtual size_t connections() const = 0;

  // Ends the streams that do not stay, each with a last `weir.draining` block whose `retry:` is random up to
  // `retry_max`, and answers such polls with what they have: what they read is not served any more as it was. Where the
  // token is revoked, the last block is `weir.auth_expired`, and polls get TokenRevokedError. Streams opened meanwhile
  // are not asked about. Calls `done` once, when all that were asked about have ended.
  virtual void EndStreams(Judgement judgement, absl::Duration retry_max, std::function<void()> done) = 0;

  // Ends all streams, each with a last `weir.draining` block, evenly over `window`; their `retry:` is random up to
  // `retry_max`, so that readers do not come back together. Waiting polls are answered at once. Streams opened from now
  // on end at once. Calls `done` once, when no stream is left.
  virtual void Drain(absl::Duration window, absl::Duration retry_max, std::function<void()> done) = 0;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HUB_H_
