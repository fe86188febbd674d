// Files of one directory over HTTP.
//
// Nothing outside the directory is ever read: a path with `..`, an empty or hidden segment (one that begins with `.`),
// a backslash or a control byte is "not found", and so is a link that leads out. A directory's path answers with its
// `index.html`. A file is read as a whole, on the calling thread, and only where it is sent: this is for an
// application's few pages, not for downloads, and a file above `file_bytes_max` is "not found" too. Const after it is
// made; any thread.
#ifndef WEIR_EDGE_HTTP_STATIC_FILES_H_
#define WEIR_EDGE_HTTP_STATIC_FILES_H_

#include <cstddef>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace weir::edge {

// Scripts and connections from here alone; a page may not be framed.
inline constexpr std::string_view kDefaultContentSecurityPolicy =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: https:; object-src 'none'; "
    "base-uri 'self'; frame-ancestors 'none'";

struct StaticOptions {
  std::string directory;
  std::string prefix = "/";  // begins and ends with `/`
  // As it is sent: printable ASCII. Empty: the header is left out.
  std::string content_security_policy{kDefaultContentSecurityPolicy};
  size_t file_bytes_max = size_t{8} << 20U;
};

struct StaticAnswer {
  int status = 404;     // 200, 304, 308 or 404
  std::string headers;  // each line with CR LF; without Content-Length
  std::string body;
  size_t length = 0;  // of the body, also where only the head was asked for
};

class StaticFiles {
 public:
  // The operating system's error when the directory is not there.
  static absl::StatusOr<StaticFiles> Open(StaticOptions options);

  // Answers a GET of a decoded path. `if_none_match` and `if_modified_since` are the headers' values, or empty.
  // `head_only`: as to HEAD, without a body.
  StaticAnswer Get(std::string_view path, std::string_view if_none_match, std::string_view if_modified_since,
                   bool head_only = false) const;

 private:
  explicit StaticFiles(StaticOptions options) : options_(std::move(options)) {}
  StaticOptions options_;  // the directory is canonical
};

// `Sat, 21 Nov 2026 17:20:56 GMT`.
std::string HttpDate(std::time_t time);

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_STATIC_FILES_H_
