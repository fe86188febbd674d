#include "edge/history_queue.h"

#include <fmt/format.h>

#include <algorithm>
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
// Of the same stream at once: the others find their page in the cache, or begin where it ends.
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

  // A job whose turn has come; its page, if another read has brought it meanwhile.
  struct Turn {
    std::shared_ptr<Job> job;
    std::shared_ptr<const HistoryPage> page;
  };

  State(History& h, size_t max) : history(h), reads_max(max) {}

  // Starts what may run. Not under the lock: the history may answer at once.
  void Pump() {
    for (Turn turn = Take(); turn.job != nullptr; turn = Take()) {
      if (turn.page != nullptr) {
        Answer(*turn.job, turn.page);
        continue;
      }
      history.Read(turn.job->request, [self = shared_from_this(), job = turn.job, life = turn.job->life](auto page) {
        self->Finish(job, life, std::move(page));
      });
    }
  }

  Turn Take() {
    const std::lock_guard<std::mutex> lock(mutex);
    for (auto at = queue.begin(); !closed && at != queue.end() && running < reads_max;) {
      const std::shared_ptr<Job> job = *at;
      std::shared_ptr<const HistoryPage> page = cache.Find(job->stream, job->request);
      const bool wanted = std::any_of(job->waiters.begin(), job->waiters.end(),
                                      [](const Waiter& waiter) { return !waiter.wanted.expired(); });
      if (wanted && page == nullptr && streams[job->stream] == kReadsPerStream) {
        ++at;
        continue;
      }
      at = queue.erase(at);
      if (!wanted || page != nullptr) {
        askers -= job->waiters.size();
        jobs.erase(job->key);
      }
      if (!wanted) {
        continue;
      }
      if (page == nullptr) {
        ++streams[job->stream];
        ++running;
        ++reads_total;
        job->life = life;
      }
      return {job, std::move(page)};
    }
    return {};
  }

  void Finish(const std::shared_ptr<Job>& job, uint64_t begun_in,
              const absl::StatusOr<std::shared_ptr<const HistoryPage>>& page) {
    {
      const std::lock_guard<std::mutex> lock(mutex);
      --running;
      if (--streams[job->stream] == 0) {
        streams.erase(job->stream);
      }
      jobs.erase(job->key);
      askers -= job->waiters.size();
      forget_at = std::max(kAskersMin, std::min(forget_at, 2 * askers));
      if (closed) {
        return;
      }
      if (page.ok() && begun_in == life) {
        cache.Put(job->stream, job->request, *page);
      }
    }
    Answer(*job, page);
    Pump();
  }

  // The job is in no list any more: nobody joins it.
  static void Answer(Job& job, const absl::StatusOr<std::shared_ptr<const HistoryPage>>& page) {
    for (Waiter& waiter : std::exchange(job.waiters, {})) {
      if (!waiter.wanted.expired()) {
        waiter.done(page);
      }
    }
  }

  // Drops the askers that left, and the waiting reads that nobody wants any more. Costs little by the asker: it is done
  // when their number has doubled.
  void ForgetThoseWhoLeft() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    const auto left = [](const Waiter& waiter) { return waiter.wanted.expired(); };
    askers = 0;
    for (const auto& [key, job] : jobs) {
      std::erase_if(job->waiters, left);
      askers += job->waiters.size();
    }
    std::erase_if(queue,
                  [this](const std::shared_ptr<Job>& job) { return job->waiters.empty() && jobs.erase(job->key) > 0; });
    forget_at = std::max(kAskersMin, 2 * askers);
  }

  History& history;
  const size_t reads_max;
  std::mutex mutex;
  TextMap<std::shared_ptr<Job>> jobs ABSL_GUARDED_BY(mutex);  // waiting and running
  std::deque<std::shared_ptr<Job>> queue ABSL_GUARDED_BY(mutex);
  size_t askers ABSL_GUARDED_BY(mutex) = 0;  // waiters of all jobs
  size_t forget_at ABSL_GUARDED_BY(mutex) = kAskersMin;
  size_t running ABSL_GUARDED_BY(mutex) = 0;
  TextMap<size_t> streams ABSL_GUARDED_BY(mutex);  // how many reads of each are running
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
  state_->queue.clear();
}

void HistoryQueue::Read(const HistoryRequest& request, std::weak_ptr<void> wanted, History::Done done) {
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    std::string key = KeyOf(request);
    std::shared_ptr<State::Job>& job = state_->jobs[key];
    const bool fresh = job == nullptr;
    if (fresh) {
      job = std::make_shared<State::Job>();
      job->key = std::move(key);
      job->stream = HistoryCache::StreamOf(request);
      job->request = request;
      state_->queue.push_back(job);
    }
    job->waiters.push_back({std::move(wanted), std::move(done)});
    if (++state_->askers >= state_->forget_at) {
      state_->ForgetThoseWhoLeft();
    }
    if (!fresh) {
      return;
    }
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
  return state_->queue.size();
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
