#include "base/secret_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string_view>

#include "absl/strings/ascii.h"

namespace weir {

absl::StatusOr<std::string> ReadSecretFile(const std::string& file, size_t bytes_max) {
  const auto fail = [&] {
    const int error = errno;
    return absl::ErrnoToStatus(error, fmt::format("{}: cannot be read", file));
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(std::fopen(file.c_str(), "rbe"), &std::fclose);
  if (stream == nullptr) {
    return fail();
  }
  std::setvbuf(stream.get(), nullptr, _IONBF, 0);  // no second copy that nobody wipes
  std::string content(bytes_max + 1, '\0');
  content.resize(std::fread(content.data(), 1, content.size(), stream.get()));
  if (std::ferror(stream.get()) != 0) {
    return fail();
  }
  if (content.size() > bytes_max) {
    return absl::InvalidArgumentError(
        fmt::format("{}: has more than {} bytes; allowed is up to that", file, bytes_max));
  }
  return content;
}

absl::StatusOr<std::string> ReadTokenFile(const std::string& file) {
  absl::StatusOr<std::string> content = ReadSecretFile(file, kTokenFileBytesMax);
  if (!content.ok()) {
    return content.status();
  }
  absl::StripAsciiWhitespace(&*content);
  const auto visible = [](char c) { return c > ' ' && c < '\x7f'; };
  if (content->empty() || !std::all_of(content->begin(), content->end(), visible)) {
    return absl::InvalidArgumentError(
        fmt::format("{}: holds no token; allowed is one word of visible ASCII, with white space around it", file));
  }
  return content;
}

absl::Status CheckPermissions(const std::string& file, FileHolds holds) {
  struct stat about = {};
  if (::stat(file.c_str(), &about) != 0 || !S_ISREG(about.st_mode)) {
    return absl::OkStatus();
  }
  const mode_t mode = about.st_mode & 0777;
  const mode_t group_reads = about.st_uid == 0 ? S_IRGRP : 0;
  const bool secret = holds == FileHolds::kSecret;
  const mode_t too_much = mode & (secret ? (S_IRWXG | S_IRWXO) & ~group_reads : S_IWGRP | S_IWOTH);
  if (too_much == 0) {
    return absl::OkStatus();
  }
  const std::string_view may = (too_much & (S_IWGRP | S_IWOTH)) != 0 ? "write" : "read";
  return absl::FailedPreconditionError(fmt::format("{}: others may {} it (mode {:04o}); a {} should be {:04o}", file,
                                                   may, mode, secret ? "secret" : "public key", secret ? 0600 : 0644));
}

}  // namespace weir
