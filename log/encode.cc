#include "log/encode.h"

#include <algorithm>
#include <cassert>

#include "base/event_view.h"
#include "base/wire.h"

namespace weir::log {
namespace {

// The payload's full name within a canonical tail.
std::string_view TypeNameOf(std::string_view tail) {
  wire::Reader records(tail);
  for (wire::Field record; records.Next(record);) {
    if (record.number != 8) {
      continue;
    }
    wire::Reader any(record.bytes);
    wire::Field field;
    if (any.Next(field) && field.number == 1) {
      return field.bytes.substr(field.bytes.rfind('/') + 1);  // without a slash: npos + 1 is 0
    }
  }
  return {};
}

size_t DecimalSize(uint64_t value) {
  size_t size = 1;
  while (value >= 10) {
    value /= 10;
    ++size;
  }
  return size;
}

// Tags of the fields of Event are one byte.
size_t BytesFieldSize(size_t size) { return 1 + wire::VarintSize(size) + size; }

}  // namespace

ChunkBuilder::ChunkBuilder(Epoch epoch, int64_t publish_millis)
    : epoch_(epoch), publish_millis_(publish_millis), publish_time_(wire::TimestampFromMillis(publish_millis)) {
  bytes_.reserve(Chunk::kBytesMax);
}

size_t ChunkBuilder::BodySize(const NewEvent& event, uint64_t sequence) const {
  return BytesFieldSize(Epoch::kSize + 1 + DecimalSize(sequence)) + 1 + wire::VarintSize(sequence) +
         BytesFieldSize(event.topic.size()) + BytesFieldSize(event.id.size()) +
         BytesFieldSize(event.has_time ? event.time.size() : publish_time_.size()) +
         BytesFieldSize(publish_time_.size()) + event.tail.size();
}

bool ChunkBuilder::Fits(const NewEvent& event, uint64_t sequence) const {
  return count_ == 0 ||
         (count_ < Chunk::kEventsMax && bytes_.size() + BytesFieldSize(BodySize(event, sequence)) <= Chunk::kBytesMax);
}

size_t ChunkBuilder::Add(const NewEvent& event, uint64_t sequence) {
  assert(Fits(event, sequence));
  Place& place = places_[count_++];
  place.sequence = sequence;
  place.element = bytes_.size();
  wire::AppendTag(bytes_, 1, wire::Type::kBytes);
  wire::AppendVarint(bytes_, BodySize(event, sequence));

  std::array<char, Cursor::kTextBytesMax> cursor;
  const size_t cursor_size = Cursor{epoch_, sequence}.Write(cursor.data());
  wire::AppendBytes(bytes_, 1, {cursor.data(), cursor_size});
  wire::AppendUint64(bytes_, 2, sequence);
  wire::AppendBytes(bytes_, 3, event.topic);
  place.topic_size = event.topic.size();
  place.topic = bytes_.size() - place.topic_size;
  wire::AppendBytes(bytes_, 4, event.id);
  place.id_size = event.id.size();
  place.id = bytes_.size() - place.id_size;
  wire::AppendBytes(bytes_, 5, event.has_time ? event.time : std::string_view(publish_time_));
  wire::AppendBytes(bytes_, 6, publish_time_);
  const std::string_view type_name = TypeNameOf(event.tail);
  place.type_name_size = type_name.size();
  place.type_name =
      type_name.empty() ? bytes_.size() : bytes_.size() + static_cast<size_t>(type_name.data() - event.tail.data());
  bytes_.append(event.tail);
  return bytes_.size() - place.element;
}

ChunkPtr ChunkBuilder::Finish() {
  assert(count_ > 0);
  // A copy of the exact size: chunks live long, and the builder keeps its room for the next one.
  std::shared_ptr<Chunk> chunk(new Chunk(std::string(bytes_)));
  const std::string_view bytes = chunk->bytes_;
  chunk->events_.resize(count_);
  for (size_t i = 0; i < count_; ++i) {
    const Place& place = places_[i];
    const size_t end = i + 1 < count_ ? places_[i + 1].element : bytes.size();
    StoredEvent& event = chunk->events_[i];
    event.sequence = place.sequence;
    event.publish_millis = publish_millis_;
    event.topic = bytes.substr(place.topic, place.topic_size);
    event.id = bytes.substr(place.id, place.id_size);
    event.type_name = bytes.substr(place.type_name, place.type_name_size);
    event.element = bytes.substr(place.element, end - place.element);
  }
  bytes_.clear();
  count_ = 0;
  return chunk;
}

bool SameContent(const NewEvent& event, const StoredEvent& stored) {
  bool same = false;
  ForEachEvent(stored.element, [&](std::string_view, std::string_view bytes) {
    EventView view;
    same = ReadEvent(bytes, view) == EventForm::kCanonical && view.tail == event.tail &&
           view.time == (event.has_time ? event.time : view.publish_time);
    return false;
  });
  return same;
}

bool SameContent(const NewEvent& a, const NewEvent& b) {
  return a.tail == b.tail && a.has_time == b.has_time && a.time == b.time;
}

bool ReplaceEpoch(std::string& elements, Epoch epoch) {
  wire::Reader reader(elements);
  for (wire::Field element; reader.Next(element);) {
    wire::Reader fields(element.bytes);
    wire::Field cursor;
    if (!fields.Next(cursor) || cursor.number != 1 || cursor.bytes.size() < Epoch::kSize) {
      return false;
    }
    if (cursor.bytes.substr(0, Epoch::kSize) == epoch.text()) {
      return true;  // and so do the others: a chunk was written by one Append
    }
    std::copy(epoch.text().begin(), epoch.text().end(), elements.begin() + (cursor.bytes.data() - elements.data()));
  }
  return reader.ok();
}

}  // namespace weir::log
