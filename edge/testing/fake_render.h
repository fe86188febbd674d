// A renderer for tests of what lies between the upstream and the sockets: it stands in for weir_edge_render at link
// time, and shows a payload as it is.
#ifndef WEIR_EDGE_TESTING_FAKE_RENDER_H_
#define WEIR_EDGE_TESTING_FAKE_RENDER_H_

#include <memory>
#include <string>

#include "edge/render/presentation.h"

namespace weir::edge {

// Knows every type; its event name is the type's name. Payloads `!` cannot be rendered.
std::shared_ptr<const Schema> FakeSchema(std::string version = "1");

// Frames rendered since the process began.
int FramesRendered();

}  // namespace weir::edge

#endif  // WEIR_EDGE_TESTING_FAKE_RENDER_H_
