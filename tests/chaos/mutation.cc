#include "tests/chaos/mutation.h"

#include <algorithm>
#include <utility>

#include "base/topic.h"

namespace weir::chaos {
namespace {

using Random = std::mt19937_64;
using Kind = Item::Kind;

// An item of a history, by where it stands.
struct Spot {
  size_t reader = 0;
  size_t connection = 0;
  size_t item = 0;
};

std::vector<Item>& ItemsAt(History& history, const Spot& spot) {
  return history.readers[spot.reader].connections[spot.connection].items;
}

Item& ItemAt(History& history, const Spot& spot) { return ItemsAt(history, spot)[spot.item]; }

// Every item for which `accept(items, index)` holds.
template <typename F>
std::vector<Spot> Spots(const History& history, F accept) {
  std::vector<Spot> spots;
  for (size_t r = 0; r < history.readers.size(); ++r) {
    for (size_t c = 0; c < history.readers[r].connections.size(); ++c) {
      const std::vector<Item>& items = history.readers[r].connections[c].items;
      for (size_t i = 0; i < items.size(); ++i) {
        if (accept(items, i)) {
          spots.push_back({r, c, i});
        }
      }
    }
  }
  return spots;
}

bool Wants(const Reader& reader, const std::string& topic) {
  return std::any_of(reader.filters.begin(), reader.filters.end(),
                     [&](const std::string& filter) { return FilterMatches(filter, topic); });
}

bool IsEvent(const std::vector<Item>& items, size_t i) { return i < items.size() && items[i].kind == Kind::kEvent; }
bool IsEventBeforeAnother(const std::vector<Item>& items, size_t i) {
  return IsEvent(items, i) && IsEvent(items, i + 1);
}

template <typename T>
T& Pick(std::vector<T>& all, Random& random) {
  return all[random() % all.size()];
}

// A mutation that changes one item of those that `accept` names, by `change(history, spot)`.
template <typename F, typename G>
std::function<bool(History&, Random&)> AtItem(F accept, G change) {
  return [accept, change](History& history, Random& random) {
    std::vector<Spot> spots = Spots(history, accept);
    if (spots.empty()) {
      return false;
    }
    change(history, Pick(spots, random));
    return true;
  };
}

void Drop(History& history, const Spot& spot) {
  std::vector<Item>& items = ItemsAt(history, spot);
  items.erase(items.begin() + static_cast<std::ptrdiff_t>(spot.item));
}

void Insert(History& history, const Spot& spot, const Item& item) {
  std::vector<Item>& items = ItemsAt(history, spot);
  items.insert(items.begin() + static_cast<std::ptrdiff_t>(spot.item), item);
}

void Swap(History& history, const Spot& spot) {
  std::vector<Item>& items = ItemsAt(history, spot);
  std::swap(items[spot.item], items[spot.item + 1]);
}

void Repeat(History& history, const Spot& spot) { Insert(history, spot, Item(ItemAt(history, spot))); }

void AnnounceNothing(History& history, const Spot& spot) {
  const Cursor after = ItemAt(history, spot).cursor;
  const uint64_t at = ItemAt(history, spot).at;
  Insert(history, {spot.reader, spot.connection, spot.item + 1},
         {.kind = Kind::kGap, .cursor = after, .text = "expired", .requested = after, .at = at});
}

// Whether the gap stands for events that its reader wants, or for the change to another life of the log.
bool Matters(const History& history, const Reader& reader, const Item& gap) {
  if (!gap.requested || gap.requested->epoch != gap.cursor.epoch) {
    return gap.requested.has_value();
  }
  return std::any_of(history.published.begin(), history.published.end(), [&](const Published& published) {
    return published.outcome == Published::Outcome::kAcknowledged && published.cursor.epoch == gap.cursor.epoch &&
           published.cursor.sequence > gap.requested->sequence && published.cursor.sequence <= gap.cursor.sequence &&
           Wants(reader, published.topic);
  });
}

bool LoseGap(History& history, Random& random) {
  std::vector<Spot> spots =
      Spots(history, [](const auto& items, size_t i) { return items[i].kind == Kind::kGap && IsEvent(items, i + 1); });
  std::erase_if(
      spots, [&](const Spot& spot) { return !Matters(history, history.readers[spot.reader], ItemAt(history, spot)); });
  if (spots.empty()) {
    return false;
  }
  Drop(history, Pick(spots, random));
  return true;
}

// Shows a reader an event of the log that is not for it, where it would stand.
bool ShowForeign(History& history, Random& random) {
  std::vector<Spot> spots = Spots(history, IsEventBeforeAnother);
  std::shuffle(spots.begin(), spots.end(), random);
  for (const Spot& spot : spots) {
    const Cursor& from = ItemAt(history, spot).cursor;
    const Cursor& to = ItemsAt(history, spot)[spot.item + 1].cursor;
    for (const Published& published : history.published) {
      if (published.outcome == Published::Outcome::kAcknowledged && published.cursor.epoch == from.epoch &&
          published.cursor.sequence > from.sequence && published.cursor.sequence < to.sequence &&
          !Wants(history.readers[spot.reader], published.topic)) {
        Insert(history, {spot.reader, spot.connection, spot.item + 1},
               {.kind = Kind::kEvent,
                .cursor = published.cursor,
                .text = published.event_id,
                .content = published.content});
        return true;
      }
    }
  }
  return false;
}

bool ForgetStored(History& history, Random& random) {
  if (history.log.empty()) {
    return false;
  }
  history.log.erase(history.log.begin() + static_cast<std::ptrdiff_t>(random() % history.log.size()));
  return true;
}

bool StoreTwice(History& history, Random& random) {
  if (history.log.empty()) {
    return false;
  }
  Stored again = Pick(history.log, random);
  again.cursor.sequence = history.log.back().cursor.sequence + 1;
  history.log.push_back(again);
  return true;
}

// Two events of one stream change places in the log.
bool SwapPublished(History& history, Random& random) {
  std::vector<size_t> places;
  for (size_t i = 1; i < history.published.size(); ++i) {
    const Published& a = history.published[i - 1];
    const Published& b = history.published[i];
    if (a.stream != 0 && a.stream == b.stream && a.outcome == Published::Outcome::kAcknowledged &&
        b.outcome == Published::Outcome::kAcknowledged && a.cursor.epoch == b.cursor.epoch) {
      places.push_back(i);
    }
  }
  if (places.empty()) {
    return false;
  }
  const size_t i = Pick(places, random);
  std::swap(history.published[i - 1].order, history.published[i].order);
  return true;
}

// A reader that comes back is connected a little later than where it was.
bool ResumeTooLate(History& history, Random& random) {
  std::vector<ReaderConnection*> resumed;
  for (Reader& reader : history.readers) {
    for (ReaderConnection& connection : reader.connections) {
      if (connection.asked && connection.items.size() > 1 && connection.items[0].cursor == connection.asked &&
          connection.items[1].kind == Kind::kEvent) {
        resumed.push_back(&connection);
      }
    }
  }
  if (resumed.empty()) {
    return false;
  }
  ++Pick(resumed, random)->items[0].cursor.sequence;
  return true;
}

bool LoseAnswer(History& history, Random& random) {
  if (history.published.empty()) {
    return false;
  }
  Pick(history.published, random).outcome = Published::Outcome::kUnknown;
  return true;
}

bool RefuseWithoutCause(History& history, Random& random) {
  if (history.published.empty()) {
    return false;
  }
  Published refused = Pick(history.published, random);
  refused.stream = 1;
  refused.event_id += "-refused";
  refused.outcome = Published::Outcome::kRefused;
  history.published.push_back(std::move(refused));
  return true;
}

// The second publisher of an id is told that its other content is stored.
bool AcknowledgeReusedId(History& history, Random& random) {
  std::vector<size_t> places;
  for (size_t i = 0; i < history.published.size(); ++i) {
    if (history.published[i].outcome == Published::Outcome::kAcknowledged) {
      places.push_back(i);
    }
  }
  if (places.empty()) {
    return false;
  }
  Published again = history.published[Pick(places, random)];
  again.stream = 0;
  ++again.content;
  again.duplicate = true;
  history.published.push_back(std::move(again));
  return true;
}

// The log holds another content of an id than its publisher was told, and somebody published that too.
bool StoreOtherContent(History& history, Random& random) {
  if (history.log.empty()) {
    return false;
  }
  Stored& stored = Pick(history.log, random);
  ++stored.content;
  history.published.push_back({.topic = stored.topic,
                               .event_id = stored.event_id,
                               .content = stored.content,
                               .outcome = Published::Outcome::kAcknowledged,
                               .cursor = stored.cursor,
                               .duplicate = true});
  return true;
}

bool MeasureNothing(History& history, Random& random) {
  if (history.measurements.empty()) {
    return false;
  }
  Pick(history.measurements, random).value.reset();
  return true;
}

bool ExceedBound(History& history, Random& random) {
  if (history.measurements.empty()) {
    return false;
  }
  Measurement& measurement = Pick(history.measurements, random);
  measurement.value = measurement.bound + 1;
  return true;
}

}  // namespace

std::vector<Mutation> Mutations() {
  const auto change_content = [](History& history, const Spot& spot) { ++ItemAt(history, spot).content; };
  const auto forge = [](History& history, const Spot& spot) { ItemAt(history, spot).text = "nobody's"; };
  return {
      {"drop one event", "complete", AtItem(IsEventBeforeAnother, Drop)},
      {"swap two events", "ordered", AtItem(IsEventBeforeAnother, Swap)},
      {"repeat one event", "unique", AtItem(IsEvent, Repeat)},
      {"lose a gap", "complete", LoseGap},
      {"announce a gap that is none", "justified", AtItem(IsEventBeforeAnother, AnnounceNothing)},
      {"show a foreign event", "isolated", ShowForeign},
      {"show an event that nobody published", "honest", AtItem(IsEvent, forge)},
      {"change an event's content", "honest", AtItem(IsEvent, change_content)},
      {"forget a stored event", "durable", ForgetStored},
      {"store an event twice", "unique", StoreTwice},
      {"swap two events of a publisher", "ordered", SwapPublished},
      {"resume too late", "resumable", ResumeTooLate},
      {"lose a publisher's answer", "live", LoseAnswer},
      {"refuse an event without cause", "live", RefuseWithoutCause},
      {"acknowledge another content", "unique", AcknowledgeReusedId},
      {"store another content than was acknowledged", "unique", StoreOtherContent},
      {"exceed a bound", "bounded", ExceedBound},
      {"measure nothing", "bounded", MeasureNothing},
  };
}

}  // namespace weir::chaos
