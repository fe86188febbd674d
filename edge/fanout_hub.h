// The hub: one thread that serves many readers from the tail.
//
// A turn of the hub reads what is new in the tail, collects for each channel concerned one run of bytes, and sends it
// to the channel's readers over a dense array of sockets. A reader whose kernel buffer is full leaves the array: it
// gets the rest when its socket takes bytes again, reads on from the tail by its own cursor, or from the server's
// history when the tail has passed it, and comes back when it has caught up. Nobody has a queue, so nobody can slow
// another.
//
// Threads: everything on the thread that runs context(), but the constructor and destructor (nobody runs it then),
// Wake, connections, open_streams and counters. Lifetime: tail, history and connections outlive the hub; the tail's
// appending side must have stopped before the hub is destroyed. Bounds: a stream that is behind writes only when its
// socket has room, a block or two at a time, so that where the network keeps up it holds nothing; at most it holds the
// rest of one block (a share in the channel's 256 KiB, or 32 KiB of its own, or one event). It has a page of history
// only while it writes, but for the page of a snapshot. A turn takes at most 4,096 events, 1 MiB of blocks or 256 KiB
// of one before others have theirs, or one event that goes to very many channels: their copies are held 256 KiB at a
// time. It sends at most once to a reader, but for that. Polls that an event wakes run 64 in a row. After a turn of
// many sends that merged, what is new waits for half as long as that took, 50 ms at most; opening, reading on and
// deadlines do not.
#ifndef WEIR_EDGE_FANOUT_HUB_H_
#define WEIR_EDGE_FANOUT_HUB_H_

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "edge/channel.h"
#include "edge/connection_counts.h"
#include "edge/history_queue.h"
#include "edge/hub.h"
#include "edge/hub_counters.h"
#include "edge/lingering.h"
#include "edge/session.h"
#include "edge/tail.h"
#include "edge/websocket/client_message.h"

namespace weir::edge {

struct HubOptions {
  // The kernel's send buffer of a stream: what a stopped reader may hold there.
  size_t send_buffer_bytes = 256 * 1024;
  // How long a reader may take no byte of what waits for it, before it is cut off.
  absl::Duration slow_reader_timeout = absl::Seconds(60);
  // How often heartbeats and deadlines are looked at. Infinite: only when Sweep is called.
  absl::Duration sweep_interval = absl::Milliseconds(250);
  // What readers are told, and what tokens and starts by time are judged by.
  Clock now = SystemClock();
  // Heartbeats and deadlines.
  Clock monotonic = MonotonicClock();
  // Of the jitter in drains.
  uint32_t seed = std::random_device()();
};

struct HubServices {
  Tail& tail;
  HistoryQueue& history;
  ConnectionCounts& connections;
};

class FanoutHub final : public Hub {
 public:
  // Listens to the tail: before the tail's first Reset.
  FanoutHub(HubOptions options, HubServices services);
  // Closes every stream at once.
  ~FanoutHub() override;

  boost::asio::io_context& context() override { return context_; }
  void OpenStream(Transport transport, StreamRequest request) override;
  std::function<void()> Poll(PollRequest request, PollDone done) override;
  size_t connections() const override { return open_streams() + counters_.lingering.get(); }
  void EndStreams(Judgement judgement, absl::Duration retry_max, std::function<void()> done) override;
  void Drain(absl::Duration window, absl::Duration retry_max, std::function<void()> done) override;

  size_t open_streams() const { return counters_.open_streams.get(); }
  // There may be something new in the tail.
  void Wake();
  // Heartbeats and deadlines that are due.
  void Sweep();
  const HubCounters& counters() const { return counters_; }

 private:
  struct Gate;
  struct PollOperation;
  // 16 bytes, so that a pending operation is small.
  struct OnReadable {
    FanoutHub* hub;
    Session* session;
    void operator()(boost::system::error_code error) const { hub->Readable(*session, error); }
  };
  struct OnWritable {
    FanoutHub* hub;
    Session* session;
    void operator()(boost::system::error_code error) const { hub->Writable(*session, error); }
  };
  struct Entry {
    Session* session;
    int64_t due_ms;
  };

  // The turn (fanout_hub.cc).
  void Turn();
  void Rest(absl::Duration duration);
  void BeginGeneration(const TailState& state);
  bool Collect();
  void CollectEvent();
  void FlushSliced(uint64_t sequence);
  void CollectFor(Channel& channel);
  void FellBehind();
  void Flush();
  void FlushChannel(Channel& channel);
  std::vector<Session*> TakeLive();
  // Whether a reader of that route goes on in the tail after it.
  bool InTail(const Cursor& cursor, const Route& route) const;
  // Whether a place in the tail's generation before is also one in the present one.
  bool Survives(const Cursor& cursor) const;

  // One stream's life (fanout_session.cc).
  void Begin(Session& session, const StreamRequest& request, std::string& body);
  void GoOn(Session& session);
  void Settle(Session& session);
  bool Step(Session& session);
  void BeginAtHead(Session& session, std::string& body);
  bool WriteResetGap(Session& session);
  bool WriteTail(Session& session);
  bool WritePage(Session& session);
  void AskServer(Session& session);
  void OnPage(Session& session, const absl::StatusOr<std::shared_ptr<const HistoryPage>>& page);
  void GoLive(Session& session);
  void Park(Session& session);
  void Unpark(Session& session);
  CatchUp& CatchUpOf(Session& session);
  void AppendConnected(Session& session, const BoundData* data, std::string& out);
  void AppendGap(Session& session, const GapInfo& gap, std::string& out);
  void CountResume(Session& session, ResumeResult result);
  void FinishPage(Session& session);

  // Many readers at a time, a few in each handler (fanout_upstream.cc).
  void SetUpstream(bool connected, absl::Time since);
  void TellSome();
  void TellUpstream(Session& session);
  void AppendUpstream(Session& session, std::string& out);
  void SettleParked();
  void SettleMoreParked();
  void RunLater(Session& session);
  void RunThose();

  // Sockets (fanout_socket.cc).
  void PrepareSocket(Session& session);
  void Send(Session& session, std::string_view bytes);
  void SendBlock(Session& session, Block& block);
  void Stall(Session& session, std::shared_ptr<const std::string> bytes, size_t offset);
  void ArmRead(Session& session);
  void ArmWrite(Session& session);
  void Readable(Session& session, boost::system::error_code error);
  void Writable(Session& session, boost::system::error_code error);
  bool Dead(Session& session);
  void AwaitRoom(Session& session);
  void LeaveLive(Session& session);
  void End(Session& session, CloseReason reason, bool gone = false);
  void AppendFarewell(Session& session, CloseReason reason, std::string& out);
  // `lingers`: a close frame was sent.
  void Close(Session& session, CloseReason reason, bool lingers = false);
  void Bury();

  // What a WebSocket's client says (fanout_websocket.cc).
  std::string BecomeWebSocket(Session& session, WebSocketRequest& request, std::string& received);
  void Listen(Session& session, const std::string& received);
  void ReadOn(Session& session);
  void Receive(Session& session);
  void TakeMessages(Session& session, std::string_view bytes);
  void AwaitRest(Session& session);
  static int64_t RestDueMs(const Session& session);
  void EndUnfinished(Session& session);
  void HearAgain(Session& session, int64_t unheard_since_ms);
  bool MaySay(Session& session, const ClientFrames::Item& item, std::string& answers);
  bool Answer(Session& session, const ClientFrames::Item& item, std::string& answers);
  bool AnswerMessage(Session& session, std::string_view text, std::string& answers);
  bool AnswerAuth(Session& session, const AuthMessage& message, std::string& answers);
  void AnswerSubscribe(Session& session, const SubscribeMessage& message, std::string& answers);
  void MoveTo(Session& session, const std::vector<std::string>& filters);
  bool StandAtHead(Session& session);
  bool EndMessages(Session& session, uint16_t code, std::string_view why, std::string& answers, CloseReason reason);

  // Time (fanout_sweep.cc).
  void ArmSweep();
  void Tend(Session& session, int64_t now);
  void Heartbeat(Session& session);
  void CheckPeer(Session& session);
  void DueAt(Session& session, int64_t at_ms);
  int64_t NowMs() const { return absl::ToUnixMillis(options_.monotonic()); }
  // When it ends: with its token, or at its greatest age.
  void SetEnd(Session& session, absl::Time expires, absl::Duration age_max);
  // When a token that ends then has ended, in terms of NowMs.
  int64_t EndMs(absl::Time expires) const;
  FrameValues ValuesFor(const Session& session, std::string_view cursor) const;
  struct Ending;
  void EndSome(const std::shared_ptr<Ending>& ending);
  void FinishDrain();

  // Polls (fanout_poll.cc).
  void RunPoll(uint64_t id);
  void WakePolls(Channel& channel);
  void RunDuePolls();
  void RunMorePolls();
  void BeginGenerationOfPolls(bool first);
  void ReadPollTail(PollOperation& poll);
  void AskServerForPoll(PollOperation& poll);
  void OnPollPage(uint64_t id, const absl::StatusOr<std::shared_ptr<const HistoryPage>>& page);
  void WaitOrFinishPoll(PollOperation& poll);
  void ListPoll(PollOperation& poll);
  void UnlistPoll(PollOperation& poll);
  void FinishPoll(PollOperation& poll, absl::StatusOr<std::string> body);
  bool AddPollItem(PollOperation& poll, const EventView& event, const Schema& schema);
  std::string PollBody(const PollOperation& poll) const;
  void ErasePoll(uint64_t id);
  void SweepPolls(int64_t now);
  void EndPolls(const Judgement& judgement);

  // Appends the event as the channel shows it, or the gap that stands for it.
  void AppendEvent(const Channel& channel, const Segment& segment, uint32_t position, std::string& out,
                   std::vector<uint16_t>& names);
  void CountNames(const std::vector<uint16_t>& names, size_t readers);
  void ReadHistory(const HistoryRequest& request, const std::shared_ptr<HistoryTicket>& ticket);
  void Post(void (FanoutHub::*method)());

  const HubOptions options_;
  Tail& tail_;
  HistoryQueue& history_;
  ConnectionCounts& connections_;
  HubCounters counters_;
  boost::asio::io_context context_;
  boost::asio::steady_timer sweep_timer_;
  boost::asio::steady_timer rest_timer_;
  std::shared_ptr<Gate> gate_;  // closed by the destructor: answers that come later go nowhere
  std::atomic<bool> wake_posted_ = false;

  // The place in the tail. generation_ is 0 until the tail is ready.
  uint32_t generation_ = 0;
  Epoch epoch_;
  uint64_t position_ = 0;       // everything up to it was given to the live sessions
  uint64_t covered_after_ = 0;  // as of the last turn
  uint64_t began_after_ = 0;
  GapReason began_because_ = GapReason::kOtherEpoch;
  TailReader reader_;

  ChannelTable channels_;
  uint64_t visit_ = 0;
  bool resting_ = false;  // the next turn begins when the rest is over
  size_t collected_bytes_ = 0;
  size_t sends_ = 0;  // of this turn, and the events in them
  size_t deliveries_ = 0;
  std::vector<Channel*> dirty_;     // have a batch
  std::vector<Channel*> matched_;   // by the event that is collected
  std::deque<uint64_t> polls_due_;  // to be run, when others had their turn
  bool running_polls_ = false;
  std::vector<std::unique_ptr<Batch>> spare_batches_;
  size_t spare_bytes_ = 0;  // of them

  std::vector<Entry> sessions_;
  std::vector<Session*> parked_;
  size_t parked_unseen_ = 0;  // how many to look at since the last turn
  size_t parked_next_ = 0;    // the one before it is the next
  bool settling_parked_ = false;
  std::deque<Session*> later_;  // have more to write, when others had their turn
  bool running_later_ = false;
  Lingering lingering_{counters_.lingering};
  std::vector<Session*> graveyard_;
  absl::flat_hash_set<Session*> closing_;  // closed, but operations are pending
  Block block_;                            // for one write at a time
  std::vector<uint16_t> block_names_;

  absl::flat_hash_map<uint64_t, std::unique_ptr<PollOperation>> polls_;
  uint64_t next_poll_ = 1;

  bool upstream_connected_ = false;
  std::string upstream_data_;
  size_t untold_ = 0;  // sessions_ below it have yet to be told

  bool draining_ = false;
  int64_t retry_max_ms_ = 0;
  std::function<void()> drain_done_;
  std::mt19937 random_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_FANOUT_HUB_H_
