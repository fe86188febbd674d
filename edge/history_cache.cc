#include "edge/history_cache.h"

#include <iterator>
#include <utility>

namespace weir::edge {
namespace {

// A page's memory, about.
size_t BytesOf(const HistoryPage& page) {
  return 512 + page.bytes->size() + page.events.capacity() * sizeof(EventView);
}

bool FollowsACursor(const HistoryRequest& request) {
  return request.start.kind == ReadStart::Kind::kAfter && request.page_token.empty();
}

}  // namespace

// `\n` is in no filter, type or epoch.
std::string HistoryCache::StreamOf(const HistoryRequest& request) {
  std::string stream(request.start.cursor.epoch.text());
  for (const std::string& filter : request.filters) {
    stream.append("\n").append(filter);
  }
  stream.push_back('\n');
  for (const std::string& type : request.types) {
    stream.append("\n").append(type);
  }
  return stream;
}

std::shared_ptr<const HistoryPage> HistoryCache::Find(const std::string& stream, const HistoryRequest& request) {
  const auto places = FollowsACursor(request) ? streams_.find(stream) : streams_.end();
  if (places == streams_.end()) {
    return nullptr;
  }
  const uint64_t after = request.start.cursor.sequence;
  const auto beyond = places->second.upper_bound(after);
  if (beyond == places->second.begin()) {
    return nullptr;
  }
  const Entries::iterator entry = std::prev(beyond)->second;
  if (entry->page->cursor.sequence <= after) {
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return entry->page;
}

bool HistoryCache::Follows(const HistoryRequest& request, const HistoryPage& page) {
  return FollowsACursor(request) && !page.gap && page.cursor.epoch == request.start.cursor.epoch &&
         page.cursor.sequence > request.start.cursor.sequence;
}

void HistoryCache::Put(const std::string& stream, const HistoryRequest& request,
                       std::shared_ptr<const HistoryPage> page) {
  if (!Follows(request, *page) || page->next_page_token.empty() || BytesOf(*page) > bytes_max_) {
    return;
  }
  const uint64_t after = request.start.cursor.sequence;
  if (const auto at = streams_.find(stream); at != streams_.end() && at->second.contains(after)) {
    const Entries::iterator same = at->second.at(after);
    if (same->page->cursor.sequence >= page->cursor.sequence) {
      return;
    }
    Erase(same);
  }
  bytes_ += BytesOf(*page);
  entries_.push_front({stream, after, std::move(page)});
  streams_[stream].emplace(after, entries_.begin());
  while (bytes_ > bytes_max_) {
    Erase(std::prev(entries_.end()));
  }
}

void HistoryCache::Erase(Entries::iterator entry) {
  const auto places = streams_.find(entry->stream);
  places->second.erase(entry->after);
  if (places->second.empty()) {
    streams_.erase(places);
  }
  bytes_ -= BytesOf(*entry->page);
  entries_.erase(entry);
}

void HistoryCache::Clear() {
  streams_.clear();
  entries_.clear();
  bytes_ = 0;
}

}  // namespace weir::edge
