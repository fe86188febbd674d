#include "log/memory_engine.h"

#include <memory>

#include "gtest/gtest.h"
#include "log/log_engine_conformance.h"

namespace weir::log {
namespace {

class MemoryHarness : public EngineHarness {
 public:
  std::unique_ptr<LogEngine> Open(const LogOptions& options) override { return MakeMemoryLog({options}); }
  bool persists() const override { return false; }
};

INSTANTIATE_TEST_SUITE_P(Memory, LogEngineConformance,
                         testing::Values(EngineUnderTest{"memory", [] { return std::make_unique<MemoryHarness>(); }}));

TEST(MemoryEngineTest, EachLogHasAnEpochOfItsOwn) {
  EXPECT_NE(MakeMemoryLog({})->bounds().epoch, MakeMemoryLog({})->bounds().epoch);
  EXPECT_EQ(MakeMemoryLog({})->name(), "memory");
}

TEST(MemoryEngineTest, HasNoFilesToCopy) {
  EXPECT_EQ(MakeMemoryLog({})->Snapshot().status().code(), absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace weir::log
