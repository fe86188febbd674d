// All of the edge that speaks HTTP: for each hub a thread, which runs it, and a listener; all on one port.
#ifndef WEIR_EDGE_HTTP_FRONT_END_H_
#define WEIR_EDGE_HTTP_FRONT_END_H_

#include <memory>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "edge/config.h"
#include "edge/http/admission.h"
#include "edge/http/http_metrics.h"
#include "edge/http/listener.h"
#include "edge/http/revoked_streams.h"
#include "edge/hub.h"

namespace weir::edge {

// One thread's, but for the hubs that it runs.
class FrontEnd {
 public:
  // Listens, and begins to run the hubs; at least one. `hubs` and `census` must outlive it, and nobody else runs them.
  // Errors name the address that cannot be had, or the directory.
  static absl::StatusOr<std::unique_ptr<FrontEnd>> Start(const EdgeConfig& config, std::vector<Hub*> hubs,
                                                         ConnectionCensus& census,
                                                         std::shared_ptr<HttpMetrics> metrics);
  // Cuts what is still open.
  ~FrontEnd();
  FrontEnd(const FrontEnd&) = delete;
  FrontEnd& operator=(const FrontEnd&) = delete;

  // Where it listens, with the real port.
  const Address& address() const { return address_; }

  // Serves by this configuration from now on: routes, tokens, CORS, static files, `drain`, and of the limits those of
  // connections and requests; nothing else of it is looked at. Ends the streams and polls whose route is another one
  // now, or whose token would not be accepted any more; all others go on. True when that is
  // done; false: it took too long, and goes on. An error of the directory of static files: nothing has changed.
  absl::StatusOr<bool> Reload(const EdgeConfig& config);

  // Judges tokens by these keys from now on; the rules are those before. Ends the streams and polls whose key is not
  // among them any more. Does not wait until that is done.
  void SetVerifier(std::shared_ptr<const JwtVerifier> verifier);

  // Ends the streams and polls whose tokens are revoked there. Does not wait until that is done. Any thread.
  void EndRevoked(const RevocationTable& revoked) { revoked_streams_.End(revoked); }

  // Ends all streams, spread over the configured window, and tells new clients to come back later. Returns when
  // everything has ended, at the latest a few seconds after the window. Once.
  void Drain();

 private:
  FrontEnd(const EdgeConfig& config, std::vector<Hub*> hubs, ConnectionCensus& census,
           std::shared_ptr<HttpMetrics> metrics);

  absl::StatusOr<FrontDeskOptions> DeskOf(const EdgeConfig& config);
  absl::Status Open();
  void Run();

  EdgeConfig config_;
  const std::vector<Hub*> hubs_;
  const std::shared_ptr<HttpMetrics> metrics_;
  Address address_;
  Admission admission_;
  RevokedStreams revoked_streams_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::thread> threads_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_FRONT_END_H_
