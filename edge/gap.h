// Why a reader's cursor could not be continued, and how that is told to it. Pure; any thread.
#ifndef WEIR_EDGE_GAP_H_
#define WEIR_EDGE_GAP_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/cursor.h"
#include "edge/render/frame.h"

namespace weir::edge {

enum class GapReason : uint8_t { kExpired, kOtherEpoch, kBeyondHead, kMalformed, kUnrenderable };

// `expired`, `other_epoch`, …: as readers and metrics see it.
std::string_view GapReasonName(GapReason reason);

struct GapInfo {
  GapReason reason = GapReason::kExpired;
  std::optional<Cursor> requested;  // what the reader had; absent when that was no cursor
  Cursor resumed_at;                // reading goes on after it
};

// `{"reason":"expired","requested":"…","resumedAt":"…"}`; `requested` may be null.
std::string GapData(const GapInfo& gap);

// Appends the gap as an event whose id is the place where reading goes on.
void AppendGapFrame(Framing framing, std::string_view event_name, const GapInfo& gap, std::string& out);

}  // namespace weir::edge

#endif  // WEIR_EDGE_GAP_H_
