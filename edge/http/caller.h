// Whom a connection counts for: the one who connects, or whom a trusted proxy names, by the PROXY protocol for the
// connection or by `X-Forwarded-For` for one request. One thread.
//
// The proxies' own connections have no limit: whom they serve is said by each request, which then counts the connection
// for its client until it is answered.
#ifndef WEIR_EDGE_HTTP_CALLER_H_
#define WEIR_EDGE_HTTP_CALLER_H_

#include <optional>
#include <utility>

#include "edge/http/admission.h"
#include "edge/http/head.h"
#include "edge/http/ip_address.h"
#include "edge/http/problem.h"

namespace weir::edge {

class Caller {
 public:
  explicit Caller(const IpAddress& peer) : hop_(peer) {}

  const IpAddress& hop() const { return hop_; }
  // What the PROXY protocol says of the connection; null: it names nobody.
  void Name(const std::optional<IpAddress>& source);

  // Counts the new connection. False: it is to be closed.
  bool MayConnect(Admission& admission, const Networks& trusted);
  // Who asks by that request. Null: a trusted proxy has written what is no address.
  std::optional<ClientAddress> ClientOf(const RequestHead& head, const Networks& trusted) const;
  // Counts its attempt to open a stream, or its poll. Why it may not; null: it may.
  const Problem* Attempt(Admission& admission, const ClientAddress& client, bool poll);
  // The request is answered.
  void EndRequest();

  // What counts the connection, for whoever has it from now on.
  ConnectionCounts::Held TakeHeld() { return std::move(held_); }

 private:
  IpAddress hop_;          // who connects, or whom the PROXY protocol names
  bool named_ = false;     // it names somebody
  bool borrowed_ = false;  // held_ is of the request under way
  ConnectionCounts::Held held_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_CALLER_H_
