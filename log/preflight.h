// Looks at the files of a log before RocksDB may open it for writing.
//
// RocksDB makes the best of what it finds: without its CURRENT file it begins an empty database; a write-ahead log that
// is missing, or ends early, is as long as it is; a manifest that lost its end names fewer tables, and the others are
// deleted. Each of these would make the log silently shorter. So here everything is read first, without changing
// anything: the record files must be whole but for the end of the newest, the numbers that RocksDB gives to writes must
// go on from the manifest through all write-ahead logs, and no table may hold events beyond what is known.
#ifndef WEIR_LOG_PREFLIGHT_H_
#define WEIR_LOG_PREFLIGHT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "log/log_fault.h"

namespace weir::log {

// The files of a database that matter, with their numbers; sorted.
struct StoredFiles {
  bool exists = false;   // there is a db/
  bool current = false;  // the file CURRENT is there
  std::vector<uint64_t> wals;
  std::vector<uint64_t> tables;

  static absl::StatusOr<StoredFiles> List(const std::string& database);
  static std::string WalName(uint64_t number);    // 000012.log
  static std::string TableName(uint64_t number);  // 000012.sst
};

// The end of a record file, when it is not whole, and nothing whole follows.
struct FileTail {
  std::string file;          // within the log's directory
  uint64_t whole_bytes = 0;  // good up to here
  uint64_t bytes = 0;        // of the file
};

struct Preflight {
  bool used = false;  // the database was made to its end: there may be something in it
  std::vector<LogFault> faults;
  // Of the newest write-ahead log. RocksDB drops it when it is the end of a write that was not finished, and refuses it
  // otherwise.
  std::optional<FileTail> wal_tail;
  // Of the manifest, when RocksDB refuses it; the only fault then.
  std::optional<FileTail> manifest_tail;
};

// `directory` is the log's, and nobody writes it. A log that was never opened has no faults. UNAVAILABLE when something
// cannot be read.
absl::StatusOr<Preflight> Inspect(const std::string& directory);

}  // namespace weir::log

#endif  // WEIR_LOG_PREFLIGHT_H_
