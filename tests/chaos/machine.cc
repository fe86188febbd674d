#include "tests/chaos/machine.h"

#include <utility>

#include "tests/chaos/faults.h"
#include "tests/chaos/simple_fault.h"
#include "tests/support/partition.h"
#include "tests/support/sandbox.h"
#include "tests/support/system.h"

namespace weir::chaos {
namespace {

using Random = std::mt19937_64;

absl::Status SlowSync(Board& board, Random& random) {
  board.sync_delay_millis = static_cast<int64_t>(1 + random() % 300);
  WaitUpTo(random, 3000);
  board.sync_delay_millis = 0;
  return absl::OkStatus();
}

absl::Status FailingSync(World& world, Board& board, Random& random) {
  const uint64_t failed = board.syncs_failed;
  board.syncs_to_fail = 1;
  if (!testing::WaitUntil([&] { return board.syncs_failed > failed; })) {
    board.syncs_to_fail = 0;
    return absl::InternalError("no sync came that could fail");
  }
  WaitUpTo(random, 2000);
  return CheckHealth(world);
}

absl::Status NoSpace(World& world, Board& board, Random& random) {
  board.no_space = true;
  WaitUpTo(random, 1000);
  board.no_space = false;
  WaitUpTo(random, 1000);
  return CheckHealth(world);
}

absl::Status ClockJump(Board& board, Random& random) {
  constexpr int64_t kSixHours = 6 * 3600 * 1000;
  board.clock_offset_millis = static_cast<int64_t>(random() % (2 * kSixHours)) - kSixHours;
  WaitUpTo(random, 3000);
  board.clock_offset_millis = 0;
  return absl::OkStatus();
}

absl::Status CutPower(World& world, Disk& disk, Random& random) {
  Random* const written_back = random() % 2 == 0 ? &random : nullptr;
  if (absl::Status status = disk.CutPower(world.server().process(), written_back); !status.ok()) {
    return status;
  }
  return world.StartServer();
}

absl::Status FullDisk(World& world, Disk& disk, Random& random) {
  if (absl::Status status = disk.Fill(random() % (48 << 20)); !status.ok()) {
    return status;
  }
  WaitUpTo(random, 3000);
  disk.Free();
  return CheckHealth(world);
}

absl::Status LosePackets(World& world, Random& random) {
  const size_t node = random() % (world.edge_count() + 1);
  testing::PartitionOptions options;
  options.port = node == world.edge_count() ? world.server().port() : world.edge(node).port();
  options.lose_requests = random() % 3 != 0;
  options.lose_responses = !options.lose_requests || random() % 2 == 0;
  options.percent = random() % 2 == 0 ? 100 : static_cast<int>(1 + random() % 50);
  absl::StatusOr<testing::Partition> partition = testing::Partition::Start(options);
  if (!partition.ok()) {
    return partition.status();
  }
  WaitUpTo(random, 4000);
  partition->Heal();
  return absl::OkStatus();
}

absl::Status ForgetSync(World& world, Disk& disk, Board& board) {
  board.ignore_syncs = true;
  absl::SleepFor(absl::Seconds(2));
  if (absl::Status status = disk.CutPower(world.server().process()); !status.ok()) {
    return status;
  }
  board.ignore_syncs = false;
  return world.StartServer();
}

}  // namespace

Machine::Machine(World& world, const std::string& dir) : library_(dir + "/faults") {
  absl::StatusOr<std::unique_ptr<Disk>> disk = Disk::Make(dir + "/disk");
  if (disk.ok()) {
    disk_ = *std::move(disk);
    world.set_data_dir(disk_->path() + "/data");
  } else {
    no_disk_ = std::string(disk.status().message());
  }
  world.server().launch().environment = library_.environment();
}

std::vector<std::unique_ptr<Fault>> Machine::MakeFaults() {
  std::vector<std::unique_ptr<Fault>> faults;
  const auto add = [&](std::string name, std::string unavailable, SimpleFault::Body body) {
    faults.push_back(std::make_unique<SimpleFault>(std::move(name), std::move(unavailable), std::move(body)));
  };
  Board& board = library_.board();
  add("slow-sync", "", [&board](World&, Random& random) { return SlowSync(board, random); });
  add("failing-sync", "", [&board](World& world, Random& random) { return FailingSync(world, board, random); });
  add("no-space", "", [&board](World& world, Random& random) { return NoSpace(world, board, random); });
  add("clock-jump", "", [&board](World&, Random& random) { return ClockJump(board, random); });
  add("power-cut", no_disk_, [this](World& world, Random& random) { return CutPower(world, *disk_, random); });
  add("full-disk", no_disk_, [this](World& world, Random& random) { return FullDisk(world, *disk_, random); });
  const absl::Status& sandbox = testing::SandboxStatus();
  add("partition", std::string(sandbox.message()), LosePackets);
  return faults;
}

std::unique_ptr<Fault> Machine::MakeForgetSync() {
  return std::make_unique<SimpleFault>(
      "forget-sync", no_disk_, [this](World& world, Random&) { return ForgetSync(world, *disk_, library_.board()); });
}

}  // namespace weir::chaos
