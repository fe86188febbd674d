#include "tests/support/partition.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "tests/support/process.h"
#include "tests/support/sandbox.h"

namespace weir::testing {
namespace {

constexpr char kNft[] = "/usr/sbin/nft";

// On arrival, not on departure: the sender must not notice.
std::string Script(const std::string& table, const PartitionOptions& options) {
  const std::string verdict = options.percent >= 100
                                  ? "counter name lost drop"
                                  : fmt::format("numgen random mod 100 < {} counter name lost drop", options.percent);
  const auto client = [&](std::string_view side) {
    return options.client_port == 0 ? "" : fmt::format("tcp {} {} ", side, options.client_port);
  };
  std::string rules;
  if (options.lose_requests) {
    rules +=
        fmt::format("    ip daddr {} tcp dport {} {}{}\n", options.address, options.port, client("sport"), verdict);
  }
  if (options.lose_responses) {
    rules +=
        fmt::format("    ip saddr {} tcp sport {} {}{}\n", options.address, options.port, client("dport"), verdict);
  }
  return fmt::format(
      "table ip {} {{\n"
      "  counter lost {{ }}\n"
      "  chain arriving {{\n"
      "    type filter hook input priority filter;\n"
      "{}"
      "  }}\n"
      "}}\n",
      table, rules);
}

}  // namespace

absl::StatusOr<Partition> Partition::Start(const PartitionOptions& options) {
  if (!SandboxStatus().ok()) {
    return SandboxStatus();
  }
  static int count = 0;
  Partition partition(fmt::format("partition_{}", ++count));
  const CommandResult result = RunCommand({kNft, "-f", "-"}, Script(partition.table_, options));
  if (result.exit_code != 0) {
    partition.table_.clear();
    return absl::UnavailableError(fmt::format("nft: {}", result.err));
  }
  return partition;
}

Partition::Partition(Partition&& other) noexcept : table_(std::exchange(other.table_, "")) {}

Partition& Partition::operator=(Partition&& other) noexcept {
  std::swap(table_, other.table_);
  return *this;
}

Partition::~Partition() { Heal(); }

void Partition::Heal() {
  if (table_.empty()) {
    return;
  }
  const CommandResult result = RunCommand({kNft, "delete", "table", "ip", table_});
  if (result.exit_code != 0) {
    fmt::print(stderr, "nft: {}\n", result.err);
    std::abort();
  }
  table_.clear();
}

uint64_t Partition::lost() const {
  if (table_.empty()) {
    return 0;
  }
  const CommandResult result = RunCommand({kNft, "-j", "list", "counter", "ip", table_, "lost"});
  const nlohmann::json listed = nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  for (const nlohmann::json& item : listed.value("nftables", nlohmann::json::array())) {
    if (item.contains("counter")) {
      return item["counter"].value("packets", uint64_t{0});
    }
  }
  return 0;
}

}  // namespace weir::testing
