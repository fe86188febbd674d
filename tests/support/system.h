// A running Weir for tests: the real weir-server and weir-edge on free ports, with the five applications' routes, in a
// directory of its own. Where WEIR_TEST_TLS is set, browsers' connections are over TLS: configurations that the edge is
// started with get a certificate, and the tests' clients follow. One thread.
#ifndef WEIR_TESTS_SUPPORT_SYSTEM_H_
#define WEIR_TESTS_SUPPORT_SYSTEM_H_

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/support/certificate.h"
#include "tests/support/held_port.h"
#include "tests/support/http.h"
#include "tests/support/process.h"

namespace weir::testing {

class System {
 public:
  System();

  // What the next server knows of types; else the applications' descriptor set.
  void UseDescriptors(const std::string& path) { descriptors_ = path; }
  // Start fails the test (by abort) with the daemon's stderr when it does not become ready. `more` are further flags.
  void StartServer(const std::vector<std::string>& more = {});
  void StartEdge(const std::vector<std::string>& more = {});
  // Writes a new certificate and key to where the edge's configuration has them by `tls: {certificate: cert.pem, key:
  // key.pem}`.
  void WriteCertificate(const CertificateOptions& options = {}) const;
  // Added to the server's, or the edge's, environment at its next start.
  void SetServerEnvironment(std::map<std::string, std::string> more) { server_environment_ = std::move(more); }
  void SetEdgeEnvironment(std::map<std::string, std::string> more) { edge_environment_ = std::move(more); }
  // Ports stay the same over restarts.
  uint16_t grpc_port() const { return grpc_port_.number(); }
  uint16_t server_admin_port() const { return server_admin_port_.number(); }
  uint16_t http_port() const { return http_port_.number(); }
  uint16_t edge_admin_port() const { return edge_admin_port_.number(); }
  Process& server() { return server_; }
  Process& edge() { return edge_; }
  std::string grpc_address() const;

  // Waits until the edge's /readyz answers 200.
  bool WaitReady(absl::Duration timeout = kPatience) const;

  // `weir ARGS…` with --server set.
  CommandResult Weir(const std::vector<std::string>& args, const std::string& input = "",
                     absl::Duration timeout = kPatience) const;
  // Publishes one event and returns its cursor; aborts when it is refused.
  std::string Publish(const std::string& topic, const std::string& type, const nlohmann::json& data,
                      const std::string& event_id = "", const nlohmann::json& attributes = {}) const;
  // Publishes JSON lines; returns the result lines.
  std::vector<nlohmann::json> PublishLines(const std::vector<nlohmann::json>& lines) const;
  // A token that the edge accepts.
  std::string Token(const std::string& subject, const std::vector<std::string>& claims = {},
                    const std::string& ttl = "1h") const;
  // One counter or gauge of a /metrics page: the sum over its labels. Null when the page cannot be fetched, or has
  // none.
  static std::optional<double> FindMetric(uint16_t admin_port, const std::string& name);
  // The same; 0 when absent. NaN when the page cannot be fetched, so that no comparison holds.
  static double Metric(uint16_t admin_port, const std::string& name);

  const TempDir& dir() const { return dir_; }
  std::string edge_config_path() const { return dir_.File("edge.yaml"); }
  std::string data_dir() const { return dir_.File("data"); }

 private:
  TempDir dir_;
  std::string descriptors_ = AppsDescriptorPath();
  HeldPort grpc_port_;
  HeldPort server_admin_port_;
  HeldPort http_port_;
  HeldPort edge_admin_port_;
  std::map<std::string, std::string> server_environment_;
  std::map<std::string, std::string> edge_environment_;
  Process server_;
  Process edge_;
};

// Polls `condition` until it holds; false after the deadline.
template <typename F>
bool WaitUntil(F condition, absl::Duration timeout = kPatience) {
  const absl::Time deadline = absl::Now() + timeout;
  while (!condition()) {
    if (absl::Now() > deadline) {
      return false;
    }
    absl::SleepFor(absl::Milliseconds(5));
  }
  return true;
}

// The configuration of the five applications' routes, as the tests use it.
std::string FiveRoutesYaml();

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_SYSTEM_H_
