#include "server/stored_revocations.h"

#include <string>
#include <string_view>

#include "base/token_revocation.h"

namespace weir::server {

log::Selection SelectRevocations() {
  return {.filters = *FilterSet::Parse({std::string(kRevocationsTopic)}), .types = {std::string(kRevocationType)}};
}

EventView ViewOf(const log::StoredEvent& stored) {
  EventView view;
  ForEachEvent(stored.element, [&](std::string_view, std::string_view event) {
    ReadEvent(event, view);
    return false;
  });
  return view;
}

bool ReadRevocation(const EventView& event, v1::TokenRevocation& revocation) {
  return revocation.ParseFromArray(event.payload.data(), static_cast<int>(event.payload.size()));
}

}  // namespace weir::server
