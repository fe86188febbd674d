#include "demo/feed/landscape.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include "fmt/format.h"

namespace weir::demo {
namespace {

constexpr size_t kBands = 24;  // of the sky
constexpr std::array<const char*, 3> kCounts = {"three", "four", "five"};

struct Scheme {
  const char* name;
  Colour zenith, horizon, sun, far, near;
};

constexpr std::array<Scheme, 5> kSchemes = {{
    {"Dawn", {52, 64, 120}, {250, 200, 170}, {255, 236, 190}, {168, 128, 150}, {40, 36, 66}},
    {"Noon", {70, 150, 220}, {206, 234, 246}, {255, 250, 214}, {128, 178, 160}, {24, 84, 70}},
    {"Dusk", {44, 24, 74}, {244, 124, 84}, {255, 214, 120}, {150, 66, 92}, {34, 16, 44}},
    {"Night", {8, 14, 40}, {44, 66, 116}, {236, 240, 250}, {34, 50, 88}, {6, 10, 26}},
    {"Mist", {150, 176, 184}, {228, 234, 230}, {252, 252, 244}, {168, 186, 184}, {58, 84, 86}},
}};

const Scheme& SchemeOf(uint32_t seed) { return kSchemes[seed % kSchemes.size()]; }
size_t LayersOf(uint32_t seed) { return 3 + seed / kSchemes.size() % kCounts.size(); }

uint8_t Between(uint8_t a, uint8_t b, double share) { return static_cast<uint8_t>(std::lround(a + (b - a) * share)); }

Colour Between(const Colour& a, const Colour& b, double share) {
  return {Between(a.red, b.red, share), Between(a.green, b.green, share), Between(a.blue, b.blue, share)};
}

// Sky by bands, the sun, then the hills from far to near.
std::vector<Colour> PaletteOf(const Scheme& scheme, size_t layers) {
  std::vector<Colour> palette;
  for (size_t band = 0; band < kBands; ++band) {
    palette.push_back(Between(scheme.zenith, scheme.horizon, static_cast<double>(band) / (kBands - 1)));
  }
  palette.push_back(scheme.sun);
  for (size_t layer = 0; layer < layers; ++layer) {
    palette.push_back(Between(scheme.far, scheme.near, static_cast<double>(layer) / static_cast<double>(layers - 1)));
  }
  return palette;
}

// The height of a layer's ridge at x, both as shares of the picture: three waves, each shorter and lower.
class Ridge {
 public:
  Ridge(double base, std::mt19937& random) : base_(base) {
    std::uniform_real_distribution<double> phase(0, 6.28);
    for (double& value : phases_) {
      value = phase(random);
    }
  }
  double At(double x) const {
    return base_ + 0.07 * std::sin(4 * x + phases_[0]) + 0.03 * std::sin(11 * x + phases_[1]) +
           0.012 * std::sin(29 * x + phases_[2]);
  }

 private:
  double base_;
  std::array<double, 3> phases_{};
};

}  // namespace

std::string LandscapeTitle(uint32_t seed) {
  return fmt::format("{} over {} hills", SchemeOf(seed).name, kCounts[LayersOf(seed) - 3]);
}

Picture DrawLandscape(uint32_t seed, uint32_t width, uint32_t height) {
  const size_t layers = LayersOf(seed);
  Picture picture{width, height, PaletteOf(SchemeOf(seed), layers), std::vector<uint8_t>(size_t{width} * height)};
  std::mt19937 random(seed);
  const double sun_x = std::uniform_real_distribution<double>(0.2, 0.8)(random) * width;
  const double sun_y = std::uniform_real_distribution<double>(0.2, 0.45)(random) * height;
  std::vector<Ridge> ridges;
  for (size_t layer = 0; layer < layers; ++layer) {
    ridges.emplace_back(0.5 + 0.42 * static_cast<double>(layer) / static_cast<double>(layers), random);
  }
  for (uint32_t y = 0; y < height; ++y) {
    for (uint32_t x = 0; x < width; ++x) {
      size_t index = std::min(size_t{y} * kBands * 3 / (size_t{height} * 2), kBands - 1);
      if (std::hypot(x - sun_x, y - sun_y) < 0.11 * height) {
        index = kBands;
      }
      for (size_t layer = 0; layer < layers; ++layer) {
        if (y >= height * ridges[layer].At(static_cast<double>(x) / width)) {
          index = kBands + 1 + layer;
        }
      }
      picture.pixels[size_t{y} * width + x] = static_cast<uint8_t>(index);
    }
  }
  return picture;
}

}  // namespace weir::demo
