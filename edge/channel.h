// A channel: the readers that see the same bytes, because they have the same route, filters and framing. The table
// finds those that an event concerns. One hub's thread.
#ifndef WEIR_EDGE_CHANNEL_H_
#define WEIR_EDGE_CHANNEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "base/filter.h"
#include "edge/framing.h"
#include "edge/route.h"

namespace weir::edge {

struct Session;

// What one turn of the hub sends to a channel's readers.
struct Batch {
  Block block;
  std::vector<uint16_t> names;  // of the events in it

  // Keeps the memory unless that is large.
  void Clear() {
    block.Clear();
    names.clear();
  }
  size_t bytes() const { return sizeof(Batch) + block.capacity() + names.capacity() * sizeof(uint16_t); }
};

struct Channel {
  // Dense, so that the loop that sends touches nothing else.
  struct Reader {
    Session* session;
    int fd;  // -1: it is written to through its transport
  };

  std::shared_ptr<const Route> route;
  std::vector<std::string> filters;
  Framing framing = Framing::kSse;
  bool chunked = true;
  std::vector<Reader> readers;   // caught-up sessions
  std::vector<uint64_t> polls;   // that wait for an event, in no order
  uint32_t members = 0;          // sessions in any state, and polls
  uint64_t visit = 0;            // the last event that was looked at
  std::unique_ptr<Batch> batch;  // during a turn

  const Presentation& presentation() const {
    return framing == Framing::kSse ? *route->presentation : *route->message_presentation;
  }
  uint32_t presentation_index() const {
    return framing == Framing::kSse ? route->presentation_index : route->message_presentation_index;
  }
};

class ChannelTable {
 public:
  // The channel of that route and those filters, with one member more. `chunked` is false for a WebSocket.
  Channel* Join(const std::shared_ptr<const Route>& route, const std::vector<std::string>& filters, Framing framing,
                bool chunked);
  // One member less; the last one takes the channel with it.
  void Leave(Channel* channel);

  template <typename F>
  void ForEachMatch(std::string_view topic, F&& visit) const {
    index_.ForEachMatch(topic, visit);
  }
  template <typename F>
  void ForEach(F&& visit) const {
    for (const auto& channel : channels_) {
      visit(*channel);
    }
  }

  size_t size() const { return channels_.size(); }

 private:
  struct Key {
    const Route* route;
    const std::vector<std::string>* filters;
    Framing framing;
    bool chunked;
  };
  static Key KeyOf(const Key& key) { return key; }
  static Key KeyOf(const std::unique_ptr<Channel>& channel) {
    return {channel->route.get(), &channel->filters, channel->framing, channel->chunked};
  }
  struct Hash {
    using is_transparent = void;
    template <typename T>
    size_t operator()(const T& value) const {
      return HashOf(KeyOf(value));
    }
    static size_t HashOf(const Key& key);
  };
  struct Equal {
    using is_transparent = void;
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      const Key x = KeyOf(a);
      const Key y = KeyOf(b);
      return x.route == y.route && x.framing == y.framing && x.chunked == y.chunked && *x.filters == *y.filters;
    }
  };

  absl::flat_hash_set<std::unique_ptr<Channel>, Hash, Equal> channels_;
  FilterIndex<Channel*> index_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_CHANNEL_H_
