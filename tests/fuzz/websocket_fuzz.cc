// What a WebSocket's client sends: it reads the same however it comes in; what is kept has a bound; a message is UTF-8,
// and what is understood of it can be answered; a fault has a code that may be sent.
#include <string>
#include <variant>
#include <vector>

#include "edge/http/target.h"
#include "edge/websocket/answers.h"
#include "edge/websocket/client_frames.h"
#include "edge/websocket/client_message.h"
#include "tests/fuzz/fuzz.h"

namespace weir::edge {
namespace {

using fuzz::Expect;
using Kind = ClientFrames::Kind;

struct Seen {
  Kind kind;
  std::string payload;
  uint16_t code;
  friend bool operator==(const Seen&, const Seen&) = default;
};

std::vector<Seen> Read(std::string_view bytes, size_t piece) {
  ClientFrames frames;
  std::vector<Seen> seen;
  while (!bytes.empty()) {
    std::string_view now = bytes.substr(0, piece);
    bytes.remove_prefix(now.size());
    for (bool more = true; more;) {
      const ClientFrames::Item item = frames.Next(now);
      more = item.kind != Kind::kMore;
      if (!more) {
        Expect(now.empty(), "all bytes are taken");
        break;
      }
      seen.push_back({item.kind, std::string(item.payload), item.code});
      if (item.kind == Kind::kFault || item.kind == Kind::kClose) {
        return seen;
      }
    }
  }
  return seen;
}

void TryMessage(const std::string& text) {
  const ClientMessage message = ReadClientMessage(text);
  std::string out;
  if (const auto* const bad = std::get_if<BadMessage>(&message)) {
    Expect(!bad->detail.empty() && IsUtf8(bad->detail), "a complaint says something");
    AppendError(reason::kMessageInvalid, bad->detail, out);
    Expect(out.size() < 1024, "a complaint is short");
  } else if (const auto* const subscribe = std::get_if<SubscribeMessage>(&message)) {
    Expect(subscribe->filters.size() <= kWebSocketFiltersMax, "filters have a limit");
    AppendSubscribed(subscribe->filters, "", out);
  } else if (const auto* const auth = std::get_if<AuthMessage>(&message); auth != nullptr && auth->filters) {
    Expect(auth->filters->size() <= kWebSocketFiltersMax, "filters have a limit");
  }
}

}  // namespace
}  // namespace weir::edge

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir::edge;
  using weir::fuzz::Expect;
  const std::string_view bytes = weir::fuzz::Text(data, size);
  const std::vector<Seen> whole = Read(bytes, size);
  Expect(Read(bytes, 1) == whole && Read(bytes, 7) == whole, "frames read the same however they come");
  for (const Seen& seen : whole) {
    Expect(seen.kind != Kind::kText || (seen.payload.size() <= kClientMessageBytesMax && IsUtf8(seen.payload)),
           "a message is short, and UTF-8");
    Expect(seen.kind != Kind::kFault || (seen.code >= 1002 && seen.code <= 1009 && !seen.payload.empty()),
           "a fault has a code");
    Expect(seen.kind == Kind::kText || seen.payload.size() <= kControlPayloadMax, "a control frame is short");
    if (seen.kind == Kind::kText) {
      TryMessage(seen.payload);
    }
  }
  if (IsUtf8(bytes)) {
    TryMessage(std::string(bytes));
  }
  return 0;
}
