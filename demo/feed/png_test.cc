#include "demo/feed/png.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string_view>
#include <utility>

namespace weir::demo {
namespace {

uint32_t Number(std::string_view bytes, size_t at) {
  uint32_t number = 0;
  for (size_t i = at; i < at + 4; ++i) {
    number = number << 8U | static_cast<uint8_t>(bytes.at(i));
  }
  return number;
}

// Types and data of the chunks, each one's CRC being right.
std::vector<std::pair<std::string, std::string>> Chunks(std::string_view png) {
  std::vector<std::pair<std::string, std::string>> chunks;
  for (size_t at = 8; at < png.size();) {
    const uint32_t size = Number(png, at);
    const std::string body(png.substr(at + 4, size + 4));
    EXPECT_EQ(Number(png, at + 8 + size),
              crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size())));
    chunks.emplace_back(body.substr(0, 4), body.substr(4));
    at += size + 12;
  }
  return chunks;
}

TEST(Png, HoldsThePicture) {
  const Picture picture{.width = 3, .height = 2, .palette = {{255, 0, 0}, {0, 1, 2}}, .pixels = {0, 1, 0, 1, 1, 0}};
  const std::string png = EncodePng(picture);
  EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1A\n");
  const auto chunks = Chunks(png);
  ASSERT_EQ(chunks.size(), 4U);
  EXPECT_EQ(chunks[0], std::make_pair(std::string("IHDR"), std::string("\0\0\0\3\0\0\0\2\x08\3\0\0\0", 13)));
  EXPECT_EQ(chunks[1], std::make_pair(std::string("PLTE"), std::string("\xFF\0\0\0\1\2", 6)));
  EXPECT_EQ(chunks[2].first, "IDAT");
  EXPECT_EQ(chunks[3], std::make_pair(std::string("IEND"), std::string()));

  std::string rows(64, '?');
  uLongf size = rows.size();
  ASSERT_EQ(uncompress(reinterpret_cast<Bytef*>(rows.data()), &size,
                       reinterpret_cast<const Bytef*>(chunks[2].second.data()), chunks[2].second.size()),
            Z_OK);
  EXPECT_EQ(rows.substr(0, size), std::string("\0\0\1\0\0\1\1\0", 8));
}

}  // namespace
}  // namespace weir::demo
