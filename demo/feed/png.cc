// A PNG is a signature and chunks: the head, the palette, the rows (each after a filter byte, all of them deflated),
// the end. Each chunk carries its length before it and a CRC behind it.
#include "demo/feed/png.h"

#include <zlib.h>

#include <string_view>

namespace weir::demo {
namespace {

constexpr std::string_view kSignature = "\x89PNG\r\n\x1A\n";

const Bytef* Bytes(std::string_view text) { return reinterpret_cast<const Bytef*>(text.data()); }

void AppendNumber(uint32_t number, std::string& out) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out += static_cast<char>(number >> shift);
  }
}

void AppendChunk(std::string_view type, std::string_view data, std::string& out) {
  AppendNumber(static_cast<uint32_t>(data.size()), out);
  uLong sum = crc32(0, Bytes(type), static_cast<uInt>(type.size()));
  sum = crc32(sum, Bytes(data), static_cast<uInt>(data.size()));
  out.append(type).append(data);
  AppendNumber(static_cast<uint32_t>(sum), out);
}

std::string Deflated(std::string_view data) {
  uLongf size = compressBound(data.size());
  std::string out(size, '\0');
  compress2(reinterpret_cast<Bytef*>(out.data()), &size, Bytes(data), data.size(), Z_BEST_COMPRESSION);
  out.resize(size);
  return out;
}

}  // namespace

std::string EncodePng(const Picture& picture) {
  std::string head;
  AppendNumber(picture.width, head);
  AppendNumber(picture.height, head);
  head.append("\x08\x03\0\0\0", 5);  // 8 bits a pixel, from the palette; deflate; no adaptive filters; not interlaced

  std::string palette;
  for (const Colour& colour : picture.palette) {
    for (const uint8_t part : {colour.red, colour.green, colour.blue}) {
      palette += static_cast<char>(part);
    }
  }
  std::string rows;
  rows.reserve(picture.pixels.size() + picture.height);
  for (uint32_t y = 0; y < picture.height; ++y) {
    rows += '\0';
    const auto row = picture.pixels.begin() + static_cast<std::ptrdiff_t>(size_t{y} * picture.width);
    rows.append(row, row + picture.width);
  }

  std::string out(kSignature);
  AppendChunk("IHDR", head, out);
  AppendChunk("PLTE", palette, out);
  AppendChunk("IDAT", Deflated(rows), out);
  AppendChunk("IEND", "", out);
  return out;
}

}  // namespace weir::demo
