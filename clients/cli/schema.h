// The server's event types, to turn payloads into JSON and back. Any thread.
#ifndef WEIR_CLIENTS_CLI_SCHEMA_H_
#define WEIR_CLIENTS_CLI_SCHEMA_H_

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weir/client.h"

namespace weir::cli {

// Fetched from the server when first needed, and again when Refresh is called or a type is unknown. JSON is plain
// proto3 JSON: lowerCamelCase or `json_name`, enum values by their proto names.
class Schema {
 public:
  explicit Schema(Client& client);
  ~Schema();

  // Fetches what the server has now; nothing happens when that is what we have.
  absl::Status Refresh();

  // The wire bytes of a message, fields in number order. INVALID_ARGUMENT: TYPE_UNKNOWN, PAYLOAD_INVALID.
  absl::StatusOr<std::string> FromJson(const std::string& type, const std::string& json);
  // INVALID_ARGUMENT: TYPE_UNKNOWN, PAYLOAD_INVALID.
  absl::StatusOr<std::string> ToJson(const std::string& type, const std::string& bytes);

  // The message as it stands in a proto file. INVALID_ARGUMENT: TYPE_UNKNOWN.
  absl::StatusOr<std::string> Definition(const std::string& type);

 private:
  struct Types;

  // The types, fetched anew when `type` is not among them.
  absl::StatusOr<std::shared_ptr<const Types>> TypesWith(const std::string& type);

  Client& client_;
  std::mutex mutex_;
  std::shared_ptr<const Types> types_;  // guarded by mutex_; null before the first Refresh
};

}  // namespace weir::cli

#endif  // WEIR_CLIENTS_CLI_SCHEMA_H_
