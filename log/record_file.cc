#include "log/record_file.h"

#include <algorithm>
#include <cstring>
#include <fstream>

#include "absl/status/status.h"
#include "fmt/format.h"
#include "log/crc32c.h"

namespace weir::log {
namespace {

constexpr size_t kBlockBytes = 32 << 10;
constexpr size_t kHeaderBytes = 7;

enum Type : uint8_t { kWhole = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

struct Fragment {
  Type type;
  std::string_view payload;
};

// The fragment at the front of `block`, if there is a good one.
std::optional<Fragment> ReadFragment(std::string_view block) {
  if (block.size() < kHeaderBytes) {
    return std::nullopt;
  }
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(block[i])); };
  const uint32_t type = byte(6);
  const size_t length = byte(4) | (byte(5) << 8);
  if (type < kWhole || type > kLast || length > block.size() - kHeaderBytes) {
    return std::nullopt;
  }
  uint32_t crc = 0;
  std::memcpy(&crc, block.data(), sizeof(crc));
  if (crc != MaskedCrc32c(block.substr(6, 1 + length))) {
    return std::nullopt;
  }
  return Fragment{static_cast<Type>(type), block.substr(kHeaderBytes, length)};
}

// Whether `rest`, the end of a block, is a good fragment that goes up to that end, but says another length: it looks
// like a write that was cut, and is none.
bool IsWholeButForItsLength(std::string_view rest) {
  uint32_t crc = 0;
  std::memcpy(&crc, rest.data(), sizeof(crc));
  const auto type = static_cast<uint8_t>(rest[6]);
  return type >= kWhole && type <= kLast && crc == MaskedCrc32c(rest.substr(6));
}

// Puts fragments together, and after a fault looks for whole records wherever one may begin.
class Scanner {
 public:
  Scanner(RecordFile& file, absl::FunctionRef<void(uint64_t, std::string_view)> visit) : file_(file), visit_(visit) {}

  // Blocks in order; all but the last are of full size.
  void Take(std::string_view block) {
    size_t at = 0;
    while (block.size() - at >= kHeaderBytes) {
      const std::optional<Fragment> fragment = ReadFragment(block.substr(at));
      if (!fragment.has_value()) {
        if (IsWholeButForItsLength(block.substr(at))) {
          Damaged(block_offset_ + at);
        }
        faulty_ = true;
        inside_ = false;
        ++at;  // the length cannot be believed
        continue;
      }
      const size_t size = kHeaderBytes + fragment->payload.size();
      Add(*fragment, block_offset_ + at, block_offset_ + at + size);
      at += size;
    }
    const std::string_view rest = block.substr(at);
    const bool filler = block.size() == kBlockBytes && rest.find_first_not_of('\0') == std::string_view::npos;
    faulty_ = faulty_ || (!rest.empty() && !filler);
    block_offset_ += block.size();
    // Filler belongs to the record before it: the next one begins with the next block.
    if (!faulty_ && !inside_) {
      file_.whole_bytes = block_offset_;
    }
  }

  bool done() const { return file_.record_after_damage.has_value(); }

 private:
  void Add(const Fragment& fragment, uint64_t begin, uint64_t end) {
    const bool begins = fragment.type == kWhole || fragment.type == kFirst;
    if (begins == inside_) {  // a record that has no end, or an end that has no beginning
      faulty_ = true;
    }
    if (begins) {
      inside_ = true;
      begin_ = begin;
      record_.clear();
    } else if (!inside_) {
      return;
    }
    record_.append(fragment.payload);
    if (fragment.type != kWhole && fragment.type != kLast) {
      return;
    }
    inside_ = false;
    if (faulty_) {
      Damaged(begin_);
      return;
    }
    ++file_.records;
    file_.whole_bytes = end;
    visit_(begin_, record_);
  }

  void Damaged(uint64_t record) {
    if (!file_.record_after_damage.has_value()) {
      file_.record_after_damage = record;
    }
  }

  RecordFile& file_;
  const absl::FunctionRef<void(uint64_t, std::string_view)> visit_;
  uint64_t block_offset_ = 0;
  bool faulty_ = false;
  bool inside_ = false;  // a record has begun
  uint64_t begin_ = 0;
  std::string record_;
};

}  // namespace

absl::StatusOr<RecordFile> ReadRecordFile(const std::string& path,
                                          absl::FunctionRef<void(uint64_t, std::string_view)> visit) {
  std::ifstream in(path, std::ios::binary);
  RecordFile file;
  Scanner scanner(file, visit);
  std::string block(kBlockBytes, '\0');
  bool readable = in.is_open();
  while (readable && !scanner.done()) {
    in.read(block.data(), kBlockBytes);
    const auto size = static_cast<size_t>(in.gcount());
    readable = !in.bad();
    if (size == 0) {
      break;
    }
    file.bytes += size;
    scanner.Take(std::string_view(block).substr(0, size));
  }
  if (!readable) {
    return absl::UnavailableError(fmt::format("{} cannot be read", path));
  }
  if (scanner.done()) {
    in.clear();
    in.seekg(0, std::ios::end);
    file.bytes = static_cast<uint64_t>(in.tellg());
  }
  return file;
}

}  // namespace weir::log
