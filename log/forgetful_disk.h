// A disk that keeps what was synced, and after a power cut nothing else: for the tests of the log on disk.
#ifndef WEIR_LOG_FORGETFUL_DISK_H_
#define WEIR_LOG_FORGETFUL_DISK_H_

#include <cstdint>
#include <memory>
#include <random>

#include "rocksdb/env.h"

namespace weir::log {

// Files really are in the file system; it is remembered how much of them was synced, and which names of them. What is
// opened with its env must be closed before Forget, and the disk outlives it.
class ForgetfulDisk {
 public:
  // What becomes of what was written to a file and not synced.
  enum class Unsynced {
    kGone,
    kCut,      // its beginning is there
    kGarbage,  // its beginning is there, and then as much of something else
  };

  // Until the power goes, `syncs` files are synced; the next sync fails, and so does everything after it but what is
  // written to tables, which is for nothing.
  explicit ForgetfulDisk(uint64_t syncs);
  ~ForgetfulDisk();

  rocksdb::Env* env() { return env_.get(); }
  bool cut() const;
  // The power goes now.
  void Cut();

  // Makes the file system what a machine finds that starts again. Names that were not synced are gone, too.
  void Forget(Unsynced unsynced, std::mt19937_64& random);

  class State;

 private:
  const std::shared_ptr<State> state_;
  std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace weir::log

#endif  // WEIR_LOG_FORGETFUL_DISK_H_
