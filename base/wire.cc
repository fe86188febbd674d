#include "base/wire.h"

namespace weir::wire {

bool IsValidUtf8(std::string_view bytes) {
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* const end = p + bytes.size();
  while (p < end) {
    // Eight ASCII bytes at a time: nearly all text.
    uint64_t word = 0;
    while (end - p >= 8) {
      std::memcpy(&word, p, 8);
      if ((word & 0x8080808080808080u) != 0) {
        break;
      }
      p += 8;
    }
    if (p == end) {
      break;
    }
    const unsigned lead = *p++;
    if (lead < 0x80) {
      continue;
    }
    const unsigned more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC2 || lead > 0xF4 || static_cast<size_t>(end - p) < more) {
      return false;
    }
    const unsigned second = *p;
    const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (second < low || second > high) {
      return false;
    }
    for (unsigned i = 1; i < more; ++i) {
      if ((p[i] & 0xC0) != 0x80) {
        return false;
      }
    }
    p += more;
  }
  return true;
}

std::string TimestampFromMillis(int64_t millis) {
  std::string out;
  int64_t seconds = millis / 1000;
  int64_t rest = millis % 1000;
  if (rest < 0) {
    rest += 1000;
    --seconds;
  }
  if (seconds != 0) {
    AppendUint64(out, 1, static_cast<uint64_t>(seconds));
  }
  if (rest != 0) {
    AppendUint64(out, 2, static_cast<uint64_t>(rest * 1'000'000));
  }
  return out;
}

bool MillisFromTimestamp(std::string_view bytes, int64_t& millis) {
  int64_t seconds = 0;
  int64_t nanos = 0;
  Reader reader(bytes);
  for (Field field; reader.Next(field);) {
    if (field.type != Type::kVarint) {
      return false;
    }
    if (field.number == 1) {
      seconds = static_cast<int64_t>(field.value);
    } else if (field.number == 2) {
      nanos = static_cast<int64_t>(field.value);
    }
  }
  // The range of google.protobuf.Timestamp: 0001-01-01 to 9999-12-31.
  constexpr int64_t kSecondsMin = -62'135'596'800;
  constexpr int64_t kSecondsMax = 253'402'300'799;
  if (!reader.ok() || seconds < kSecondsMin || seconds > kSecondsMax || nanos < 0 || nanos > 999'999'999) {
    return false;
  }
  millis = seconds * 1000 + nanos / 1'000'000;
  return true;
}

}  // namespace weir::wire
