#include "tests/chaos/checker.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

#include "base/topic.h"

namespace weir::chaos {
namespace {

constexpr size_t kDescribedMax = 10;  // violations of one property

std::string Name(const Cursor& cursor) { return cursor.ToString(); }

// The first few of them.
std::string Some(const std::vector<uint64_t>& sequences) {
  const size_t shown = std::min<size_t>(sequences.size(), 5);
  return fmt::format("{} event{}: {}{}", sequences.size(), sequences.size() == 1 ? "" : "s",
                     fmt::join(sequences.begin(), sequences.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                     shown < sequences.size() ? ", …" : "");
}

std::string Where(const Reader& reader, const ReaderConnection& connection) {
  return fmt::format("{} on its connection @{} over {}", reader.name, connection.at,
                     TransportName(connection.transport));
}

}  // namespace

Checker::Checker(const History& history) : history_(history), lives_(history.epochs.size()) {
  for (const Published& published : history.published) {
    Origin& origin = origins_[published.event_id];
    origin.topic = published.topic;
    if (published.outcome != Published::Outcome::kRefused) {
      origin.contents.push_back(published.content);
    }
  }
  for (const Stored& stored : history.log) {
    Learn(stored.cursor, stored.event_id, stored.content, "the log at the end");
  }
  for (const Published& published : history.published) {
    if (published.outcome == Published::Outcome::kAcknowledged) {
      Learn(published.cursor, published.event_id, published.content, "an acknowledgement");
    }
  }
  for (const Reader& reader : history.readers) {
    for (const ReaderConnection& connection : reader.connections) {
      for (const Item& item : connection.items) {
        if (item.kind == Item::Kind::kEvent) {
          Learn(item.cursor, item.text, item.content, reader.name);
        }
      }
    }
  }
}

void Checker::Learn(const Cursor& cursor, std::string_view event_id, uint64_t content, std::string_view told_by) {
  const size_t index = LifeOf(cursor.epoch);
  if (index == lives_.size()) {
    conflicts_.push_back(fmt::format("{} has {} at {}, in no known life of the log", told_by, event_id, Name(cursor)));
    return;
  }
  Life& life = lives_[index];
  const auto [entry, is_new] = life.entries.try_emplace(cursor.sequence, Entry{event_id, content, told_by});
  if (!is_new && entry->second.event_id != event_id) {
    conflicts_.push_back(fmt::format("at {} {} has {}, {} has {}", Name(cursor), entry->second.told_by,
                                     entry->second.event_id, told_by, event_id));
  } else if (!is_new && entry->second.content != content) {
    conflicts_.push_back(fmt::format("at {} {} has {} with content {:x}, {} with content {:x}", Name(cursor),
                                     entry->second.told_by, event_id, entry->second.content, told_by, content));
  }
  const auto [place, is_first] = life.places.try_emplace(event_id, cursor.sequence);
  if (!is_first && place->second != cursor.sequence) {
    conflicts_.push_back(fmt::format("{} is at {} and, by {}, at {}", event_id, place->second, told_by, Name(cursor)));
  }
}

void Checker::Report(std::string_view property, std::string what) {
  const auto described = std::count_if(violations_.begin(), violations_.end(),
                                       [&](const Violation& violation) { return violation.property == property; });
  if (std::cmp_less(described, kDescribedMax)) {
    violations_.push_back({std::string(property), std::move(what)});
  }
}

size_t Checker::LifeOf(const Epoch& epoch) const {
  return static_cast<size_t>(std::find(history_.epochs.begin(), history_.epochs.end(), epoch) -
                             history_.epochs.begin());
}

bool Checker::Before(const Cursor& a, const Cursor& b) const {
  return std::pair(LifeOf(a.epoch), a.sequence) < std::pair(LifeOf(b.epoch), b.sequence);
}

const LogStatus& Checker::StatusAfter(uint64_t at) const {
  const auto it = std::find_if(history_.statuses.begin(), history_.statuses.end(),
                               [&](const LogStatus& status) { return status.at > at; });
  return it == history_.statuses.end() ? history_.statuses.back() : *it;
}

void Checker::Ordered() {
  OrderedReaders();
  OrderedPublishers();
}

void Checker::OrderedReaders() {
  for (const Reader& reader : history_.readers) {
    for (const ReaderConnection& connection : reader.connections) {
      const Item* last = nullptr;
      for (const Item& item : connection.items) {
        const bool is_event = item.kind == Item::Kind::kEvent;
        if (last != nullptr && (is_event ? !Before(last->cursor, item.cursor) : Before(item.cursor, last->cursor))) {
          Report("ordered", fmt::format("{} was shown {} {} after {}", Where(reader, connection), Name(item.cursor),
                                        item.text, Name(last->cursor)));
        }
        last = &item;
      }
    }
  }
  for (size_t i = 1; i < history_.log.size(); ++i) {
    if (!Before(history_.log[i - 1].cursor, history_.log[i].cursor)) {
      Report("ordered",
             fmt::format("the log lists {} after {}", Name(history_.log[i].cursor), Name(history_.log[i - 1].cursor)));
    }
  }
}

void Checker::OrderedPublishers() {
  std::vector<const Published*> ordered;
  for (const Published& published : history_.published) {
    if (published.stream != 0 && published.outcome != Published::Outcome::kRefused) {
      ordered.push_back(&published);
    }
  }
  std::sort(ordered.begin(), ordered.end(), [](const Published* a, const Published* b) {
    return std::pair(a->stream, a->order) < std::pair(b->stream, b->order);
  });
  for (size_t i = 0; i < lives_.size(); ++i) {
    const Published* last = nullptr;
    uint64_t last_place = 0;
    for (const Published* published : ordered) {
      const auto place = lives_[i].places.find(published->event_id);
      const bool elsewhere = published->outcome == Published::Outcome::kAcknowledged &&
                             published->cursor.epoch != history_.epochs[i];  // then it came here by another publication
      if (place == lives_[i].places.end() || elsewhere) {
        continue;
      }
      if (last != nullptr && last->stream == published->stream && place->second <= last_place) {
        Report("ordered", fmt::format("{} was published after {} and lies at {}, before {}", published->event_id,
                                      last->event_id, place->second, last_place));
      }
      last = published;
      last_place = place->second;
    }
  }
}

void Checker::Unique() {
  for (const std::string& conflict : conflicts_) {
    Report("unique", conflict);
  }
  std::set<std::pair<size_t, std::string_view>> stored;  // life, event id
  for (const Published& published : history_.published) {
    if (published.outcome != Published::Outcome::kAcknowledged || published.duplicate) {
      continue;
    }
    if (!stored.emplace(LifeOf(published.cursor.epoch), published.event_id).second) {
      Report("unique", fmt::format("{} was acknowledged twice, and not as a duplicate", published.event_id));
    }
  }
  for (const Reader& reader : history_.readers) {
    std::vector<std::unordered_set<uint64_t>> shown(lives_.size() + 1);
    for (const ReaderConnection& connection : reader.connections) {
      for (const Item& item : connection.items) {
        if (item.kind == Item::Kind::kEvent && !shown[LifeOf(item.cursor.epoch)].insert(item.cursor.sequence).second) {
          Report("unique",
                 fmt::format("{} was shown {} {} again", Where(reader, connection), Name(item.cursor), item.text));
        }
      }
    }
  }
}

Checker::Wanted Checker::WantedBy(const Reader& reader) const {
  Wanted wanted(lives_.size());
  for (size_t i = 0; i < lives_.size(); ++i) {
    for (const auto& [sequence, entry] : lives_[i].entries) {
      const auto origin = origins_.find(entry.event_id);
      if (origin != origins_.end() &&
          std::any_of(reader.filters.begin(), reader.filters.end(),
                      [&](const std::string& filter) { return FilterMatches(filter, origin->second.topic); })) {
        wanted[i].push_back(sequence);
      }
    }
  }
  return wanted;
}

std::vector<uint64_t> Checker::Between(const Wanted& wanted, const Cursor& from, const Cursor& to,
                                       bool including) const {
  const size_t life = LifeOf(to.epoch);
  if (from.epoch != to.epoch || life == lives_.size()) {
    return {};
  }
  const std::vector<uint64_t>& all = wanted[life];
  const auto begin = std::upper_bound(all.begin(), all.end(), from.sequence);
  const auto end = std::lower_bound(all.begin(), all.end(), to.sequence + (including ? 1 : 0));
  return begin < end ? std::vector<uint64_t>(begin, end) : std::vector<uint64_t>();
}

std::optional<Cursor> Checker::WalkThrough(const Reader& reader, const Wanted& wanted, bool report) {
  std::optional<Cursor> position;
  for (const ReaderConnection& connection : reader.connections) {
    if (!position || !connection.asked) {
      position = connection.asked;  // without a cursor it begins anew
    }
    for (const Item& item : connection.items) {
      if (item.kind == Item::Kind::kConnected || item.kind == Item::Kind::kUnreadable) {
        position = position.value_or(item.cursor);  // says where reading begins, not that anything was shown
        continue;
      }
      position = position.value_or(item.cursor);
      const bool is_gap = item.kind == Item::Kind::kGap;
      const Cursor& shown_to = is_gap ? item.requested.value_or(*position) : item.cursor;
      const std::vector<uint64_t> missed = Between(wanted, *position, shown_to, item.kind != Item::Kind::kEvent);
      if (report && !missed.empty()) {
        Report("complete", fmt::format("{} stood at {} and came to {} without {}", Where(reader, connection),
                                       Name(*position), Name(shown_to), Some(missed)));
      }
      if (report && !is_gap && item.cursor.epoch != position->epoch) {
        Report("complete", fmt::format("{} came from {} to {} without a gap", Where(reader, connection),
                                       Name(*position), Name(item.cursor)));
      }
      position = item.cursor;
    }
  }
  return position;
}

void Checker::Complete() {
  for (const Reader& reader : history_.readers) {
    WalkThrough(reader, WantedBy(reader), true);
  }
}

void Checker::Justified() {
  for (const Reader& reader : history_.readers) {
    for (const ReaderConnection& connection : reader.connections) {
      for (const Item& item : connection.items) {
        if (item.kind == Item::Kind::kGap) {
          JustifyGap(reader, item);
        }
      }
    }
  }
}

void Checker::JustifyGap(const Reader& reader, const Item& gap) {
  const LogStatus& status = StatusAfter(gap.at);
  const std::string told = fmt::format("{} was told @{} of a gap ({}) after {} up to {}", reader.name, gap.at, gap.text,
                                       gap.requested ? Name(*gap.requested) : "nothing", Name(gap.cursor));
  const std::string log = fmt::format("the log began after {}", Name(status.earliest));
  const bool same_life = gap.requested && gap.requested->epoch == gap.cursor.epoch;
  if (!gap.requested || gap.text != (same_life ? "expired" : "other_epoch") ||
      (!same_life && !Before(*gap.requested, gap.cursor))) {
    Report("justified", told + ": that cannot be");
  } else if (same_life && !history_.trims) {
    Report("justified", told + ", but the log keeps everything");
  } else if (same_life && !Before(*gap.requested, status.earliest)) {
    Report("justified", told + ", but nothing was missing: " + log);
  } else if (Before(status.earliest, gap.cursor)) {
    Report("justified", told + ", but it skips too much: " + log);
  }
}

void Checker::Durable() {
  const LogStatus& end = history_.statuses.back();
  if (!history_.trims && end.earliest.sequence != 0) {
    Report("durable", fmt::format("the log keeps everything, but begins after {}", Name(end.earliest)));
  }
  std::unordered_set<uint64_t> log;
  for (const Stored& stored : history_.log) {
    log.insert(stored.cursor.sequence);
  }
  for (const auto& [sequence, entry] : lives_.back().entries) {
    if (sequence > end.earliest.sequence && !log.contains(sequence)) {
      Report("durable", fmt::format("{} is not at {}, where {} had it", entry.event_id, sequence, entry.told_by));
    }
  }
}

void Checker::Resumable() {
  for (const Reader& reader : history_.readers) {
    const Wanted wanted = WantedBy(reader);
    for (const ReaderConnection& connection : reader.connections) {
      const std::vector<Item>& items = connection.items;
      if (items.empty()) {
        continue;
      }
      if (items[0].kind != Item::Kind::kConnected) {
        Report("resumable", Where(reader, connection) + " was not told where it begins");
      } else if (connection.asked && items[0].cursor != *connection.asked && items.size() > 1 &&
                 (items[1].kind != Item::Kind::kGap || items[1].requested != connection.asked)) {
        Report("resumable", fmt::format("{} asked for what follows {} and was connected at {}",
                                        Where(reader, connection), Name(*connection.asked), Name(items[0].cursor)));
      } else if (const Cursor& earliest = StatusAfter(items[0].at).earliest;
                 !connection.asked && connection.start == "earliest" &&
                 !Between(wanted, earliest, items[0].cursor, true).empty()) {
        Report("resumable", fmt::format("{} asked for everything and was connected at {}; the log begins after {}",
                                        Where(reader, connection), Name(items[0].cursor), Name(earliest)));
      }
    }
  }
}

void Checker::Isolated() {
  for (const Reader& reader : history_.readers) {
    for (const ReaderConnection& connection : reader.connections) {
      for (const Item& item : connection.items) {
        const auto origin = item.kind == Item::Kind::kEvent ? origins_.find(item.text) : origins_.end();
        if (origin != origins_.end() &&
            std::none_of(reader.filters.begin(), reader.filters.end(),
                         [&](const std::string& filter) { return FilterMatches(filter, origin->second.topic); })) {
          Report("isolated", fmt::format("{} was shown {} {} of topic {}", Where(reader, connection), Name(item.cursor),
                                         item.text, origin->second.topic));
        }
      }
    }
  }
}

void Checker::Honest() {
  const auto judge = [&](std::string_view event_id, uint64_t content, const std::string& who) {
    const auto origin = origins_.find(event_id);
    if (origin == origins_.end()) {
      Report("honest", fmt::format("{} has {}, which nobody published", who, event_id));
    } else if (std::count(origin->second.contents.begin(), origin->second.contents.end(), content) == 0) {
      Report("honest", fmt::format("{} has {} with content that was not published", who, event_id));
    }
  };
  for (const Reader& reader : history_.readers) {
    for (const ReaderConnection& connection : reader.connections) {
      for (const Item& item : connection.items) {
        if (item.kind == Item::Kind::kEvent) {
          judge(item.text, item.content, reader.name);
        } else if (item.kind == Item::Kind::kUnreadable) {
          Report("honest", fmt::format("{} was shown: {}", Where(reader, connection), item.text));
        }
      }
    }
  }
  for (const Stored& stored : history_.log) {
    judge(stored.event_id, stored.content, "the log");
    const auto origin = origins_.find(stored.event_id);
    if (origin != origins_.end() && origin->second.topic != stored.topic) {
      Report("honest", fmt::format("the log has {} on topic {}", stored.event_id, stored.topic));
    }
  }
}

void Checker::Bounded() {
  for (const Measurement& measurement : history_.measurements) {
    if (!measurement.value) {
      Report("bounded", fmt::format("{} were never measured", measurement.what));
    } else if (*measurement.value > measurement.bound) {
      Report("bounded",
             fmt::format("{} were {}, the bound is {}", measurement.what, *measurement.value, measurement.bound));
    }
  }
}

void Checker::Live() {
  for (const Published& published : history_.published) {
    if (published.outcome == Published::Outcome::kUnknown) {
      Report("live", fmt::format("the publisher of {} was not answered", published.event_id));
    } else if (published.outcome == Published::Outcome::kRefused && published.stream != 0) {
      Report("live", fmt::format("{} was refused: {}", published.event_id, published.reason));
    }
  }
  const Cursor& head = history_.statuses.back().head;
  for (const Reader& reader : history_.readers) {
    const Wanted wanted = WantedBy(reader);
    const std::optional<Cursor> position = WalkThrough(reader, wanted, false);
    if (!position) {
      Report("live", reader.name + " was never connected");
    } else if (position->epoch != head.epoch || !Between(wanted, *position, head, true).empty()) {
      Report("live", fmt::format("{} ended at {} without {} up to {}", reader.name, Name(*position),
                                 Some(Between(wanted, *position, head, true)), Name(head)));
    }
  }
}

std::vector<Violation> Checker::CheckAll() {
  for (const auto property :
       {&Checker::Ordered, &Checker::Unique, &Checker::Complete, &Checker::Justified, &Checker::Durable,
        &Checker::Resumable, &Checker::Isolated, &Checker::Honest, &Checker::Bounded, &Checker::Live}) {
    (this->*property)();
  }
  return violations_;
}

std::vector<Violation> Check(const History& history) { return Checker(history).CheckAll(); }

}  // namespace weir::chaos
