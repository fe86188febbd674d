#include "tests/bench/versions.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/version.h"
#include "tests/support/process.h"

namespace weir::bench {
namespace {

constexpr std::string_view kDigits = "0123456789";

// What the command says, to either output, has the number in it.
std::string Asked(const std::string& name, const std::vector<std::string>& argv) {
  const testing::CommandResult said = testing::RunCommand(argv);
  const std::string number = NumberIn(said.out + said.err);
  return said.exit_code != 0 || number.empty() ? name + " of a version that it does not say" : name + " " + number;
}

}  // namespace

std::string NumberIn(std::string_view text) {
  for (size_t at = text.find_first_of(kDigits); at != std::string_view::npos; at = text.find_first_of(kDigits, at)) {
    const size_t end = std::min(text.find_first_not_of("0123456789.", at), text.size());
    const std::string_view number = text.substr(at, end - at);
    if (number.find('.') != std::string_view::npos) {
      return std::string(number.substr(0, number.find_last_of(kDigits) + 1));
    }
    at = end;
  }
  return "";
}

std::string VersionsOf(const std::vector<std::string>& targets, const std::string& commit) {
  std::string versions = fmt::format("Weir {}{}", Version(), commit.empty() ? "" : fmt::format(" ({})", commit));
  for (const std::string& target : targets) {
    if (target == "nchan") {  // a module, which has no way of its own to say it
      versions += ", " + Asked("nginx", {"/usr/sbin/nginx", "-v"});
      versions += ", " + Asked("nchan", {"/usr/bin/dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-nchan"});
    } else if (target == "pushpin") {
      versions += ", " + Asked("pushpin", {"/usr/bin/pushpin", "--version"});
    }
  }
  return versions;
}

}  // namespace weir::bench
