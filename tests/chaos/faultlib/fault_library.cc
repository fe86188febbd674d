#include "tests/chaos/faultlib/fault_library.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace weir::chaos {
namespace {

Board* MapNewBoard(const std::string& path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  void* mapped = MAP_FAILED;
  if (file >= 0 && ftruncate(file, sizeof(Board)) == 0) {
    mapped = mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  }
  if (mapped == MAP_FAILED) {
    std::perror(path.c_str());
    std::abort();
  }
  close(file);
  return static_cast<Board*>(mapped);
}

// Beside the tests' directory.
std::string LibraryPath() {
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  return (self.parent_path().parent_path() / "lib/libweir_faults.so").string();
}

}  // namespace

FaultLibrary::FaultLibrary(const std::string& board_path) : board_path_(board_path), board_(MapNewBoard(board_path)) {}

FaultLibrary::~FaultLibrary() { munmap(board_, sizeof(Board)); }

std::map<std::string, std::string> FaultLibrary::environment() const {
  // AddressSanitizer insists on being first. It need not be: what this library takes the place of, it passes on.
  const char* asan = std::getenv("ASAN_OPTIONS");
  const std::string others = asan == nullptr ? "" : std::string(asan) + ":";
  return {{"LD_PRELOAD", LibraryPath()},
          {kBoardVariable, board_path_},
          {"ASAN_OPTIONS", others + "verify_asan_link_order=0"}};
}

}  // namespace weir::chaos
