// The hub's turn: what is new in the tail, to whom it concerns.
#include "edge/fanout_hub.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

#include "edge/fanout_internal.h"

namespace weir::edge {
namespace {

// A turn takes much, so that of many topics too those events that wait become one send for each reader; but no block
// grows beyond what a reader that stops there may hold.
constexpr int kEventsPerTurn = 4096;
constexpr size_t kBytesPerTurn = 1024 * 1024;
constexpr size_t kBlockBytes = 256 * 1024;
// Of copies of one event, for very many channels.
constexpr size_t kSliceBytes = 256 * 1024;
// Memory of batches that are kept for the next turn.
constexpr size_t kSpareBytesMax = 4 * 1024 * 1024;
// A turn of so many sends, which carried so many events each, or more, is followed by a rest of half of its time. One
// of fewer sends costs little, and when it lasted long, that was because others had the processor.
constexpr size_t kManySends = 256;
constexpr size_t kMergedMin = 2;
constexpr absl::Duration kRestMax = absl::Milliseconds(50);
// Among the names of what was written: a gap.
constexpr uint16_t kGapName = UINT16_MAX;

bool AnyFull(const std::vector<Channel*>& channels) {
  return std::any_of(channels.begin(), channels.end(), [](const Channel* channel) {
    return channel->batch != nullptr && channel->batch->block.body_size() >= kBlockBytes;
  });
}

}  // namespace

FanoutHub::FanoutHub(HubOptions options, HubServices services)
    : options_(std::move(options)),
      tail_(services.tail),
      history_(services.history),
      connections_(services.connections),
      context_(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO),
      sweep_timer_(context_),
      rest_timer_(context_),
      gate_(std::make_shared<Gate>(this)),
      random_(options_.seed) {
  SetUpstream(false, options_.now());
  tail_.AddListener([this] { Wake(); });
  Wake();
  ArmSweep();
}

FanoutHub::~FanoutHub() {
  gate_->Close();
  for (const Entry& entry : sessions_) {
    connections_.Close(entry.session->connections);
    delete entry.session;
  }
  for (Session* const session : closing_) {
    delete session;
  }
  for (Session* const session : graveyard_) {
    delete session;
  }
}

void FanoutHub::Post(void (FanoutHub::*method)()) {
  boost::asio::post(context_, [this, method] { (this->*method)(); });
}

void FanoutHub::Wake() {
  if (!wake_posted_.exchange(true)) {
    Post(&FanoutHub::Turn);
  }
}

void FanoutHub::Turn() {
  wake_posted_.store(false);
  if (resting_) {
    return;
  }
  const absl::Time began = options_.monotonic();
  sends_ = 0;
  deliveries_ = 0;
  const TailState state = tail_.state();
  if (state.upstream_connected != upstream_connected_) {
    SetUpstream(state.upstream_connected, state.upstream_since);
  }
  if (!state.ready) {
    return;
  }
  if (state.generation != generation_) {
    BeginGeneration(state);
  }
  covered_after_ = state.covered_after;
  const bool read_all = Collect();
  if (read_all) {
    position_ = std::max(position_, state.head);
  } else {
    Wake();
  }
  Flush();
  parked_unseen_ = parked_.size();
  SettleParked();
  RunDuePolls();
  if (read_all && sends_ >= kManySends && deliveries_ >= kMergedMin * sends_) {
    Rest((options_.monotonic() - began) / 2);
  }
}

// Events come faster than turns: let more of them gather for the next one, while server and readers have the processor.
// A larger send costs hardly more than a small one.
void FanoutHub::Rest(absl::Duration duration) {
  if (duration <= absl::ZeroDuration()) {
    return;
  }
  resting_ = true;
  rest_timer_.expires_after(absl::ToChronoMicroseconds(std::min(duration, kRestMax)));
  rest_timer_.async_wait([this](boost::system::error_code error) {
    if (!error) {
      resting_ = false;
      Turn();
    }
  });
}

void FanoutHub::BeginGeneration(const TailState& state) {
  const bool first = generation_ == 0;
  const std::vector<Session*> live = TakeLive();
  history_.Forget();
  generation_ = state.generation;
  epoch_ = state.epoch;
  began_after_ = state.began_after;
  covered_after_ = state.covered_after;
  began_because_ = state.began_because;
  position_ = first ? state.head : state.began_after;
  reader_ = tail_.ReaderAfter(generation_, position_);
  for (Session* const session : live) {
    RunLater(*session);
  }
  while (!parked_.empty()) {
    Session& session = *parked_.back();
    Unpark(session);
    RunLater(session);
  }
  BeginGenerationOfPolls(first);
}

// Every caught-up session, now with a cursor of its own.
std::vector<Session*> FanoutHub::TakeLive() {
  std::vector<Session*> live;
  channels_.ForEach([&](Channel& channel) {
    for (const Channel::Reader& reader : channel.readers) {
      live.push_back(reader.session);
    }
  });
  for (Session* const session : live) {
    LeaveLive(*session);
  }
  return live;
}

// True when everything that the tail shows was read.
bool FanoutHub::Collect() {
  collected_bytes_ = 0;
  matched_.clear();
  for (int i = 0; i < kEventsPerTurn && collected_bytes_ < kBytesPerTurn && !AnyFull(matched_); ++i) {
    switch (reader_.Next()) {
      case TailReader::Step::kEnd:
        return true;
      case TailReader::Step::kGone:
        Flush();
        FellBehind();
        return false;
      case TailReader::Step::kEvent:
        CollectEvent();
        break;
    }
  }
  return false;
}

void FanoutHub::CollectEvent() {
  const EventView& event = reader_.event();
  ++visit_;
  matched_.clear();
  channels_.ForEachMatch(event.topic, [&](Channel* channel) {
    if (channel->visit != visit_ && Shows(*channel->route, event.type_name())) {
      channel->visit = visit_;
      matched_.push_back(channel);
    }
  });
  if (matched_.size() * event.payload.size() > kSliceBytes) {
    FlushSliced(event.sequence);
    return;
  }
  position_ = event.sequence;
  for (Channel* const channel : matched_) {
    CollectFor(*channel);
  }
}

// One event for so many channels that their copies of it are too much to hold: they are sent a few at a time. What was
// collected before goes first, for a channel is flushed with position_ as its readers' place.
void FanoutHub::FlushSliced(uint64_t sequence) {
  for (Channel* const channel : matched_) {
    ++channel->members;  // it must outlive its last reader here
  }
  Flush();
  position_ = sequence;
  size_t sent = 0;
  for (Channel* const channel : matched_) {
    CollectFor(*channel);
    if (collected_bytes_ - sent > kSliceBytes) {
      Flush();
      sent = collected_bytes_;
    }
  }
  Flush();
  for (Channel* const channel : matched_) {
    channels_.Leave(channel);
  }
  matched_.clear();
}

void FanoutHub::CollectFor(Channel& channel) {
  WakePolls(channel);
  if (channel.readers.empty()) {
    return;
  }
  if (channel.batch == nullptr) {
    if (spare_batches_.empty()) {
      channel.batch = std::make_unique<Batch>();
    } else {
      channel.batch = std::move(spare_batches_.back());
      spare_batches_.pop_back();
      spare_bytes_ -= channel.batch->bytes();
    }
    dirty_.push_back(&channel);
  }
  Batch& batch = *channel.batch;
  const size_t before = batch.block.body_size();
  AppendEvent(channel, reader_.segment(), reader_.position(), batch.block.body(), batch.names);
  collected_bytes_ += batch.block.body_size() - before;
}

// The tail has passed the hub: its live sessions go on from history, each at its own pace.
void FanoutHub::FellBehind() {
  const TailState state = tail_.state();
  if (state.generation != generation_) {
    return;  // the next turn begins the new generation
  }
  counters_.fell_behind.Add();
  const std::vector<Session*> live = TakeLive();
  covered_after_ = state.covered_after;
  position_ = state.head;
  reader_ = tail_.ReaderAfter(generation_, position_);
  for (Session* const session : live) {
    RunLater(*session);
  }
  channels_.ForEach([this](Channel& channel) { WakePolls(channel); });
}

void FanoutHub::Flush() {
  for (Channel* const channel : dirty_) {
    ++channel->members;  // it must outlive its last reader here
    FlushChannel(*channel);
    channel->batch->Clear();
    if (spare_bytes_ + channel->batch->bytes() <= kSpareBytesMax) {
      spare_bytes_ += channel->batch->bytes();
      spare_batches_.push_back(std::move(channel->batch));
    }
    channel->batch = nullptr;
    channels_.Leave(channel);
  }
  dirty_.clear();
}

void FanoutHub::FlushChannel(Channel& channel) {
  const std::string_view bytes = channel.batch->block.Finish(channel.chunked);
  std::shared_ptr<const std::string> kept;  // shared by those that could not take all
  CountNames(channel.batch->names, channel.readers.size());
  sends_ += channel.readers.size();
  deliveries_ += channel.readers.size() * channel.batch->names.size();
  uint64_t whole = 0;
  // Who could not take all leaves the array, and the last one, whose turn is still to come, takes its place. Who comes
  // back stands at the end: so most of those that were behind are served after those that kept up.
  for (size_t i = 0; i < channel.readers.size();) {
    const auto [session, fd] = channel.readers[i];
    const ssize_t sent =
        fd >= 0 ? ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) : session->transport.Send(bytes);
    if (sent == static_cast<ssize_t>(bytes.size())) {
      ++whole;
      ++i;
      continue;
    }
    if (sent < 0 && !MayTryAgain(errno)) {
      Close(*session, CloseReason::kError);
      continue;
    }
    if (kept == nullptr) {
      kept = std::make_shared<const std::string>(bytes);
    }
    const size_t taken = sent < 0 ? 0 : static_cast<size_t>(sent);
    counters_.bytes_sent.Add(taken);
    Stall(*session, kept, taken);
  }
  counters_.bytes_sent.Add(whole * bytes.size());
}

bool FanoutHub::InTail(const Cursor& cursor, const Route& route) const {
  const uint64_t covered_after =
      route.coverage.generation == generation_ ? std::max(covered_after_, route.coverage.after) : covered_after_;
  return cursor.epoch == epoch_ && cursor.sequence >= covered_after && cursor.sequence <= position_;
}

// In a log that went back, what is up to its end is as it was, and the sequences beyond it are given to other events.
bool FanoutHub::Survives(const Cursor& cursor) const {
  return cursor.epoch == epoch_ &&
         (began_because_ == GapReason::kBeyondHead ? cursor.sequence <= began_after_ : cursor.sequence >= began_after_);
}

void FanoutHub::AppendEvent(const Channel& channel, const Segment& segment, uint32_t position, std::string& out,
                            std::vector<uint16_t>& names) {
  bool rendered = false;
  const Frame& frame =
      segment.FrameOf(position, channel.presentation_index(), channel.presentation(), tail_.names(), rendered);
  counters_.frames_rendered.Add(rendered ? 1 : 0);
  if (frame.renderable()) {
    out += frame.bytes();
    names.push_back(frame.name());
    return;
  }
  const uint64_t sequence = segment.event(position).sequence;
  counters_.unrenderable.Add();
  names.push_back(kGapName);
  AppendGapFrame(channel.framing, channel.route->gap_event,
                 {GapReason::kUnrenderable, Cursor{epoch_, sequence - 1}, Cursor{epoch_, sequence}}, out);
}

void FanoutHub::CountNames(const std::vector<uint16_t>& names, size_t readers) {
  for (const uint16_t name : names) {
    (name == kGapName ? counters_.gaps_sent : counters_.messages_sent[name]).Add(readers);
  }
}

void FanoutHub::ReadHistory(const HistoryRequest& request, const std::shared_ptr<HistoryTicket>& ticket) {
  const std::weak_ptr<HistoryTicket> weak = ticket;
  history_.Read(request, ticket, [gate = gate_, weak](const absl::StatusOr<std::shared_ptr<const HistoryPage>>& page) {
    gate->Post([weak, page](FanoutHub& hub) {
      const std::shared_ptr<HistoryTicket> asked = weak.lock();
      if (asked == nullptr) {
        return;
      }
      if (asked->session != nullptr) {
        hub.OnPage(*asked->session, page);
      } else {
        hub.OnPollPage(asked->poll, page);
      }
    });
  });
}

}  // namespace weir::edge
