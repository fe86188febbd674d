// What comes before a connection's first request: the header of the PROXY protocol, where a trusted proxy connects, and
// then, where TLS is spoken, its handshake.
//
// It says what becomes of the connection; Connection waits, answers and closes. Of the header not a byte too many is
// taken. A session of TLS begins when all of the client's first record is there, which the kernel keeps until then. One
// thread.
#ifndef WEIR_EDGE_HTTP_FIRST_BYTES_H_
#define WEIR_EDGE_HTTP_FIRST_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "edge/http/http_metrics.h"
#include "edge/http/ip_address.h"
#include "edge/tls/context.h"
#include "edge/transport.h"

namespace weir::edge {

class FirstBytes {
 public:
  enum class Step : uint8_t {
    kDone,
    kWaits,      // until the transport is readable
    kPlainHttp,  // the client speaks HTTP, and is to be told that TLS is spoken here
    kRefused,    // the client is to read the alert that says why, if there is one
    kEnds,       // nobody is to be told anything
  };

  // Both outlive it. What fails is counted there, and each handshake that is done.
  FirstBytes(Transport& transport, HttpMetrics& metrics) : transport_(transport), metrics_(metrics) {}

  // Goes on with the header of the PROXY protocol: kDone, kWaits or kEnds.
  Step TakeProxyHeader();
  // Whose connection it is by that header, when it is done. Null: it names nobody.
  const std::optional<IpAddress>& source() const { return source_; }

  // Goes on with the handshake. `tls` is what it begins with; null: it cannot any more.
  Step ShakeHands(const TlsContext* tls);

 private:
  Step BeginTls(const TlsContext* tls);
  Step Fail(TlsResult result);

  Transport& transport_;
  HttpMetrics& metrics_;
  std::string header_;  // of the PROXY protocol, what there is of it
  std::optional<IpAddress> source_;
  size_t awaited_ = 0;  // bytes of the first TLS record
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_FIRST_BYTES_H_
