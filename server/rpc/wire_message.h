// The bytes of one gRPC message in pieces: some of its own, some shared with the log's chunks, so that an event that a
// thousand subscribers read lies in memory once. Free of gRPC. One thread.
#ifndef WEIR_SERVER_RPC_WIRE_MESSAGE_H_
#define WEIR_SERVER_RPC_WIRE_MESSAGE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "log/chunk.h"

namespace weir::server {

class WireMessage {
 public:
  // The owner keeps the bytes alive.
  struct Piece {
    std::shared_ptr<const void> owner;
    std::string_view bytes;
  };

  WireMessage() = default;
  explicit WireMessage(std::string bytes) { Add(std::move(bytes)); }

  void Add(std::string bytes) {
    if (!bytes.empty()) {
      auto owned = std::make_shared<const std::string>(std::move(bytes));
      const std::string_view view = *owned;
      pieces_.push_back({std::move(owned), view});
    }
  }
  void Share(std::shared_ptr<const void> owner, std::string_view bytes) {
    pieces_.push_back({std::move(owner), bytes});
  }

  const std::vector<Piece>& pieces() const { return pieces_; }
  // Copied together.
  std::string ToString() const {
    std::string out;
    for (const Piece& piece : pieces_) {
      out += piece.bytes;
    }
    return out;
  }

 private:
  std::vector<Piece> pieces_;
};

// Gathers stored events into elements of a repeated field 1 (`EventBatch.events`, `ListEventsResponse.events`).
class EventElements {
 public:
  // `owner` (a chunk, or a page) keeps the event's bytes alive.
  template <typename T>
  void Add(const log::StoredEvent& event, const std::shared_ptr<T>& owner) {
    ++events_;
    bytes_ += event.element.size();
    if (!runs_.empty() && runs_.back().owner.get() == owner.get()) {
      std::string_view& run = runs_.back().bytes;
      if (run.data() + run.size() == event.element.data()) {
        run = {run.data(), run.size() + event.element.size()};
        return;
      }
    }
    runs_.push_back({owner, event.element});
  }

  bool empty() const { return events_ == 0; }
  size_t events() const { return events_; }
  size_t bytes() const { return bytes_; }

  // Moves the elements behind what the message holds. Short runs are copied together: a piece of its own costs more.
  void MoveTo(WireMessage& message) {
    std::string copied;
    for (Run& run : runs_) {
      if (run.bytes.size() < kShareBytesMin) {
        copied += run.bytes;
        continue;
      }
      message.Add(std::exchange(copied, {}));
      message.Share(std::move(run.owner), run.bytes);
    }
    message.Add(std::move(copied));
    *this = EventElements();
  }

 private:
  static constexpr size_t kShareBytesMin = 1'024;
  struct Run {
    std::shared_ptr<const void> owner;
    std::string_view bytes;
  };

  std::vector<Run> runs_;
  size_t events_ = 0;
  size_t bytes_ = 0;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_RPC_WIRE_MESSAGE_H_
