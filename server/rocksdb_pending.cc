#include "log/rocksdb_engine.h"
namespace weir::log { absl::StatusOr<std::unique_ptr<LogEngine>> OpenRocksDbLog(RocksDbOptions) { return absl::UnimplementedError("this build has no rocksdb engine yet; use --engine memory"); } }
