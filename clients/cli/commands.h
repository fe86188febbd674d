// The commands of `weir`. Each takes its parsed arguments and returns the exit code.
#ifndef WEIR_CLIENTS_CLI_COMMANDS_H_
#define WEIR_CLIENTS_CLI_COMMANDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "weir/client.h"

namespace weir::cli {

// Which server, and who calls. A command line was checked by CheckServer.
struct ServerArguments {
  std::string address = "127.0.0.1:50051";
  ClientTls tls{};
  std::string token_file{};
};
// Whether the files can be used, and the token would stay secret.
absl::Status CheckServer(const ServerArguments& arguments);
ClientOptions ConnectionTo(const ServerArguments& arguments);

// Texts are as they were given; the command line has checked their form.
struct PublishArguments {
  ServerArguments server{};
  // One event …
  std::string topic{};
  std::string type{};
  std::string data{};
  std::string event_id{};
  std::string time{};
  std::vector<std::string> attributes{};
  // … or a file of them, `-` for stdin.
  std::string from{};
  std::string wait = "30s";
};
int Publish(const PublishArguments& arguments);

// Where reading begins: at most one is set.
struct StartArguments {
  std::string since{};
  std::string from_id{};
  bool earliest = false;
  bool last = false;
};
// The position; unset when none was given.
v1::Start StartOf(const StartArguments& arguments);

struct SubscribeArguments {
  ServerArguments server{};
  std::vector<std::string> filters{};
  std::vector<std::string> types{};
  StartArguments start{};
  uint64_t count = 0;  // 0: no end
  std::string wait{};
  bool fail_on_gap = false;
};
int Subscribe(const SubscribeArguments& arguments);

struct ListArguments {
  ServerArguments server{};
  std::vector<std::string> filters{};
  std::vector<std::string> types{};
  StartArguments start{};
  uint64_t count = 0;  // 0: no end
  bool newest = false;
};
int List(const ListArguments& arguments);

struct SchemaArguments {
  ServerArguments server{};
  std::string type{};
};
int ShowSchema(const SchemaArguments& arguments);

struct StatusArguments {
  ServerArguments server{};
};
int Status(const StatusArguments& arguments);

struct BackupArguments {
  ServerArguments server{};
  std::string directory{};
};
int Backup(const BackupArguments& arguments);

struct CheckLogArguments {
  std::string directory{};
  bool repair_tail = false;
};
int CheckLog(const CheckLogArguments& arguments);

struct BenchArguments {
  std::string url{};
  size_t readers = 1'000;
  std::string duration = "10s";
  std::vector<std::string> ignored_events{};
  std::string edge_ca{};
  std::string edge_token_file{};
  // Publishes, where a topic is given.
  ServerArguments server{};
  std::string topic{};
  std::string type{};
  std::string data{};
  double rate = 20;
};
// What the options mean together.
absl::Status CheckBench(const BenchArguments& arguments);
int RunBench(const BenchArguments& arguments);

struct RevokeArguments {
  ServerArguments server{};
  std::string subject{};   // either …
  std::string token_id{};  // … or
  std::string issuer{};
  std::string keep{};  // empty: the server's default
  std::string wait = "30s";
};
int Revoke(const RevokeArguments& arguments);

struct TokenArguments {
  std::string key{};
  std::string key_id{};
  std::string algorithm{};
  std::string subject{};
  std::vector<std::string> claims{};
  std::string ttl = "1h";
};
int Token(const TokenArguments& arguments);

}  // namespace weir::cli

#endif  // WEIR_CLIENTS_CLI_COMMANDS_H_
