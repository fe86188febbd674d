// Writes a PNG of at most 256 colours. Pure; any thread.
#ifndef WEIR_DEMO_FEED_PNG_H_
#define WEIR_DEMO_FEED_PNG_H_

#include <cstdint>
#include <string>
#include <vector>

namespace weir::demo {

struct Colour {
  uint8_t red = 0;
  uint8_t green = 0;
  uint8_t blue = 0;
};

struct Picture {
  uint32_t width = 0;
  uint32_t height = 0;
  std::vector<Colour> palette;  // 1 to 256
  std::vector<uint8_t> pixels;  // row by row: `width * height` indexes into the palette
};

// The file's bytes.
std::string EncodePng(const Picture& picture);

}  // namespace weir::demo

#endif  // WEIR_DEMO_FEED_PNG_H_
