#include "edge/http/static_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace weir::edge {
namespace {

constexpr std::string_view kSafetyHeaders = "Referrer-Policy: no-referrer\r\n";

std::string_view ContentType(std::string_view name) {
  static constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".mjs", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".json", "application/json"},
      {".map", "application/json"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".jpg", "image/jpeg"},
      {".ico", "image/x-icon"},
      {".webp", "image/webp"},
      {".woff2", "font/woff2"},
      {".wasm", "application/wasm"},
      {".txt", "text/plain; charset=utf-8"},
      {".md", "text/plain; charset=utf-8"},
  };
  for (const auto& [suffix, type] : kTypes) {
    if (name.ends_with(suffix)) {
      return type;
    }
  }
  return "application/octet-stream";
}

bool IsSafe(std::string_view relative) {
  for (const char c : relative) {
    if (c == '\\' || c == 0x7F || (c >= 0 && c < 0x20)) {
      return false;
    }
  }
  while (!relative.empty()) {
    const size_t end = relative.find('/');
    if (const std::string_view segment = relative.substr(0, end); segment.empty() || segment.front() == '.') {
      return false;
    }
    relative = end == std::string_view::npos ? std::string_view() : relative.substr(end + 1);
  }
  return true;
}

std::string Encode(std::string_view path) {
  std::string out;
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("._~/-").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

// An open file that closes itself.
class File {
 public:
  explicit File(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) {}
  ~File() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool Stat(struct stat& out) const { return fd_ >= 0 && ::fstat(fd_, &out) == 0; }

  bool Read(size_t size, std::string& out) const {
    out.resize(size);
    for (size_t done = 0; done < size;) {
      const ssize_t got = ::read(fd_, out.data() + done, size - done);
      if (got <= 0) {
        return false;  // cut meanwhile, or a fault of the disk
      }
      done += static_cast<size_t>(got);
    }
    return true;
  }

 private:
  int fd_;
};

bool Unchanged(std::string_view etag, std::time_t modified, std::string_view if_none_match,
               std::string_view if_modified_since) {
  if (!if_none_match.empty()) {  // then the date counts for nothing (RFC 9110, 13.1.3)
    return if_none_match == "*" || if_none_match.find(etag) != std::string_view::npos;
  }
  return !if_modified_since.empty() && if_modified_since == HttpDate(modified);
}

}  // namespace

std::string HttpDate(std::time_t time) {
  return absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", absl::FromTimeT(time), absl::UTCTimeZone());
}

absl::StatusOr<StaticFiles> StaticFiles::Open(StaticOptions options) {
  std::error_code error;
  const std::filesystem::path directory = std::filesystem::canonical(options.directory, error);
  if (error || !std::filesystem::is_directory(directory, error)) {
    return absl::NotFoundError(fmt::format("{} is no directory", options.directory));
  }
  options.directory = directory.string();
  return StaticFiles(std::move(options));
}

StaticAnswer StaticFiles::Get(std::string_view path, std::string_view if_none_match, std::string_view if_modified_since,
                              bool head_only) const {
  StaticAnswer answer;
  if (!path.starts_with(options_.prefix)) {
    return answer;
  }
  std::string relative(path.substr(options_.prefix.size()));
  if (relative.empty() || relative.ends_with('/')) {
    relative += "index.html";
  }
  if (!IsSafe(relative)) {
    return answer;
  }
  std::error_code error;
  const std::string file_path =
      std::filesystem::canonical(std::filesystem::path(options_.directory) / relative, error).string();
  if (error || !file_path.starts_with(options_.directory == "/" ? options_.directory : options_.directory + "/")) {
    return answer;
  }
  const File file(file_path);
  struct stat info = {};
  if (!file.Stat(info)) {
    return answer;
  }
  if (S_ISDIR(info.st_mode)) {
    answer.status = 308;  // relative links in its index.html need the slash
    answer.headers = fmt::format("Location: {}/\r\n", Encode(path));
    return answer;
  }
  if (!S_ISREG(info.st_mode) || static_cast<size_t>(info.st_size) > options_.file_bytes_max) {
    return answer;
  }
  const std::string etag = fmt::format("\"{:x}-{:x}-{:x}\"", info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_size);
  answer.headers = fmt::format("Content-Type: {}\r\nETag: {}\r\nLast-Modified: {}\r\nCache-Control: no-cache\r\n{}",
                               ContentType(relative), etag, HttpDate(info.st_mtim.tv_sec), kSafetyHeaders);
  if (!options_.content_security_policy.empty()) {
    answer.headers += fmt::format("Content-Security-Policy: {}\r\n", options_.content_security_policy);
  }
  if (Unchanged(etag, info.st_mtim.tv_sec, if_none_match, if_modified_since)) {
    answer.status = 304;
    return answer;
  }
  answer.length = static_cast<size_t>(info.st_size);
  if (!head_only && !file.Read(answer.length, answer.body)) {
    return StaticAnswer();
  }
  answer.status = 200;
  return answer;
}

}  // namespace weir::edge
