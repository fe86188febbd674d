// A reader that wants every event of its view and keeps nothing but a cursor: it moves between transports and edges,
// goes away and comes back, is slow at times, and writes down all that it is shown.
//
// Threads: made, told and collected by one thread; it reads on a thread of its own. Bounds: none on the record.
#ifndef WEIR_TESTS_CHAOS_READERS_H_
#define WEIR_TESTS_CHAOS_READERS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "tests/chaos/applications.h"
#include "tests/chaos/history.h"
#include "tests/support/http.h"
#include "weir/client.h"

namespace weir::chaos {

struct ReaderSettings {
  std::string name;
  View view;
  std::string token;  // of the view's principal; may be empty
  // Which of these it uses, at random; at least one.
  std::vector<Transport> transports;
  // Ports of the edges' HTTP, some of them through a proxy: pairs of edge and port.
  std::vector<std::pair<size_t, uint16_t>> edges;
  std::string server;  // the address of gRPC
  // Stops reading for seconds at times, with small buffers.
  bool slow = false;
  // Begins with everything retained rather than with what is new.
  bool from_earliest = false;
  // About how long it stays on one connection.
  absl::Duration stay = absl::Seconds(5);
  // At most how long it is away between two connections.
  absl::Duration away = absl::Milliseconds(200);
  uint64_t seed = 0;
  // Gives the next number of the history's order.
  std::function<uint64_t()> now;
};

class ReaderLoad {
 public:
  explicit ReaderLoad(ReaderSettings settings);
  // Ends it.
  ~ReaderLoad();
  ReaderLoad(const ReaderLoad&) = delete;
  ReaderLoad& operator=(const ReaderLoad&) = delete;

  // It is done once it was shown everything up to there; no slowness any more.
  void SetGoal(const Cursor& goal);
  bool done() const { return done_; }
  void End();
  Reader TakeRecord();
  const std::vector<std::string>& filters() const { return settings_.view.filters; }
  uint64_t events() const { return events_; }

 private:
  void Run();
  void ReadSse(size_t edge, uint16_t port, absl::Time until);
  bool TakeSse(const testing::SseEvent& event);
  void ReadPolls(size_t edge, uint16_t port, absl::Time until);
  bool TakePoll(const nlohmann::json& answer, std::optional<Cursor> asked, size_t edge, bool first);
  void ReadGrpc(absl::Time until);
  SubscriberCallbacks Callbacks();

  std::string Target(const std::string& more) const;
  std::vector<std::string> HeadersFor(const std::string& accept) const;
  // Nothing more to do on this connection: the time is over, the goal is reached, or it was told to end.
  bool Over(absl::Time until);
  // It has a goal, or was told to end: no pauses any more.
  bool Hurries();
  void BeAway();
  void MayBeSlow();

  // Whether a status is none to read on with; writes it down when there is no reason for it.
  bool Refused(int status, Transport transport, size_t edge);
  void Connect(Transport transport, size_t edge);
  void Add(Item item);
  void AddEvent(const std::string& cursor, const std::optional<std::string>& text);
  void AddGap(const nlohmann::json& gap);
  void AddUnreadable(const std::string& what);
  std::optional<Cursor> position();

  const ReaderSettings settings_;
  std::mt19937_64 random_;
  std::atomic<bool> ending_ = false;
  std::atomic<bool> done_ = false;
  std::atomic<uint64_t> events_ = 0;
  std::mutex mutex_;
  Reader record_;                   // guarded by mutex_
  std::optional<Cursor> position_;  // guarded by mutex_
  std::optional<Cursor> goal_;      // guarded by mutex_
  // A subscription over gRPC began without a cursor, and nothing was shown on it yet: it would begin so again. Used by
  // its callbacks while there is one.
  bool nothing_shown_ = false;
  std::thread thread_;
};

}  // namespace weir::chaos

#endif  // WEIR_TESTS_CHAOS_READERS_H_
