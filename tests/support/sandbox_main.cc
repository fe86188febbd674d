// The main of tests that run in a sandbox.
#include <gmock/gmock.h>

#include "tests/support/sandbox.h"

int main(int argc, char** argv) {
  weir::testing::EnterSandbox();
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
