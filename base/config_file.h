// A YAML file read into a protobuf message.
//
// The message's descriptor is the schema: keys are field names, a repeated field is a list, a sub-message is a
// mapping, an enum value is written in lower case without its prefix, google.protobuf.Duration as `30s`, and a uint64
// field whose name ends in `bytes`, `bytes_max` or `bytes_min` also as `64KiB`. google.protobuf.Struct takes any
// mapping. All that the schema does not allow is an error `FILE:LINE:COLUMN: path.to.key: what; allowed is …`; the same
// form is there for checks of meaning that the caller makes afterwards. A key that is present sets its field, also to
// its default.
//
// Anchors and aliases are followed, the whole file within 100,000 values and a depth of 50. Merge keys, several
// documents in a file and tags other than `!!str` are refused.
#ifndef WEIR_BASE_CONFIG_FILE_H_
#define WEIR_BASE_CONFIG_FILE_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/text.h"

namespace google::protobuf {
class Message;
}

namespace weir {

// Where each value of a loaded file stands. A value type, without the message; const and any thread after loading.
class ConfigFile {
 public:
  static constexpr size_t kBytesMax = size_t{1} << 20;

  // No file: `Where` names what set the value, or `name`.
  explicit ConfigFile(std::string name = "configuration") : name_(std::move(name)) {}

  // Reads the file into `*out`, which is cleared first and unspecified after an error. INVALID_ARGUMENT for the
  // content; the operating system's error (NOT_FOUND, PERMISSION_DENIED, …) when it cannot be read.
  static absl::StatusOr<ConfigFile> Load(const std::string& path, google::protobuf::Message* out);
  // The same for text that was read from `name`.
  static absl::StatusOr<ConfigFile> Parse(std::string_view text, std::string name, google::protobuf::Message* out);

  // `FILE:LINE:COLUMN` of a field, as `routes[2].heartbeat.interval`; if it is not in the file, of the nearest ancestor
  // that is. FILE alone when there is none.
  std::string Where(std::string_view field_path) const;

  // Says that something else than the file set a field: `--listen`, `WEIR_EDGE_LISTEN`.
  void SetOrigin(std::string_view field_path, std::string origin);

  // INVALID_ARGUMENT `FILE:LINE:COLUMN: path.to.key: what`. `what` reads `is 0; allowed is 1 to 64`.
  absl::Status Error(std::string_view field_path, std::string_view what) const;

  // A path as written in the file: a relative one is relative to the file's directory.
  std::string Resolve(std::string_view path) const;

  const std::string& name() const { return name_; }

 private:
  friend class ConfigReader;

  std::string name_;
  TextMap<std::string> places_;  // by field path: `LINE:COLUMN`
  TextMap<std::string> origins_;
};

}  // namespace weir

#endif  // WEIR_BASE_CONFIG_FILE_H_
