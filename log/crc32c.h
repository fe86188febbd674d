// CRC-32C (Castagnoli), as RocksDB's files carry it. Pure.
#ifndef WEIR_LOG_CRC32C_H_
#define WEIR_LOG_CRC32C_H_

#include <cstdint>
#include <string_view>

namespace weir::log {

// Of `bytes`, or of what gave `before` and then `bytes`.
uint32_t Crc32c(std::string_view bytes, uint32_t before = 0);

// As RocksDB stores it: a checksum of data that holds checksums would be weak.
inline uint32_t MaskedCrc32c(std::string_view bytes) {
  const uint32_t crc = Crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

}  // namespace weir::log

#endif  // WEIR_LOG_CRC32C_H_
