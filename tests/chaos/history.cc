#include "tests/chaos/history.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace weir::chaos {
namespace {

std::string_view KindName(Item::Kind kind) {
  switch (kind) {
    case Item::Kind::kConnected:
      return "connected";
    case Item::Kind::kEvent:
      return "event";
    case Item::Kind::kProgress:
      return "progress";
    case Item::Kind::kGap:
      return "gap";
    case Item::Kind::kUnreadable:
      return "unreadable";
  }
  return "";
}

std::string OutcomeText(const Published& published) {
  switch (published.outcome) {
    case Published::Outcome::kUnknown:
      return "unknown";
    case Published::Outcome::kAcknowledged:
      return published.cursor.ToString() + (published.duplicate ? " duplicate" : "");
    case Published::Outcome::kRefused:
      return "refused " + published.reason;
  }
  return "";
}

void Write(const Reader& reader, std::ostream& out) {
  out << fmt::format("reader {} filters {}\n", reader.name, fmt::join(reader.filters, " "));
  for (const ReaderConnection& connection : reader.connections) {
    out << fmt::format("  @{} {} edge{} from {}\n", connection.at, TransportName(connection.transport), connection.edge,
                       connection.asked ? connection.asked->ToString() : connection.start);
    for (const Item& item : connection.items) {
      out << fmt::format("    @{} {} {} {}{}\n", item.at, KindName(item.kind), item.cursor.ToString(), item.text,
                         item.requested ? " requested " + item.requested->ToString() : "");
    }
  }
}

}  // namespace

uint64_t ContentOf(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return hash;
}

std::string_view TransportName(Transport transport) {
  switch (transport) {
    case Transport::kGrpc:
      return "grpc";
    case Transport::kSse:
      return "sse";
    case Transport::kPoll:
      return "poll";
  }
  return "";
}

void Write(const History& history, std::ostream& out) {
  out << fmt::format("seed {} trims {}\n", history.seed, history.trims);
  for (const Epoch& epoch : history.epochs) {
    out << fmt::format("epoch {}\n", epoch.text());
  }
  for (const LogStatus& status : history.statuses) {
    out << fmt::format("@{} earliest {} head {}\n", status.at, status.earliest.ToString(), status.head.ToString());
  }
  for (const Measurement& measurement : history.measurements) {
    out << fmt::format("measured {}: {} of {}\n", measurement.what,
                       measurement.value ? fmt::format("{}", *measurement.value) : "never", measurement.bound);
  }
  for (const Reader& reader : history.readers) {
    Write(reader, out);
  }
  for (const Published& published : history.published) {
    out << fmt::format("published {} {} stream {}.{} content {:x}: {}\n", published.topic, published.event_id,
                       published.stream, published.order, published.content, OutcomeText(published));
  }
  for (const Stored& stored : history.log) {
    out << fmt::format("log {} {} {} content {:x}\n", stored.cursor.ToString(), stored.topic, stored.event_id,
                       stored.content);
  }
}

}  // namespace weir::chaos
