// Keys of protobuf maps in an order: that of deterministic serialisation, by value. Pure; any thread.
#ifndef WEIR_BASE_WIRE_MAP_KEY_H_
#define WEIR_BASE_WIRE_MAP_KEY_H_

#include <cstdint>
#include <string_view>

namespace weir::wire {

// What a key's value on the wire means.
enum class MapKeyKind : uint8_t { kText, kBool, kUint32, kUint64, kInt32, kInt64, kSint32, kSint64 };

// Equal keys of one kind compare equal, others as their values do. Refers to the key's text.
struct MapKey {
  uint64_t number = 0;
  std::string_view text;

  friend bool operator==(const MapKey&, const MapKey&) = default;
  friend bool operator<(const MapKey& a, const MapKey& b) {
    return a.number != b.number ? a.number < b.number : a.text < b.text;
  }
};

inline int64_t Zigzag(uint64_t value) { return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1)); }

// The key whose value on the wire is `number` (varint or fixed) or `text`.
inline MapKey MakeMapKey(MapKeyKind kind, uint64_t number, std::string_view text) {
  const auto of_signed = [](int64_t value) {
    constexpr uint64_t kSign = uint64_t{1} << 63;  // makes signed order unsigned order
    return MapKey{static_cast<uint64_t>(value) ^ kSign, {}};
  };
  switch (kind) {
    case MapKeyKind::kText:
      return {0, text};
    case MapKeyKind::kBool:
      return {number != 0 ? uint64_t{1} : uint64_t{0}, {}};
    case MapKeyKind::kUint32:
      return {static_cast<uint32_t>(number), {}};
    case MapKeyKind::kUint64:
      break;
    case MapKeyKind::kInt32:
      return of_signed(static_cast<int32_t>(number));
    case MapKeyKind::kInt64:
      return of_signed(static_cast<int64_t>(number));
    case MapKeyKind::kSint32:
      return of_signed(Zigzag(static_cast<uint32_t>(number)));
    case MapKeyKind::kSint64:
      return of_signed(Zigzag(number));
  }
  return {number, {}};
}

}  // namespace weir::wire

#endif  // WEIR_BASE_WIRE_MAP_KEY_H_
