// Reads wire bytes value by value, and takes exactly what the C++ protobuf library takes, also where it is lenient: a
// varint's surplus bits are dropped, a tag or a length may have up to five bytes. For code that must judge or show a
// payload as the library would; where form alone matters, wire::Reader is simpler. Bounds-checked against any input.
#ifndef WEIR_BASE_WIRE_SCANNER_H_
#define WEIR_BASE_WIRE_SCANNER_H_

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/wire.h"

namespace weir::wire {

// How many messages and groups may lie in one another below the outermost: the library's default.
inline constexpr int kDepthMax = 100;

// Every method returns false when the bytes are malformed; the scanner is then of no more use.
class Scanner {
 public:
  explicit Scanner(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool done() const { return at_ == end_; }
  const char* at() const { return at_; }

  bool Varint(uint64_t& value) {
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) {
      value = static_cast<uint8_t>(*at_++);
      return true;
    }
    return LongVarint(10, value);
  }

  // A tag: the field's number (not 0) and its type (0 to 5).
  bool Tag(uint32_t& number, Type& type) {
    uint64_t tag = 0;
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) {
      tag = static_cast<uint8_t>(*at_++);
    } else if (!LongVarint(5, tag)) {
      return false;
    }
    number = static_cast<uint32_t>(tag) >> 3;
    type = static_cast<Type>(tag & 7);
    return number != 0 && (tag & 7) < 6;
  }

  // A length and that many bytes.
  bool Bytes(std::string_view& bytes) {
    uint64_t size = 0;
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) {
      size = static_cast<uint8_t>(*at_++);
    } else if (!LongVarint(5, size)) {
      return false;
    }
    if (size > static_cast<uint64_t>(end_ - at_)) {
      return false;
    }
    bytes = {at_, static_cast<size_t>(size)};
    at_ += size;
    return true;
  }

  // `size` (4 or 8) little-endian bytes.
  bool Fixed(size_t size, uint64_t& value) {
    if (static_cast<size_t>(end_ - at_) < size) {
      return false;
    }
    value = 0;
    std::memcpy(&value, at_, size);
    at_ += size;
    return true;
  }

  // What follows the tag of a field that nobody wants. Groups must be closed, and lie at most `depth` deep.
  bool Skip(uint32_t number, Type type, int depth) {
    uint64_t value = 0;
    std::string_view bytes;
    switch (type) {
      case Type::kVarint:
        return Varint(value);
      case Type::kFixed64:
        return Fixed(8, value);
      case Type::kFixed32:
        return Fixed(4, value);
      case Type::kBytes:
        return Bytes(bytes);
      case Type::kStartGroup:
        return SkipGroup(number, depth - 1);
      default:
        return false;
    }
  }

 private:
  bool LongVarint(int bytes_max, uint64_t& value) {
    value = 0;
    for (int i = 0; i < bytes_max && at_ != end_; ++i) {
      const auto byte = static_cast<uint8_t>(*at_++);
      value |= static_cast<uint64_t>(byte & 0x7F) << (7 * i);
      if (byte < 0x80) {
        return true;
      }
    }
    return false;
  }

  bool SkipGroup(uint32_t group, int depth) {
    if (depth < 0) {
      return false;
    }
    uint32_t number = 0;
    Type type = Type::kVarint;
    while (!done()) {
      if (!Tag(number, type)) {
        return false;
      }
      if (type == Type::kEndGroup) {
        return number == group;
      }
      if (!Skip(number, type, depth)) {
        return false;
      }
    }
    return false;
  }

  const char* at_;
  const char* end_;
};

}  // namespace weir::wire

#endif  // WEIR_BASE_WIRE_SCANNER_H_
