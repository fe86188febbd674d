// What a reader is sent: blocks of Server-Sent Events, or messages of a WebSocket (docs/websocket.md).
//
// The bytes of Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html), as all clients read
// them alike: LF line ends, one `data:` line per line of data, `retry:` only within a block that has data, never a
// block without data. Pure; any thread.
#ifndef WEIR_EDGE_RENDER_FRAME_H_
#define WEIR_EDGE_RENDER_FRAME_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::edge {

// How what a reader is sent lies on the wire.
enum class Framing : uint8_t { kSse, kWebSocket };

// Whether `name` may be an event's name: 1 to 64 of `[A-Za-z0-9._-]`, neither `open` nor `error`, which EventSource
// uses itself.
bool IsEventName(std::string_view name);

// Whether `id` may be an event's id: 1 to 128 bytes of visible ASCII.
bool IsEventId(std::string_view id);

// Appends an SSE block of the edge's own: name, id (skipped when empty), data, and `retry:` when not negative. A name
// or an id that is not one is left out, so that nothing can begin a line of its own.
void AppendControlFrame(std::string_view name, std::string_view id, std::string_view data, int64_t retry_millis,
                        std::string& out);

// Appends the same as a message of a WebSocket, in a frame of its own: `{"event":…,"id":…,"data":…,"retry":…}`. `data`
// is JSON.
void AppendControlMessage(std::string_view name, std::string_view id, std::string_view data, int64_t retry_millis,
                          std::string& out);

}  // namespace weir::edge

#endif  // WEIR_EDGE_RENDER_FRAME_H_
