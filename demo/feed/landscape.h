// Draws what the demo's image generation makes: a sun over hills, another one for each seed. Pure; any thread.
#ifndef WEIR_DEMO_FEED_LANDSCAPE_H_
#define WEIR_DEMO_FEED_LANDSCAPE_H_

#include <cstdint>
#include <string>

#include "demo/feed/png.h"

namespace weir::demo {

// What the landscape of this seed shows, in words: `Dusk over five hills`.
std::string LandscapeTitle(uint32_t seed);

Picture DrawLandscape(uint32_t seed, uint32_t width, uint32_t height);

}  // namespace weir::demo

#endif  // WEIR_DEMO_FEED_LANDSCAPE_H_
