// The protobuf wire format (https://protobuf.dev/programming-guides/encoding/), read into views and written by hand,
// for the hot paths that must not build message objects. Bounds-checked against any input; any thread.
#ifndef WEIR_BASE_WIRE_H_
#define WEIR_BASE_WIRE_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace weir::wire {

enum class Type : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kStartGroup = 3, kEndGroup = 4, kFixed32 = 5 };

// One field of a message.
struct Field {
  uint32_t number = 0;
  Type type = Type::kVarint;
  uint64_t value = 0;      // kVarint, kFixed32, kFixed64
  std::string_view bytes;  // kBytes: the content without its length
  std::string_view raw;    // tag, length and content
};

// Cuts the fields off a message one after another:
//   for (Reader reader(bytes); reader.Next(field);) { … }  if (!reader.ok()) { malformed }
// Groups are malformed here: proto3 has none.
class Reader {
 public:
  explicit Reader(std::string_view message) : rest_(message) {}

  // False at the end, and at the first malformed byte.
  bool Next(Field& field) {
    if (rest_.empty() || !ok_) {
      return false;
    }
    const char* start = rest_.data();
    uint64_t tag = 0;
    if (!Varint(tag) || tag > UINT32_MAX || (tag >> 3) == 0) {
      return Fail();
    }
    field.number = static_cast<uint32_t>(tag >> 3);
    field.type = static_cast<Type>(tag & 7);
    field.value = 0;
    field.bytes = {};
    switch (field.type) {
      case Type::kVarint:
        if (!Varint(field.value)) {
          return Fail();
        }
        break;
      case Type::kFixed64:
        if (!Fixed(8, field.value)) {
          return Fail();
        }
        break;
      case Type::kFixed32:
        if (!Fixed(4, field.value)) {
          return Fail();
        }
        break;
      case Type::kBytes: {
        uint64_t size = 0;
        if (!Varint(size) || size > rest_.size()) {
          return Fail();
        }
        field.bytes = rest_.substr(0, size);
        rest_.remove_prefix(size);
        break;
      }
      default:
        return Fail();
    }
    field.raw = std::string_view(start, static_cast<size_t>(rest_.data() - start));
    return true;
  }

  bool ok() const { return ok_; }

  // Reads one varint (at most 10 bytes) off the front; for packed fields.
  bool Varint(uint64_t& value) {
    value = 0;
    for (unsigned i = 0; i < 10 && i < rest_.size(); ++i) {
      const auto byte = static_cast<uint8_t>(rest_[i]);
      if (i == 9 && byte > 1) {
        return false;
      }
      value |= static_cast<uint64_t>(byte & 0x7F) << (7 * i);
      if (byte < 0x80) {
        rest_.remove_prefix(i + 1);
        return true;
      }
    }
    return false;
  }

  // Reads `size` (4 or 8) little-endian bytes off the front.
  bool Fixed(size_t size, uint64_t& value) {
    if (rest_.size() < size) {
      return false;
    }
    value = 0;
    std::memcpy(&value, rest_.data(), size);
    rest_.remove_prefix(size);
    return true;
  }

  std::string_view rest() const { return rest_; }

 private:
  bool Fail() {
    ok_ = false;
    return false;
  }

  std::string_view rest_;
  bool ok_ = true;
};

inline size_t VarintSize(uint64_t value) {
  size_t size = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++size;
  }
  return size;
}

inline void AppendVarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

inline void AppendTag(std::string& out, uint32_t number, Type type) {
  AppendVarint(out, (static_cast<uint64_t>(number) << 3) | static_cast<uint64_t>(type));
}

inline void AppendUint64(std::string& out, uint32_t number, uint64_t value) {
  AppendTag(out, number, Type::kVarint);
  AppendVarint(out, value);
}

inline void AppendBytes(std::string& out, uint32_t number, std::string_view bytes) {
  AppendTag(out, number, Type::kBytes);
  AppendVarint(out, bytes.size());
  out.append(bytes);
}

// True when the bytes are well-formed UTF-8 (no overlong forms, no surrogates, at most U+10FFFF).
bool IsValidUtf8(std::string_view bytes);

// A `google.protobuf.Timestamp` of whole milliseconds since 1970, in wire form.
std::string TimestampFromMillis(int64_t millis);
// Nanoseconds within the second are cut to milliseconds; false when malformed.
bool MillisFromTimestamp(std::string_view bytes, int64_t& millis);

}  // namespace weir::wire

#endif  // WEIR_BASE_WIRE_H_
