// Whether what a log holds fits together: segments, events, postings and fingerprints say the same thing.
#ifndef WEIR_LOG_CONTENT_CHECK_H_
#define WEIR_LOG_CONTENT_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "log/fingerprint.h"
#include "log/log_fault.h"
#include "log/rocksdb_format.h"
#include "log/rocksdb_store.h"

namespace weir::log {

// The faults that were found, the first hundred of them; the others are counted.
class Faults {
 public:
  static constexpr size_t kKeptMax = 100;

  void Add(std::string where, std::string what, std::string_view advice = kRestoreAdvice) {
    ++count_;
    if (kept_.size() < kKeptMax) {
      kept_.push_back({std::move(where), std::move(what), std::string(advice)});
    }
  }
  void Add(const LogFault& fault) { Add(fault.where, fault.what, fault.advice); }

  size_t count() const { return count_; }
  const std::vector<LogFault>& kept() const { return kept_; }

 private:
  size_t count_ = 0;
  std::vector<LogFault> kept_;
};

struct LogContent {
  uint64_t events = 0;
  uint64_t earliest = 1;
  uint64_t head = 0;
  uint64_t bytes = 0;  // of stored events
  uint64_t segments = 0;
};

// Reads everything once, in order; the index of one segment is in memory at a time. Goes on behind what cannot be read.
LogContent CheckContent(const RocksDbStore& store, const FingerprintKey& key, const format::Trimmed& trimmed,
                        Faults& faults);

}  // namespace weir::log

#endif  // WEIR_LOG_CONTENT_CHECK_H_
