// The log on a real disk, from outside: backups of a running server, a disk that is full, and what an operator sees.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include "tests/chaos/faultlib/fault_library.h"
#include "tests/support/system.h"
#include "weir/v1/maintenance.grpc.pb.h"

namespace weir::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

constexpr char kTopic[] = "dispatch.broadcast";
constexpr char kType[] = "apps.dispatch.v1.FlashMessage";

// With a text that cannot be compressed, and is the same whenever the id is.
json Event(const std::string& id, size_t text_bytes = 10) {
  std::mt19937_64 random(std::hash<std::string>{}(id));
  std::string text(text_bytes, ' ');
  for (char& c : text) {
    c = static_cast<char>('0' + random() % 64);
  }
  return {{"topic", kTopic}, {"type", kType}, {"event_id", id}, {"data", {{"id", id}, {"text", text}}}};
}

std::vector<json> Lines(const std::string& out) {
  std::vector<json> lines;
  std::istringstream stream(out);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(json::parse(line, nullptr, false));
  }
  return lines;
}

// The events of a server's log: cursor by id.
std::map<std::string, std::string> ListAll(const System& system) {
  std::map<std::string, std::string> events;
  const CommandResult result = system.Weir({"list", ">"}, "", absl::Seconds(60));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  for (const json& line : Lines(result.out)) {
    events[line.at("event_id")] = line.at("cursor");
  }
  return events;
}

std::string SequenceOf(const std::string& cursor) { return cursor.substr(cursor.find('-') + 1); }

std::string EpochOf(const System& system) { return Lines(system.Weir({"status"}).out).at(0).at("epoch"); }

// `weir ARGS…` in the background, with its stderr in a file.
Process Start(const System& system, std::vector<std::string> args, const std::string& err,
              const std::string& in = "/dev/null") {
  args.insert(args.begin(), BinaryPath("weir"));
  absl::StatusOr<Process> process = Process::Start(args, err, {{"WEIR_SERVER", system.grpc_address()}}, in);
  EXPECT_TRUE(process.ok()) << process.status();
  return *std::move(process);
}

bool FileSays(const std::string& path, const std::string& text) {
  return WaitUntil([&] { return ReadFile(path).find(text) != std::string::npos; }, absl::Seconds(60));
}

// --- Backup

class BackupTest : public ::testing::Test {
 protected:
  CommandResult Backup(const std::string& directory) {
    return system_.Weir({"backup", directory}, "", absl::Seconds(120));
  }

  System system_;
  TempDir dir_;
};

TEST_F(BackupTest, UnderLoadHoldsAllThatWasAcknowledgedBeforeAndIsALogOfItsOwn) {
  system_.StartServer();
  std::mutex mutex;
  std::map<std::string, std::string> acked;
  std::atomic<bool> enough = false;
  std::atomic<int> published = 0;
  std::thread load([&] {
    for (int batch = 0; !enough; ++batch) {
      std::vector<json> lines;
      for (int i = 0; i < 200; ++i) {
        lines.push_back(Event(absl::StrFormat("e%d-%d", batch, i), 300));
      }
      for (const json& result : system_.PublishLines(lines)) {
        const std::lock_guard lock(mutex);
        acked[result.at("event_id")] = result.at("cursor");
      }
      published += 200;
    }
  });
  EXPECT_TRUE(WaitUntil([&] { return published >= 1'000; }, absl::Seconds(60)));
  std::map<std::string, std::string> before;
  {
    const std::lock_guard lock(mutex);
    before = acked;
  }
  System restored;
  const CommandResult backup = Backup(restored.data_dir());
  const int published_at_end = published;
  EXPECT_TRUE(WaitUntil([&] { return published > published_at_end; }, absl::Seconds(60))) << "publishing goes on";
  enough = true;
  load.join();
  ASSERT_EQ(backup.exit_code, 0) << backup.err;
  EXPECT_FALSE(fs::exists(system_.data_dir() + "/backup"));
  EXPECT_FALSE(fs::exists(restored.data_dir() + ".unfinished"));

  const json said = Lines(backup.out).at(0);
  EXPECT_EQ(said["faults"], 0);
  EXPECT_GE(said["events"].get<size_t>(), before.size());
  const CommandResult check = restored.Weir({"check-log", restored.data_dir()}, "", absl::Seconds(60));
  EXPECT_EQ(check.exit_code, 0) << check.err;
  EXPECT_EQ(Lines(check.out).at(0)["head"], said["head"]);

  restored.StartServer();
  const std::map<std::string, std::string> events = ListAll(restored);
  for (const auto& [id, cursor] : before) {
    ASSERT_TRUE(events.contains(id)) << id;
    ASSERT_EQ(SequenceOf(events.at(id)), SequenceOf(cursor));
  }
  EXPECT_NE(EpochOf(restored), EpochOf(system_));

  // A reader that comes with a cursor of the first log.
  Process reader = Start(restored, {"subscribe", kTopic, "--from-id", before.begin()->second}, dir_.File("reader.err"));
  absl::StatusOr<std::string> line = reader.ReadLine(absl::Seconds(60));
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(*line, HasSubstr("OTHER_EPOCH"));
  restored.PublishLines({Event("live")});
  size_t read = 0;
  json event = json::object();
  while (event.value("event_id", "") != "live") {
    line = reader.ReadLine(absl::Seconds(60));
    ASSERT_TRUE(line.ok()) << line.status();
    event = json::parse(*line);
    read += event.contains("event_id") ? 1 : 0;
  }
  EXPECT_EQ(read, events.size() + 1) << "all there is, once, and then what is live";
  reader.Kill();

  // Restarted, it stays what it is.
  const std::string epoch = EpochOf(restored);
  restored.server().Signal(SIGTERM);
  EXPECT_EQ(restored.server().Wait(absl::Seconds(60)).value_or(-1), 0);
  restored.StartServer();
  EXPECT_EQ(EpochOf(restored), epoch);
}

TEST_F(BackupTest, AnExistingTargetIsRefusedAndLeftAlone) {
  system_.StartServer();
  const std::string target = dir_.File("target");
  fs::create_directory(target);
  const CommandResult result = Backup(target);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr(target + " is there already"));
  EXPECT_TRUE(fs::is_empty(target));
  const std::string other = dir_.File("other");
  fs::create_directory(other + ".unfinished");
  WriteFile(other + ".unfinished/letter", "Dear");
  EXPECT_EQ(Backup(other).exit_code, 1);
  EXPECT_EQ(ReadFile(other + ".unfinished/letter"), "Dear");
}

// `weir backup` where renameat2 fails so.
class OddFileSystemTest : public BackupTest {
 protected:
  CommandResult BackupWhere(int rename_flags_errno, const std::string& directory) {
    faults_.board().rename_flags_errno = rename_flags_errno;
    std::map<std::string, std::string> environment = faults_.environment();
    environment["WEIR_SERVER"] = system_.grpc_address();
    return RunCommand({BinaryPath("weir"), "backup", directory}, "", absl::Seconds(120), environment);
  }

  chaos::FaultLibrary faults_{dir_.File("board")};
};

TEST_F(OddFileSystemTest, ABackupNeedsNoFlagsOfRename) {
  system_.StartServer();
  system_.PublishLines({Event("a")});
  const std::string target = dir_.File("target");
  const CommandResult result = BackupWhere(EINVAL, target);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(faults_.board().renames_failed, 1u);
  EXPECT_EQ(system_.Weir({"check-log", target}).exit_code, 0);
  EXPECT_FALSE(fs::exists(target + ".unfinished"));
}

TEST_F(OddFileSystemTest, AWholeCopyIsKeptWhenItCannotBeRenamed) {
  system_.StartServer();
  system_.PublishLines({Event("a")});
  const std::string target = dir_.File("target");
  const CommandResult result = BackupWhere(EACCES, target);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("the copy is whole, and stays in " + target + ".unfinished"));
  const CommandResult check = system_.Weir({"check-log", target + ".unfinished"});
  EXPECT_EQ(check.exit_code, 0) << check.err;
  EXPECT_EQ(Lines(check.out).at(0)["events"], 1);
}

TEST_F(BackupTest, ALogInMemoryHasNone) {
  system_.StartServer({"--engine", "memory"});
  const CommandResult result = Backup(dir_.File("target"));
  EXPECT_EQ(result.exit_code, 64 + 12);
  EXPECT_THAT(result.err, HasSubstr("UNIMPLEMENTED (ENGINE_UNSUPPORTED)"));
  EXPECT_TRUE(fs::is_empty(dir_.path())) << "nothing is left behind";
}

TEST_F(BackupTest, OneAtATimeAndWhatAnAbandonedOneLeavesIsRemoved) {
  system_.StartServer();
  std::vector<json> lines;
  for (int i = 0; i < 200; ++i) {
    lines.push_back(Event(absl::StrFormat("e%d", i), 100'000));
  }
  system_.PublishLines(lines);
  const auto channel = grpc::CreateChannel(system_.grpc_address(), grpc::InsecureChannelCredentials());
  const auto stub = v1::Maintenance::NewStub(channel);
  const std::string copy = system_.data_dir() + "/backup";
  {
    // More than gRPC takes ahead of a reader that has stopped.
    grpc::ClientContext context;
    const auto reader = stub->Backup(&context, v1::BackupRequest());
    v1::BackupResponse header;
    ASSERT_TRUE(reader->Read(&header));
    EXPECT_EQ(header.header().head_sequence(), 200u);
    EXPECT_GT(header.header().total_bytes(), 10u << 20);
    EXPECT_TRUE(fs::exists(copy));
    const CommandResult second = Backup(dir_.File("second"));
    EXPECT_EQ(second.exit_code, 64 + 8);
    EXPECT_THAT(second.err, HasSubstr("BACKUP_UNDER_WAY"));
    context.TryCancel();
    reader->Finish();
  }
  EXPECT_TRUE(WaitUntil([&] { return !fs::exists(copy); }, kPatience));
  // As a server that was killed meanwhile leaves it, and a client.
  system_.server().Kill();
  fs::create_directories(copy + "/db.tmp");
  WriteFile(copy + "/db.tmp/000009.sst", "half");
  system_.StartServer();
  EXPECT_FALSE(fs::exists(copy));
  const std::string target = dir_.File("target");
  fs::create_directories(target + ".unfinished/db");
  WriteFile(target + ".unfinished/db/000009.sst", "half");
  const CommandResult result = Backup(target);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_FALSE(fs::exists(target + "/db/000009.sst") && ReadFile(target + "/db/000009.sst") == "half");
  EXPECT_FALSE(fs::exists(copy));
  const CommandResult next = Backup(dir_.File("next"));
  EXPECT_EQ(next.exit_code, 0) << "one that has ended holds up none: " << next.err;
}

TEST_F(BackupTest, CheckLogRefusesALogInUseAndNamesFaults) {
  system_.StartServer();
  system_.PublishLines({Event("a"), Event("b")});
  CommandResult check = system_.Weir({"check-log", system_.data_dir()});
  EXPECT_EQ(check.exit_code, 1);
  EXPECT_THAT(check.err, HasSubstr("the log in " + system_.data_dir() + " is in use by another process"));
  system_.server().Signal(SIGTERM);
  EXPECT_EQ(system_.server().Wait(absl::Seconds(60)).value_or(-1), 0);
  check = system_.Weir({"check-log", system_.data_dir()});
  EXPECT_EQ(check.exit_code, 0) << check.err;
  const json line = Lines(check.out).at(0);
  EXPECT_EQ(line["events"], 2);
  EXPECT_EQ(line["head"], 2);
  EXPECT_EQ(line["faults"], 0);

  fs::remove(system_.data_dir() + "/db/CURRENT");
  check = system_.Weir({"check-log", system_.data_dir()});
  EXPECT_EQ(check.exit_code, 1);
  EXPECT_THAT(check.err, HasSubstr("fault: db/CURRENT: "));
  EXPECT_THAT(check.err, HasSubstr("restore the newest backup"));
  EXPECT_EQ(Lines(check.out).at(0)["faults"], 1);
  EXPECT_TRUE(Lines(check.out).at(0)["events"].is_null());
  const CommandResult server =
      RunCommand({BinaryPath("weir-server"), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir",
                  system_.data_dir(), "--descriptors", AppsDescriptorPath()},
                 "", kPatience);
  EXPECT_EQ(server.exit_code, 1);
  EXPECT_THAT(server.err, HasSubstr("`weir check-log " + system_.data_dir() + "`"));
}

// --- A full disk

class FullDiskTest : public ::testing::Test {
 protected:
  ~FullDiskTest() override {
    system_.server().Kill();
    umount2(system_.data_dir().c_str(), MNT_DETACH);
  }

  // A small disk for the log alone; false where that is not allowed.
  bool Mount(int mebibytes) {
    fs::create_directory(system_.data_dir());
    return mount("tmpfs", system_.data_dir().c_str(), "tmpfs", 0, absl::StrFormat("size=%dm", mebibytes).c_str()) == 0;
  }
  void Resize(int mebibytes) {
    ASSERT_EQ(
        mount("tmpfs", system_.data_dir().c_str(), "tmpfs", MS_REMOUNT, absl::StrFormat("size=%dm", mebibytes).c_str()),
        0);
  }

  uint64_t FreeBytes() const {
    struct statvfs info {};
    statvfs(system_.data_dir().c_str(), &info);
    return uint64_t{info.f_bavail} * info.f_frsize;
  }

  std::string filler() const { return system_.data_dir() + "/filler"; }
  // Somebody else fills the disk.
  void FillUpTo(uint64_t free_bytes) {
    const int file = open(filler().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_GE(file, 0);
    EXPECT_EQ(fallocate(file, 0, 0, static_cast<off_t>(FreeBytes() - free_bytes)), 0);
    close(file);
  }

  void StartServer(const std::string& reserve) {
    WriteFile(dir_.File("server.yaml"), "limits: {free_space_bytes_min: " + reserve + "}\n");
    system_.StartServer({"--config", dir_.File("server.yaml")});
  }

  void ExpectNoRoom() {
    const CommandResult full =
        RunCommand({BinaryPath("weir-server"), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir",
                    system_.data_dir(), "--descriptors", AppsDescriptorPath()});
    EXPECT_EQ(full.exit_code, 1) << full.err;
    EXPECT_THAT(full.err, HasSubstr("opening the log needs"));
  }

  std::string WriteEvents(const std::string& prefix, int count, size_t text_bytes) {
    std::string text;
    for (int i = 0; i < count; ++i) {
      text += Event(absl::StrFormat("%s%d", prefix, i), text_bytes).dump() + "\n";
    }
    WriteFile(dir_.File(prefix + ".jsonl"), text);
    return dir_.File(prefix + ".jsonl");
  }

  System system_;
  TempDir dir_;
};

TEST_F(FullDiskTest, PublishingWaitsForRoomWhileReadingGoesOn) {
  if (!Mount(96)) {
    GTEST_SKIP() << "mounting a file system is not allowed here";
  }
  StartServer("32MiB");
  system_.PublishLines({Event("before")});
  Process reader = Start(system_, {"subscribe", kTopic, "--earliest", "-n", "52"}, dir_.File("reader.err"));
  ASSERT_THAT(reader.ReadLine(absl::Seconds(60)).value_or(""), HasSubstr("before"));

  FillUpTo(20 << 20);
  const CommandResult refused = system_.Weir({"publish", "--topic", kTopic, "--type", kType, "{}"});
  EXPECT_EQ(refused.exit_code, 64 + 8);
  EXPECT_THAT(refused.err, HasSubstr("RESOURCE_EXHAUSTED (STORAGE_FULL)"));
  EXPECT_EQ(ListAll(system_).size(), 1u) << "reading goes on";
  const absl::StatusOr<Response> healthy = Fetch(system_.server_admin_port(), "/healthz");
  ASSERT_TRUE(healthy.ok());
  EXPECT_EQ(healthy->status, 200) << "a full disk is not a broken one";

  // The client's publisher keeps its events and tries again.
  Process publisher =
      Start(system_, {"publish", "--from", WriteEvents("p", 50, 100), "--wait", "5m"}, dir_.File("publisher.err"));
  ASSERT_TRUE(FileSays(dir_.File("publisher.err"), "STORAGE_FULL"));
  fs::remove(filler());
  const std::string results = publisher.ReadAll(absl::Seconds(120)).value_or("");
  EXPECT_EQ(publisher.Wait(absl::Seconds(60)).value_or(-1), 0) << ReadFile(dir_.File("publisher.err"));
  EXPECT_EQ(Lines(results).size(), 50u);
  system_.PublishLines({Event("after")});
  const std::vector<json> read = Lines(reader.ReadAll(absl::Seconds(60)).value_or(""));
  EXPECT_EQ(reader.Wait(absl::Seconds(60)).value_or(-1), 0) << "the same stream goes on";
  std::vector<std::string> ids;
  for (const json& line : read) {
    if (line.contains("event_id")) {
      ids.push_back(line["event_id"]);
    }
  }
  ASSERT_EQ(ids.size(), 51u);
  EXPECT_EQ(ids.front(), "p0");
  EXPECT_EQ(ids.back(), "after");
}

TEST_F(FullDiskTest, WhatWasAcknowledgedSurvivesAWriteThatFindsNoRoom) {
  if (!Mount(24)) {
    GTEST_SKIP() << "mounting a file system is not allowed here";
  }
  StartServer("1");
  const std::string events = WriteEvents("e", 400, 100'000);
  Process publisher = Start(system_, {"publish", "--from", events, "--wait", "1s"}, dir_.File("publisher.err"));
  ASSERT_TRUE(FileSays(dir_.File("publisher.err"), "LOG_POISONED")) << ReadFile(dir_.File("publisher.err"));
  const std::vector<json> results = Lines(publisher.ReadAll(absl::Seconds(60)).value_or(""));
  std::map<std::string, std::string> acked;
  for (const json& result : results) {
    if (result.contains("cursor")) {
      acked[result["event_id"]] = result["cursor"];
    }
  }
  EXPECT_GT(acked.size(), 20u);
  EXPECT_LT(acked.size(), 400u);
  EXPECT_TRUE(WaitUntil([&] {
    const absl::StatusOr<Response> response = Fetch(system_.server_admin_port(), "/healthz");
    return response.ok() && response->status == 503;
  }));
  const std::map<std::string, std::string> readable = ListAll(system_);
  for (const auto& [id, cursor] : acked) {
    EXPECT_TRUE(readable.contains(id)) << "reading goes on: " << id;
  }

  // Restarted while there is no room it says so, and does no harm.
  system_.server().Signal(SIGTERM);
  EXPECT_EQ(system_.server().Wait(absl::Seconds(60)).value_or(-1), 0);
  ExpectNoRoom();

  Resize(256);
  const CommandResult check = system_.Weir({"check-log", system_.data_dir()}, "", absl::Seconds(60));
  EXPECT_EQ(check.exit_code, 0) << check.err;
  StartServer("1");
  const std::map<std::string, std::string> after = ListAll(system_);
  for (const auto& [id, cursor] : acked) {
    ASSERT_TRUE(after.contains(id)) << id;
    EXPECT_EQ(after.at(id), cursor) << "in its place, under the same epoch";
  }
  const CommandResult again = system_.Weir({"publish", "--from", events, "--wait", "1m"}, "", absl::Seconds(120));
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(ListAll(system_).size(), 400u) << "once each";
}

// What lies in the write-ahead log is written into tables first.
TEST_F(FullDiskTest, AServerNeedsAsMuchRoomAsItsWriteAheadLogHas) {
  if (!Mount(256)) {
    GTEST_SKIP() << "mounting a file system is not allowed here";
  }
  StartServer("1");
  constexpr int kEvents = 400;
  constexpr uint64_t kBytes = uint64_t{kEvents} * 100'000;
  ASSERT_EQ(system_.Weir({"publish", "--from", WriteEvents("e", kEvents, 100'000)}, "", absl::Seconds(120)).exit_code,
            0);
  system_.server().Kill();
  FillUpTo((16 << 20) + kBytes / 2);
  ExpectNoRoom();
  fs::remove(filler());
  FillUpTo((17 << 20) + kBytes + kBytes / 10);
  StartServer("1");
  EXPECT_EQ(ListAll(system_).size(), size_t{kEvents});
}

}  // namespace
}  // namespace weir::testing
