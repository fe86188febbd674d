#include "edge/channel.h"

#include <utility>

namespace weir::edge {

size_t ChannelTable::Hash::HashOf(const Key& key) {
  size_t hash =
      std::hash<const void*>()(key.route) * 31 + (key.chunked ? 1 : 0) + (key.framing == Framing::kSse ? 0 : 2);
  for (const std::string& filter : *key.filters) {
    hash = hash * 31 + TextHash()(filter);
  }
  return hash;
}

Channel* ChannelTable::Join(const std::shared_ptr<const Route>& route, const std::vector<std::string>& filters,
                            Framing framing, bool chunked) {
  const auto it = channels_.find(Key{route.get(), &filters, framing, chunked});
  if (it != channels_.end()) {
    ++(*it)->members;
    return it->get();
  }
  auto channel = std::make_unique<Channel>();
  channel->route = route;
  channel->filters = filters;
  channel->framing = framing;
  channel->chunked = chunked;
  channel->members = 1;
  Channel* const result = channel.get();
  for (const std::string& filter : result->filters) {
    index_.Insert(filter, result);
  }
  channels_.insert(std::move(channel));
  return result;
}

void ChannelTable::Leave(Channel* channel) {
  if (--channel->members > 0) {
    return;
  }
  for (const std::string& filter : channel->filters) {
    index_.Erase(filter, channel);
  }
  channels_.erase(channels_.find(Key{channel->route.get(), &channel->filters, channel->framing, channel->chunked}));
}

}  // namespace weir::edge
