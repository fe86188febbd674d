// RocksDB's record files, read without RocksDB: its write-ahead logs (db/*.log) and its manifests have the same form.
//
// RocksDB is lenient about them: what looks like the end of a file ends it, and zeros are skipped, so that one wrong
// byte near the end can hide whole records behind it, which were acknowledged. So a log's files are read here first,
// and what is not a whole record is told apart: the end of a write that was never finished, which is nobody's loss; and
// damage, behind which whole records follow.
//
// A file is blocks of 32 KiB. A block holds fragments: masked CRC-32C of what follows the length, length (2 bytes),
// type (1 byte: whole, first, middle, last of a record), payload. Fewer than 7 bytes at a block's end are zero.
#ifndef WEIR_LOG_RECORD_FILE_H_
#define WEIR_LOG_RECORD_FILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

namespace weir::log {

struct RecordFile {
  uint64_t bytes = 0;    // of the file
  uint64_t records = 0;  // whole ones, from the beginning up to whole_bytes
  // Up to here there are whole records and nothing else. What follows is a write that was not finished, or damage.
  uint64_t whole_bytes = 0;
  // Where a whole record begins all the same at or after whole_bytes: then this is damage, and no unfinished write.
  std::optional<uint64_t> record_after_damage;

  bool whole() const { return whole_bytes == bytes; }
};

// Reads a file from its beginning, and calls `visit(offset, record)` for each whole record before the first fault; the
// view ends with the call. UNAVAILABLE when the file cannot be read. Holds one block and one record in memory.
absl::StatusOr<RecordFile> ReadRecordFile(const std::string& path,
                                          absl::FunctionRef<void(uint64_t offset, std::string_view record)> visit);

}  // namespace weir::log

#endif  // WEIR_LOG_RECORD_FILE_H_
