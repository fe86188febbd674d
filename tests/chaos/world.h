// The running system as faults see it: one weir-server and some weir-edges, each of which may be stopped, killed and
// started again in another way; ports and addresses stay.
//
// One thread, the conductor's; the ports alone may be read by others once everything has started.
#ifndef WEIR_TESTS_CHAOS_WORLD_H_
#define WEIR_TESTS_CHAOS_WORLD_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/support/process.h"

namespace weir::chaos {

// How a process is started the next time.
struct Launch {
  std::vector<std::string> prefix;  // put before the binary: `{"/usr/sbin/ip", "netns", "exec", "weir"}`
  std::string binary;
  std::vector<std::string> flags;                  // besides addresses, data directory and configuration
  std::map<std::string, std::string> environment;  // besides the test's own: `LD_PRELOAD`
};

// One process of the system.
class Node {
 public:
  // `port_name` is the public port's name in the ready line: `grpc` or `http`.
  Node(std::string name, std::string binary, std::string port_name, std::string log_path);

  const std::string& name() const { return name_; }
  Launch& launch() { return launch_; }
  // Starts it with `fixed` flags of the World's and waits until it says that it is ready; what it says on stderr goes
  // on in the same log file. It must not be running.
  absl::Status Start(const std::vector<std::string>& fixed, absl::Duration timeout);
  // Also to SIGSTOP and SIGTERM it, and to wait for its end.
  testing::Process& process() { return process_; }
  const std::string& log_path() const { return log_path_; }
  uint16_t port() const { return port_; }
  uint16_t admin_port() const { return admin_port_; }

 private:
  std::string name_;
  std::string port_name_;
  std::string log_path_;
  Launch launch_;
  testing::Process process_;
  uint16_t port_ = 0;
  uint16_t admin_port_ = 0;
};

class World {
 public:
  // Keeps logs, configuration and, unless it is moved, data in `dir`. Nothing is started.
  World(std::string dir, size_t edges, const std::string& edge_yaml, const std::string& server_yaml);

  const std::string& dir() const { return dir_; }
  // Where the log lies. A new one counts from the server's next start on.
  const std::string& data_dir() const { return data_dir_; }
  void set_data_dir(std::string path) { data_dir_ = std::move(path); }

  Node& server() { return server_; }
  size_t edge_count() const { return edges_.size(); }
  Node& edge(size_t i) { return edges_[i]; }

  // Where the edge finds the server from its next start on: the server's own port, unless there is a hop between.
  void set_upstream_port(size_t edge, uint16_t port) { upstream_ports_[edge] = port; }

  // A killed process may need a moment until its ports and its directory are free: the timeout is for all of it.
  absl::Status StartServer(absl::Duration timeout = absl::Seconds(60));
  absl::Status StartEdge(size_t i, absl::Duration timeout = absl::Seconds(60));

 private:
  std::string dir_;
  std::string data_dir_;
  Node server_;
  std::vector<Node> edges_;
  std::map<size_t, uint16_t> upstream_ports_;
};

}  // namespace weir::chaos

#endif  // WEIR_TESTS_CHAOS_WORLD_H_
