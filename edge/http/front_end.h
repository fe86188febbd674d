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
#include "edge/hub.h"

namespace weir::edge {

// Made and destroyed by one thread; Drain by any.
class FrontEnd {
 public:
  // Listens, and begins to run the hubs; at least one. `config` and `hubs` must outlive it, and nobody else runs the
  // hubs. Errors name the address that cannot be had.
  static absl::StatusOr<std::unique_ptr<FrontEnd>> Start(const EdgeConfig& config, std::vector<Hub*> hubs,
                                                         std::shared_ptr<HttpMetrics> metrics);
  // Cuts what is still open.
  ~FrontEnd();
  FrontEnd(const FrontEnd&) = delete;
  FrontEnd& operator=(const FrontEnd&) = delete;

  // Where it listens, with the real port.
  const Address& address() const { return address_; }

  // Ends all streams, spread over the configured window, and tells new clients to come back later. Returns when
  // everything has ended, at the latest a few seconds after the window. Once.
  void Drain();

 private:
  FrontEnd(const EdgeConfig& config, std::vector<Hub*> hubs, std::shared_ptr<HttpMetrics> metrics);

  absl::Status Open();
  void Run();

  const EdgeConfig& config_;
  const std::vector<Hub*> hubs_;
  const std::shared_ptr<HttpMetrics> metrics_;
  Address address_;
  Admission admission_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::thread> threads_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_FRONT_END_H_
