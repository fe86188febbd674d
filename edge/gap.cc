#include "edge/gap.h"

#include <fmt/format.h>

#include "edge/framing.h"

namespace weir::edge {

std::string_view GapReasonName(GapReason reason) {
  switch (reason) {
    case GapReason::kExpired:
      return "expired";
    case GapReason::kOtherEpoch:
      return "other_epoch";
    case GapReason::kBeyondHead:
      return "beyond_head";
    case GapReason::kMalformed:
      return "malformed";
    case GapReason::kUnrenderable:
      return "unrenderable";
  }
  return "expired";
}

std::string GapData(const GapInfo& gap) {
  const std::string requested = gap.requested ? fmt::format("\"{}\"", gap.requested->ToString()) : "null";
  return fmt::format(R"({{"reason":"{}","requested":{},"resumedAt":"{}"}})", GapReasonName(gap.reason), requested,
                     gap.resumed_at.ToString());
}

void AppendGapFrame(Framing framing, std::string_view event_name, const GapInfo& gap, std::string& out) {
  AppendControl(framing, event_name, gap.resumed_at.ToString(), GapData(gap), -1, out);
}

}  // namespace weir::edge
