#include "edge/history_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/text.h"
#include "edge/history_cache.h"

namespace weir::edge {
namespace {

// Fewer than these are not worth looking through.
constexpr size_t kAskersMin = 64;
constexpr size_t kCacheBytesMax = 8 * 1024 * 1024;
// Of the same stream at once: the others are given their pages, or begin where these end.
constexpr size_t kReadsPerStream = 2;

// Equal keys are equal reads. `\n` is in no filter, type, cursor or token.
std::string KeyOf(const HistoryRequest& request) {
  std::string key =
      fmt::format("{}\n{}\n{}\n{}\n{}\n", static_cast<int>(request.start.kind), request.start.cursor.ToString(),
                  absl::ToUnixNanos(request.start.time), request.events_max, request.page_token);
  for (const std::string& filter : request.filters) {
    key.append(filter).push_back('\n');
  }
  key.push_back('\n');
  for (const std::string& type : request.types) {
    key.append(type).push_back('\n');
  }
  return key;
}

}  // namespace

struct HistoryQueue::State : std::enable_shared_from_this<HistoryQueue::State> {
  struct Waiter {
    std::weak_ptr<void> wanted;
    History::Done done;
  };
  struct Job {
    std::string key;
    std::string stream;
    HistoryRequest request;
    std::vector<Waiter> waiters;
    uint64_t life = 0;  // of the log, when it began to run
  };

  // Those who read the same, each from its own place.
  struct Stream {
    std::multimap<uint64_t, std::shared_ptr<Job>> waiting;  // by the sequence that they read after
    size_t running = 0;
    uint64_t swept = 0;  // the place of the read that began last
    bool listed = false;
  };

  State(History& h, size_t max) : history(h), reads_max(max) {}

  // The asker shares the equal read that waits or runs; else there is a new one.
  void Join(const HistoryRequest& request, std::string stream_name, Waiter waiter)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    std::string key = KeyOf(request);
    std::shared_ptr<Job>& job = jobs[key];
    if (job == nullptr) {
      job = std::make_shared<Job>();
      job->key = std::move(key);
      job->stream = std::move(stream_name);
      job->request = request;
      Stream& stream = streams[job->stream];
      stream.waiting.emplace(request.start.cursor.sequence, job);
      ++waiting;
      List(job->stream, stream);
    }
    job->waiters.push_back(std::move(waiter));
    if (++askers >= forget_at) {
      ForgetThoseWhoLeft();
    }
  }

  // Whoever may run is in the list, once.
  void List(const std::string& name, Stream& stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (!stream.listed && !stream.waiting.empty() && stream.running < kReadsPerStream) {
      stream.listed = true;
      runnable.push_back(name);
    }
  }

  // Starts what may run. Not under the lock: the history may answer at once.
  void Pump() {
    for (std::shared_ptr<Job> job = Take(); job != nullptr; job = Take()) {
      history.Read(job->request, [self = shared_from_this(), job, life = job->life](auto page) {
        self->Finish(job, life, std::move(page));
      });
    }
  }

  // The job whose turn it is: streams take turns, and in a stream it is the next one upwards.
  std::shared_ptr<Job> Take() {
    const std::lock_guard<std::mutex> lock(mutex);
    while (running < reads_max && !runnable.empty()) {
      const std::string name = std::move(runnable.front());
      runnable.pop_front();
      Stream& stream = streams[name];
      stream.listed = false;
      const std::shared_ptr<Job> job = TakeNext(stream);
      if (job != nullptr) {
        stream.swept = job->request.start.cursor.sequence;
        ++stream.running;
        ++running;
        ++reads_total;
        job->life = life;
      }
      List(name, stream);
      DropIfIdle(name);
      if (job != nullptr) {
        return job;
      }
    }
    return nullptr;
  }

  // Of a stream's waiting jobs; those that nobody wants any more are dropped. Null: there is none.
  std::shared_ptr<Job> TakeNext(Stream& stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    while (!stream.waiting.empty()) {
      auto next = stream.waiting.upper_bound(stream.swept);
      if (next == stream.waiting.end()) {
        next = stream.waiting.begin();
      }
      const std::shared_ptr<Job> job = std::move(next->second);
      stream.waiting.erase(next);
      --waiting;
      if (std::any_of(job->waiters.begin(), job->waiters.end(), IsThere)) {
        return job;
      }
      Retire(*job);
    }
    return nullptr;
  }

  void DropIfIdle(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    const auto stream = streams.find(name);
    if (stream->second.waiting.empty() && stream->second.running == 0 && !stream->second.listed) {
      streams.erase(stream);
    }
  }

  // Nobody joins it any more.
  void Retire(const Job& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    jobs.erase(job.key);
    askers -= job.waiters.size();
    forget_at = std::max(kAskersMin, std::min(forget_at, 2 * askers));
  }

  void Finish(const std::shared_ptr<Job>& job, uint64_t begun_in,
              const absl::StatusOr<std::shared_ptr<const HistoryPage>>& page) {
    std::vector<std::shared_ptr<Job>> answered = {job};
    {
      const std::lock_guard<std::mutex> lock(mutex);
      Retire(*job);
      if (closed) {
        return;
      }
      if (page.ok() && begun_in == life && HistoryCache::Follows(job->request, **page)) {
        TakeThoseInside(**page, *job, answered);
        cache.Put(job->stream, job->request, *page);
      }
      --running;
      Stream& stream = streams[job->stream];
      --stream.running;
      List(job->stream, stream);
      DropIfIdle(job->stream);
    }
    for (const std::shared_ptr<Job>& each : answered) {
      Answer(*each, page);
    }
    Pump();
  }

  // The waiting jobs of the reader's stream whose next event is in its page.
  void TakeThoseInside(const HistoryPage& page, const Job& reader, std::vector<std::shared_ptr<Job>>& out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    auto& jobs_waiting = streams[reader.stream].waiting;
    auto at = jobs_waiting.lower_bound(reader.request.start.cursor.sequence);
    while (at != jobs_waiting.end() && at->first < page.cursor.sequence) {
      if (!HistoryCache::Follows(at->second->request, page)) {
        ++at;
        continue;
      }
      out.push_back(std::move(at->second));
      Retire(*out.back());
      at = jobs_waiting.erase(at);
      --waiting;
    }
  }

  // The job is in no list any more.
  static void Answer(Job& job, const absl::StatusOr<std::shared_ptr<const HistoryPage>>& page) {
    for (Waiter& waiter : std::exchange(job.waiters, {})) {
      if (IsThere(waiter)) {
        waiter.done(page);
      }
    }
  }

  static bool IsThere(const Waiter& waiter) { return !waiter.wanted.expired(); }

  // Drops the askers that left, and the waiting reads that nobody wants any more. Costs little by the asker: it is done
  // when their number has doubled.
  void ForgetThoseWhoLeft() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    askers = 0;
    for (const auto& [key, job] : jobs) {
      std::erase_if(job->waiters, [](const Waiter& waiter) { return !IsThere(waiter); });
      askers += job->waiters.size();
    }
    for (auto& [name, stream] : streams) {
      waiting -= std::erase_if(stream.waiting, [this](const auto& entry) {
        return entry.second->waiters.empty() && jobs.erase(entry.second->key) > 0;
      });
    }
    std::erase_if(runnable, [this](const std::string& name) {
      const auto stream = streams.find(name);
      if (!stream->second.waiting.empty()) {
        return false;
      }
      stream->second.listed = false;
      DropIfIdle(name);
      return true;
    });
    forget_at = std::max(kAskersMin, 2 * askers);
  }

  History& history;
  const size_t reads_max;
  std::mutex mutex;
  TextMap<std::shared_ptr<Job>> jobs ABSL_GUARDED_BY(mutex);  // waiting and running
  TextMap<Stream> streams ABSL_GUARDED_BY(mutex);
  std::deque<std::string> runnable ABSL_GUARDED_BY(mutex);  // streams
  size_t waiting ABSL_GUARDED_BY(mutex) = 0;                // of all streams
  size_t askers ABSL_GUARDED_BY(mutex) = 0;                 // waiters of all jobs
  size_t forget_at ABSL_GUARDED_BY(mutex) = kAskersMin;
  size_t running ABSL_GUARDED_BY(mutex) = 0;
  uint64_t reads_total ABSL_GUARDED_BY(mutex) = 0;
  HistoryCache cache ABSL_GUARDED_BY(mutex){kCacheBytesMax};
  uint64_t life ABSL_GUARDED_BY(mutex) = 0;
  bool closed ABSL_GUARDED_BY(mutex) = false;
};

HistoryQueue::HistoryQueue(History& history, size_t reads_max)
    : state_(std::make_shared<State>(history, std::max<size_t>(reads_max, 1))) {}

HistoryQueue::~HistoryQueue() {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->closed = true;
  state_->streams.clear();
  state_->runnable.clear();
}

void HistoryQueue::Read(const HistoryRequest& request, std::weak_ptr<void> wanted, History::Done done) {
  std::shared_ptr<const HistoryPage> page;
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    std::string stream = HistoryCache::StreamOf(request);
    page = state_->cache.Find(stream, request);
    if (page == nullptr) {
      state_->Join(request, std::move(stream), {std::move(wanted), std::move(done)});
    }
  }
  if (page != nullptr) {
    done(std::move(page));
    return;
  }
  state_->Pump();
}

void HistoryQueue::Forget() {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  ++state_->life;
  state_->cache.Clear();
}

size_t HistoryQueue::cached_bytes() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->cache.bytes();
}

size_t HistoryQueue::running() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->running;
}

size_t HistoryQueue::waiting() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->waiting;
}

size_t HistoryQueue::askers() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->askers;
}

uint64_t HistoryQueue::reads_total() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->reads_total;
}

}  // namespace weir::edge
