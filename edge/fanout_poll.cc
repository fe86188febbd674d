// Polls: the same reading as a stream's, once, as JSON.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "edge/fanout_hub.h"
#include "edge/fanout_internal.h"

namespace weir::edge {
namespace {

// An answer ends at this many bytes, `more` being true.
constexpr size_t kAnswerBytesMax = 1024 * 1024;
// Pages without a matching event that one poll reads; then it answers with `more`.
constexpr int kPagesMax = 16;
// They run in a row; then others have their turn.
constexpr int kPollsAtOnce = 64;
// How long after its deadline an answer may still wait for the server: a read that has its turn ends sooner.
constexpr int64_t kHistoryPatienceMs = 15'000;

}  // namespace

std::function<void()> FanoutHub::Poll(PollRequest request, PollDone done) {
  const uint64_t id = next_poll_++;
  auto poll = std::make_unique<PollOperation>();
  poll->id = id;
  poll->done = std::move(done);
  poll->channel = channels_.Join(request.reader.route, request.reader.filters, Framing::kSse, true);
  poll->deadline_ms = std::min(NowMs() + absl::ToInt64Milliseconds(request.wait), EndMs(request.reader.expires));
  poll->request = std::move(request);
  poll->request.reader.start = AllowedStart(poll->request.reader.start, *poll->channel->route, options_.now());
  if (poll->request.reader.start.kind == ReadStart::Kind::kAfter) {
    poll->cursor = poll->request.reader.start.cursor;
    poll->has_place = true;
  }
  polls_.emplace(id, std::move(poll));
  counters_.polls.Add();
  boost::asio::post(context_, [this, id] { RunPoll(id); });
  return [this, id] { ErasePoll(id); };
}

// Takes those that wait out of the channel: each is due once, until it waits again.
void FanoutHub::WakePolls(Channel& channel) {
  for (const uint64_t id : channel.polls) {
    polls_.at(id)->listed = false;
  }
  polls_due_.insert(polls_due_.end(), channel.polls.begin(), channel.polls.end());
  channel.polls.clear();
}

void FanoutHub::RunDuePolls() {
  for (int i = 0; i < kPollsAtOnce && !polls_due_.empty(); ++i) {
    const uint64_t id = polls_due_.front();
    polls_due_.pop_front();
    RunPoll(id);
  }
  if (!polls_due_.empty() && !running_polls_) {
    running_polls_ = true;
    Post(&FanoutHub::RunMorePolls);
  }
}

void FanoutHub::RunMorePolls() {
  running_polls_ = false;
  RunDuePolls();
}

// The server judges the cursors of those that wait anew. But a log that went back may seem to know them again.
void FanoutHub::BeginGenerationOfPolls(bool first) {
  for (const auto& [id, poll] : polls_) {
    polls_due_.push_back(id);
    const Cursor& cursor = poll->cursor;
    if (!first && poll->waiting && cursor.epoch == epoch_ && cursor.sequence > began_after_ && !Survives(cursor)) {
      poll->gap = GapInfo{began_because_, poll->cursor, Cursor{epoch_, began_after_}};
      poll->cursor = poll->gap->resumed_at;
    }
  }
  RunDuePolls();
}

void FanoutHub::RunPoll(uint64_t id) {
  const auto it = polls_.find(id);
  if (it == polls_.end() || it->second->ticket != nullptr) {
    return;
  }
  PollOperation& poll = *it->second;
  const ReadStart& start = poll.request.reader.start;
  if (start.kind == ReadStart::Kind::kMalformedCursor) {
    FinishPoll(poll, absl::InvalidArgumentError("the cursor is malformed"));
    return;
  }
  if (generation_ == 0) {
    WaitOrFinishPoll(poll);
    return;
  }
  if (!poll.has_place && start.kind == ReadStart::Kind::kLatest) {
    poll.cursor = Cursor{epoch_, position_};
    poll.has_place = true;
    FinishPoll(poll, PollBody(poll));
    return;
  }
  if (poll.has_place && poll.page_token.empty() && InTail(poll.cursor, *poll.channel->route)) {
    ReadPollTail(poll);
    return;
  }
  if (poll.waiting && poll.cursor.epoch == epoch_ && poll.cursor.sequence > position_) {
    ListPoll(poll);  // the server has judged it: the tail is on its way there
    return;
  }
  AskServerForPoll(poll);
}

void FanoutHub::ReadPollTail(PollOperation& poll) {
  const Route& route = *poll.channel->route;
  TailReader reader = tail_.ReaderAfter(generation_, poll.cursor.sequence);
  TailReader::Step step;
  while ((step = reader.Next(position_, &poll.channel->filters)) == TailReader::Step::kEvent) {
    if (!Shows(route, reader.event().type_name())) {
      continue;
    }
    if (!AddPollItem(poll, reader.event(), *reader.segment().schema())) {
      poll.more = true;
      break;
    }
  }
  if (step == TailReader::Step::kEnd) {
    poll.cursor.sequence = position_;
  } else if (step == TailReader::Step::kGone && poll.count == 0 && !poll.gap) {
    const TailState state = tail_.state();
    if (state.generation == generation_) {
      covered_after_ = state.covered_after;
      AskServerForPoll(poll);
    } else {
      WaitOrFinishPoll(poll);
    }
    return;
  } else if (step == TailReader::Step::kGone) {
    poll.more = true;
  }
  WaitOrFinishPoll(poll);
}

// Returns false when the answer is full, or the event has to wait for the next one.
bool FanoutHub::AddPollItem(PollOperation& poll, const EventView& event, const Schema& schema) {
  if (poll.count == poll.request.limit || poll.items.size() >= kAnswerBytesMax) {
    return false;
  }
  const size_t before = poll.items.size();
  if (poll.count > 0) {
    poll.items += ',';
  }
  const Cursor cursor = Cursor::Parse(event.cursor).value_or(Cursor{poll.cursor.epoch, event.sequence});
  if (poll.channel->route->presentation->AppendPollItem(event, schema, poll.items).ok()) {
    ++poll.count;
  } else {
    poll.items.resize(before);
    if (poll.count > 0 || poll.gap) {
      return false;  // a gap stands before the events of its answer
    }
    counters_.unrenderable.Add();
    poll.gap = GapInfo{GapReason::kUnrenderable, poll.cursor, cursor};
  }
  poll.cursor = cursor;
  return true;
}

void FanoutHub::AskServerForPoll(PollOperation& poll) {
  HistoryRequest request;
  request.filters = poll.channel->filters;
  request.types.assign(poll.channel->route->types.begin(), poll.channel->route->types.end());
  std::sort(request.types.begin(), request.types.end());
  request.events_max = poll.request.limit;
  request.page_token = poll.page_token;
  if (poll.has_place && poll.page_token.empty()) {
    request.start.kind = ReadStart::Kind::kAfter;
    request.start.cursor = poll.cursor;
  } else {
    request.start = poll.request.reader.start;
  }
  poll.ticket = std::make_shared<HistoryTicket>();
  poll.ticket->poll = poll.id;
  ReadHistory(request, poll.ticket);
}

void FanoutHub::OnPollPage(uint64_t id, const absl::StatusOr<std::shared_ptr<const HistoryPage>>& answer) {
  const auto it = polls_.find(id);
  if (it == polls_.end()) {
    return;
  }
  PollOperation& poll = *it->second;
  poll.ticket.reset();
  if (!answer.ok()) {
    FinishPoll(poll, absl::UnavailableError("the server cannot be asked for history just now"));
    return;
  }
  const HistoryPage& page = **answer;
  ++poll.pages;
  const bool asked_after = poll.has_place && poll.page_token.empty();
  if (!poll.has_place) {
    poll.cursor = page.cursor;
    if (!page.events.empty()) {
      poll.cursor.sequence = page.events.front().sequence - 1;
    }
    poll.has_place = true;
  }
  if (page.gap) {
    poll.gap = page.gap;
    poll.cursor = page.gap->resumed_at;
  }
  bool whole = true;
  const bool follows = asked_after && !page.gap;
  for (size_t i = follows ? page.FirstAfter(poll.cursor.sequence) : 0; i < page.events.size(); ++i) {
    if (!Shows(*poll.channel->route, page.events[i].type_name())) {
      continue;
    }
    if (!AddPollItem(poll, page.events[i], *page.schema)) {
      whole = false;
      break;
    }
  }
  const bool keeps_token = KeepsToken(poll.request.reader.start.kind);
  poll.page_token = keeps_token && whole ? page.next_page_token : "";
  if (whole && poll.page_token.empty()) {
    poll.cursor = page.cursor;
  }
  poll.more = !whole || !page.next_page_token.empty();
  if (poll.count == 0 && !poll.gap && poll.more && poll.pages < kPagesMax) {
    AskServerForPoll(poll);
    return;
  }
  if (poll.count == 0 && !poll.gap && InTail(poll.cursor, *poll.channel->route)) {
    ReadPollTail(poll);
    return;
  }
  WaitOrFinishPoll(poll);
}

// Answers if there is something to say or the time is over; else waits for an event.
void FanoutHub::WaitOrFinishPoll(PollOperation& poll) {
  const bool over = draining_ || NowMs() >= poll.deadline_ms;
  if (poll.count > 0 || poll.gap || poll.more || over) {
    if (poll.has_place && generation_ != 0) {
      FinishPoll(poll, PollBody(poll));
    } else {
      FinishPoll(poll, absl::UnavailableError("the edge does not know the log yet"));
    }
    return;
  }
  poll.waiting = true;
  ListPoll(poll);
}

void FanoutHub::ListPoll(PollOperation& poll) {
  if (!poll.listed) {
    poll.listed = true;
    poll.place = poll.channel->polls.size();
    poll.channel->polls.push_back(poll.id);
  }
}

void FanoutHub::UnlistPoll(PollOperation& poll) {
  if (poll.listed) {
    std::vector<uint64_t>& polls = poll.channel->polls;
    polls[poll.place] = polls.back();
    polls_.at(polls.back())->place = poll.place;
    polls.pop_back();
    poll.listed = false;
  }
}

std::string FanoutHub::PollBody(const PollOperation& poll) const {
  return fmt::format(R"({{"events":[{}],"cursor":"{}","more":{},"gap":{}}})", poll.items, poll.cursor.ToString(),
                     poll.more, poll.gap ? GapData(*poll.gap) : "null");
}

void FanoutHub::FinishPoll(PollOperation& poll, absl::StatusOr<std::string> body) {
  PollDone done = std::move(poll.done);
  ErasePoll(poll.id);
  done(std::move(body));
}

void FanoutHub::ErasePoll(uint64_t id) {
  const auto it = polls_.find(id);
  if (it == polls_.end()) {
    return;
  }
  UnlistPoll(*it->second);
  const std::unique_ptr<PollOperation> poll = std::move(it->second);
  polls_.erase(it);
  channels_.Leave(poll->channel);
}

void FanoutHub::SweepPolls(int64_t now) {
  std::vector<uint64_t> due;
  std::vector<uint64_t> late;
  for (const auto& [id, poll] : polls_) {
    if (poll->waiting && (poll->deadline_ms <= now || draining_)) {
      due.push_back(id);
    } else if (poll->ticket != nullptr && poll->deadline_ms + kHistoryPatienceMs <= now) {
      late.push_back(id);
    }
  }
  for (const uint64_t id : late) {
    FinishPoll(*polls_.at(id), absl::UnavailableError("the server did not answer in time"));
  }
  for (const uint64_t id : due) {
    WaitOrFinishPoll(*polls_.at(id));
  }
}

}  // namespace weir::edge
