#include "edge/testing/fake_log.h"

#include <algorithm>
#include <map>

#include "edge/testing/fake_render.h"

namespace weir::edge {

std::shared_ptr<const std::string> BatchBytes(const std::vector<v1::Event>& events) {
  v1::EventBatch batch;
  batch.mutable_events()->Assign(events.begin(), events.end());
  return std::make_shared<const std::string>(batch.SerializeAsString());
}

uint64_t FakeLog::Add(std::string_view topic, std::string_view payload, std::string_view type) {
  v1::Event& event = events_.emplace_back();
  event.set_sequence(++head_);
  event.set_cursor(At(head_).ToString());
  event.set_topic(std::string(topic));
  event.set_id("id");
  event.mutable_payload()->set_type_url("type.googleapis.com/" + std::string(type));
  event.mutable_payload()->set_value(std::string(payload));
  return head_;
}

void FakeLog::Recreate(std::string_view epoch) {
  epoch_ = *Epoch::Parse(epoch);
  events_.clear();
  head_ = covered_after_ = fed_ = 0;
}

std::vector<v1::Event> FakeLog::After(uint64_t after, const std::vector<std::string>& filters, uint64_t until) const {
  std::vector<v1::Event> found;
  for (const v1::Event& event : events_) {
    if (event.sequence() > std::max(after, covered_after_) && event.sequence() <= until &&
        MatchesAny(filters, event.topic())) {
      found.push_back(event);
    }
  }
  return found;
}

void FakeLog::Feed(Tail& tail, size_t batch) {
  std::vector<v1::Event> events;
  for (const v1::Event& event : events_) {
    if (event.sequence() <= fed_) {
      continue;
    }
    events.push_back(event);
    if (events.size() == batch) {
      (void)tail.Append(BatchBytes(events));
      events.clear();
    }
  }
  if (!events.empty()) {
    (void)tail.Append(BatchBytes(events));
  }
  fed_ = head_;
  tail.Progress(At(head_));
}

void FakeLog::Fill(Tail& tail, uint64_t after) {
  fed_ = after;
  tail.SetSchema(FakeSchema());
  tail.Reset(At(after), GapReason::kExpired);
  Feed(tail);
  tail.SetReady();
}

void FakeLog::Read(const HistoryRequest& request, Done done) {
  requests_.push_back(request);
  if (!held_back_) {
    done(Answer(request));
  } else if (stale_) {
    held_.emplace_back([answer = Answer(request), done = std::move(done)] { done(answer); });
  } else {
    held_.emplace_back([this, request, done = std::move(done)] { done(Answer(request)); });
  }
}

void FakeLog::Release() {
  held_back_ = false;
  for (const auto& answer : std::exchange(held_, {})) {
    answer();
  }
}

absl::StatusOr<std::shared_ptr<const HistoryPage>> FakeLog::Answer(const HistoryRequest& request) const {
  if (!failure_.ok()) {
    return failure_;
  }
  HistoryPage page;
  page.schema = FakeSchema();
  uint64_t after = covered_after_;
  const ReadStart& start = request.start;
  if (start.kind == ReadStart::Kind::kAfter) {
    after = start.cursor.sequence;
    std::optional<GapReason> reason;
    if (start.cursor.epoch != epoch_) {
      reason = GapReason::kOtherEpoch;
      after = covered_after_;
    } else if (after > head_) {
      reason = GapReason::kBeyondHead;
      after = head_;
    } else if (after < covered_after_) {
      reason = GapReason::kExpired;
      after = covered_after_;
    }
    if (reason) {
      page.gap = GapInfo{*reason, start.cursor, At(after)};
    }
  }
  const uint64_t until = head_ - std::min(after, head_) > page_scan_max ? after + page_scan_max : head_;
  std::vector<v1::Event> events = After(after, request.filters, until);
  if (start.kind == ReadStart::Kind::kLast) {
    std::map<std::string, v1::Event> newest;
    for (const v1::Event& event : events) {
      newest[event.topic()] = event;
    }
    events.clear();
    for (const auto& [topic, event] : newest) {
      events.push_back(event);
    }
    std::sort(events.begin(), events.end(), [](const auto& a, const auto& b) { return a.sequence() < b.sequence(); });
    const size_t done = request.page_token.empty() ? 0 : std::stoul(request.page_token);
    events.erase(events.begin(), events.begin() + static_cast<long>(done));
    if (events.size() > page_events_max) {
      page.next_page_token = std::to_string(done + page_events_max);
    }
  }
  page.cursor = At(until);
  if (until < head_ && page.next_page_token.empty()) {
    page.next_page_token = "more";
  }
  const size_t limit = std::min(request.events_max, page_events_max);
  if (events.size() > limit) {
    events.resize(limit);
    page.cursor = At(events.back().sequence());
    if (page.next_page_token.empty()) {
      page.next_page_token = "more";
    }
  }
  page.bytes = BatchBytes(events);
  ForEachEvent(*page.bytes, [&](std::string_view, std::string_view bytes) {
    return ReadEvent(bytes, page.events.emplace_back()) == EventForm::kCanonical;
  });
  return std::make_shared<const HistoryPage>(std::move(page));
}

}  // namespace weir::edge
