#include "log/log_check.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "base/cursor.h"
#include "base/text.h"
#include "log/chunk.h"
#include "log/log_directory.h"
#include "log/preflight.h"
#include "log/rocksdb_store.h"
#include "rocksdb/sst_file_reader.h"

namespace weir::log {
namespace {

// Null when it cannot be opened: then `fault` says why. UNAVAILABLE when the disk cannot be read.
absl::StatusOr<std::unique_ptr<RocksDbStore>> Open(const std::string& directory, const Preflight& preflight,
                                                   LogFault& fault) {
  rocksdb::Status opened;
  std::unique_ptr<RocksDbStore> store = RocksDbStore::OpenReadOnly(directory, RocksDbStore::Wal::kRead, opened);
  if (opened.IsIOError() && !opened.IsPathNotFound()) {
    return FromRocksDb(opened, fmt::format("reading the log in {}", directory));
  }
  if (store == nullptr) {
    // The files were found good but for the end.
    const std::optional<FileTail>& tail = preflight.wal_tail;
    fault.where = tail.has_value() ? tail->file : "db";
    fault.what = tail.has_value() ? fmt::format("from byte {} on there is something that is no unfinished write: {}",
                                                tail->whole_bytes, opened.ToString())
                                  : opened.ToString();
    fault.advice = tail.has_value() ? kRepairAdvice : kRestoreAdvice;
  }
  return store;
}

void CheckTables(const RocksDbStore& store, Faults& faults) {
  std::vector<rocksdb::LiveFileMetaData> tables;
  store.db().GetLiveFilesMetaData(&tables);
  for (const rocksdb::LiveFileMetaData& table : tables) {
    rocksdb::SstFileReader reader(store.db().GetOptions(store.family(table.column_family_name)));
    rocksdb::Status status = reader.Open(fmt::format("{}/db{}", store.path(), table.name));
    if (status.ok()) {
      status = reader.VerifyChecksum();
    }
    if (!status.ok()) {
      faults.Add("db" + table.name,
                 fmt::format("the table of {} is damaged: {}", table.column_family_name, status.ToString()));
    }
  }
}

struct Facts {
  std::string epoch;
  FingerprintKey key;
  format::Trimmed trimmed;
};

std::optional<Facts> ReadFacts(const RocksDbStore& store, Faults& faults) {
  const auto get = [&](std::string_view name) -> std::optional<std::string> {
    absl::StatusOr<std::optional<std::string>> value = store.Get(store.facts(), name);
    if (!value.ok()) {
      faults.Add(fmt::format("fact {}", name), std::string(Message(value.status())));
      return std::nullopt;
    }
    return *std::move(value);
  };
  Facts facts;
  const size_t before = faults.count();
  const std::optional<std::string> epoch = get(format::kEpochKey);
  const std::optional<std::string> key = get(format::kFingerprintKey);
  const std::optional<std::string> trimmed = get(format::kTrimmedKey);
  const std::optional<std::string> state = get(format::kStateKey);
  if (faults.count() != before) {
    return std::nullopt;
  }
  if (!epoch.has_value() && !key.has_value() && !state.has_value()) {
    return facts;  // made, and never used
  }
  const std::optional<FingerprintKey> known_key = format::DecodeFingerprintKey(key.value_or(""));
  const std::optional<format::Trimmed> known_trimmed =
      trimmed.has_value() ? format::DecodeTrimmed(*trimmed) : format::Trimmed();
  if (!Epoch::Parse(epoch.value_or("")).has_value()) {
    faults.Add("fact epoch", "it is missing, or is no epoch");
  }
  if (!known_key.has_value()) {
    faults.Add("fact fingerprint-key", "it is missing, or is no key");
  }
  if (!known_trimmed.has_value()) {
    faults.Add("fact trimmed", "it does not say where the log begins");
  }
  if (state != format::kStateClean && state != format::kStateAlways && state != format::kStateNever) {
    faults.Add("fact state", "it is missing, or is none that is known");
  }
  if (!known_key.has_value() || !known_trimmed.has_value()) {
    return std::nullopt;
  }
  return Facts{epoch.value_or(""), *known_key, *known_trimmed};
}

bool WriteAll(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) {
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(std::max<ssize_t>(written, 0)));
  }
  return true;
}

// Writes what a file holds from `offset` on to another one, durably. `how`: flags of open.
absl::Status Copy(const std::string& from, uint64_t offset, const std::string& to, int how) {
  std::ifstream in(from, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(offset));
  const int out = open(to.c_str(), O_WRONLY | O_CLOEXEC | how, 0640);
  bool copied = out >= 0;
  std::string block(1 << 20, '\0');
  while (copied && in) {
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    copied = !in.bad() && WriteAll(out, std::string_view(block).substr(0, static_cast<size_t>(in.gcount())));
  }
  copied = copied && fsync(out) == 0;
  const int error = in.bad() ? EIO : errno;
  if (out >= 0) {
    close(out);
  }
  return copied ? absl::OkStatus()
                : absl::UnavailableError(fmt::format("{} cannot be written: {}", to, std::strerror(error)));
}

absl::Status Truncate(const std::string& path, uint64_t bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const bool done = file >= 0 && ftruncate(file, static_cast<off_t>(bytes)) == 0 && fsync(file) == 0;
  const int error = errno;
  if (file >= 0) {
    close(file);
  }
  return done ? absl::OkStatus()
              : absl::UnavailableError(fmt::format("{} cannot be cut: {}", path, std::strerror(error)));
}

// A name for what is cut that is not taken: a repair that was interrupted leaves its own.
std::string NameOfCopy(const std::string& within, const FileTail& tail) {
  const std::string name = fmt::format("cut-{}-{}", tail.file.substr(tail.file.rfind('/') + 1), tail.whole_bytes);
  std::string free = name;
  std::error_code error;
  for (int i = 1; std::filesystem::exists(std::filesystem::symlink_status(within + free, error)); ++i) {
    free = fmt::format("{}.{}", name, i);
  }
  return free;
}

bool IsCut(const LogDirectory& directory, const FileTail& tail) {
  std::error_code error;
  return std::filesystem::file_size(directory.path() + "/" + tail.file, error) != tail.bytes;
}

// When it fails nothing is left of it, unless the file was shortened before.
absl::StatusOr<CutTail> Cut(const LogDirectory& directory, const FileTail& tail) {
  const std::string within = directory.path() + "/";
  const CutTail cut = {.file = tail.file,
                       .offset = tail.whole_bytes,
                       .bytes = tail.bytes - tail.whole_bytes,
                       .copy = NameOfCopy(within, tail)};
  const bool new_epoch_before = directory.new_epoch_demanded();
  absl::Status status = Copy(within + cut.file, cut.offset, within + cut.copy, O_CREAT | O_EXCL);
  if (status.ok()) {
    status = directory.DemandNewEpoch();  // before anything is gone
  }
  if (status.ok()) {
    status = Truncate(within + cut.file, cut.offset);
  }
  if (status.ok()) {
    return cut;
  }
  if (!IsCut(directory, tail)) {
    unlink((within + cut.copy).c_str());
    if (!new_epoch_before) {
      directory.EpochRenewed().IgnoreError();
    }
  }
  return status;
}

// Puts everything back, the last cut first.
absl::Status Undo(const LogDirectory& directory, const std::vector<CutTail>& cuts, bool keep_new_epoch) {
  const std::string within = directory.path() + "/";
  for (auto cut = cuts.rbegin(); cut != cuts.rend(); ++cut) {
    if (absl::Status status = Copy(within + cut->copy, 0, within + cut->file, O_APPEND); !status.ok()) {
      return status;
    }
    if (unlink((within + cut->copy).c_str()) != 0) {
      return absl::UnavailableError(fmt::format("{} cannot be removed: {}", cut->copy, std::strerror(errno)));
    }
  }
  return cuts.empty() || keep_new_epoch ? absl::OkStatus() : directory.EpochRenewed();
}

// What the next event is given: one more than the newest; where retention has left none, what it says. The newest that
// is stored may be one that is removed, and waits in a table for a compaction.
uint64_t NextSequence(const RocksDbStore& store) {
  Faults faults;
  const std::optional<Facts> facts = ReadFacts(store, faults);
  const uint64_t earliest = facts.has_value() ? facts->trimmed.earliest : 1;
  const std::unique_ptr<rocksdb::Iterator> it = store.Iterate(store.events());
  it->SeekToLast();
  const absl::StatusOr<ChunkPtr> chunk = it->Valid() ? Chunk::Parse(it->value().ToString()) : ChunkPtr();
  return chunk.ok() && *chunk != nullptr ? std::max(earliest, (*chunk)->last_sequence() + 1) : earliest;
}

}  // namespace

absl::StatusOr<LogReport> CheckLog(const std::string& path) {
  const absl::StatusOr<LogDirectory> directory = LogDirectory::Visit(path, LogDirectory::Use::kLook);
  if (!directory.ok()) {
    return directory.status();
  }
  LogReport report;
  report.new_epoch = directory->new_epoch_demanded();
  const absl::StatusOr<Preflight> preflight = Inspect(path);
  if (!preflight.ok()) {
    return preflight.status();
  }
  if (!preflight->faults.empty()) {
    report.faults.Add(preflight->faults.front());
    return report;
  }
  if (!preflight->used) {
    report.content = LogContent();
    return report;
  }
  LogFault fault;
  const absl::StatusOr<std::unique_ptr<RocksDbStore>> store = Open(path, *preflight, fault);
  if (!store.ok()) {
    return store.status();
  }
  if (*store == nullptr) {
    report.faults.Add(fault);
    return report;
  }
  if (preflight->wal_tail.has_value()) {
    report.unfinished_bytes = preflight->wal_tail->bytes - preflight->wal_tail->whole_bytes;
  }
  CheckTables(**store, report.faults);
  if (const std::optional<Facts> facts = ReadFacts(**store, report.faults)) {
    report.epoch = facts->epoch;
    report.content = CheckContent(**store, facts->key, facts->trimmed, report.faults);
  }
  return report;
}

absl::StatusOr<TailRepair> RepairTail(const std::string& path) {
  const absl::StatusOr<LogDirectory> directory = LogDirectory::Visit(path, LogDirectory::Use::kRepair);
  if (!directory.ok()) {
    return directory.status();
  }
  const bool new_epoch_before = directory->new_epoch_demanded();
  TailRepair repair;
  while (true) {
    const absl::StatusOr<Preflight> preflight = Inspect(path);
    if (!preflight.ok()) {
      return preflight.status();
    }
    LogFault fault;
    std::unique_ptr<RocksDbStore> store;
    if (!preflight->faults.empty()) {
      fault = preflight->faults.front();
    } else if (!preflight->used) {
      return repair;
    } else {
      absl::StatusOr<std::unique_ptr<RocksDbStore>> opened = Open(path, *preflight, fault);
      if (!opened.ok()) {
        return opened.status();
      }
      store = *std::move(opened);
    }
    if (store != nullptr) {
      repair.next_sequence = NextSequence(*store);
      return repair;
    }
    const std::optional<FileTail>& tail = preflight->faults.empty() ? preflight->wal_tail : preflight->manifest_tail;
    if (!tail.has_value()) {
      absl::Status status = Undo(*directory, repair.cuts, new_epoch_before);
      return !status.ok() ? status
                          : absl::DataLossError(fmt::format(
                                "the log in {} is damaged elsewhere than at its end, which nothing repairs: {}", path,
                                fault.ToString()));
    }
    absl::StatusOr<CutTail> cut = Cut(*directory, *tail);
    if (!cut.ok()) {
      Undo(*directory, repair.cuts, new_epoch_before || IsCut(*directory, *tail)).IgnoreError();
      return cut.status();
    }
    repair.cuts.push_back(*std::move(cut));
  }
}

}  // namespace weir::log
