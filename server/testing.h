// Event types, events and a log that fails on command, for the server's tests.
#ifndef WEIR_SERVER_TESTING_H_
#define WEIR_SERVER_TESTING_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "google/rpc/status.pb.h"
#include "log/log_engine.h"
#include "server/schema/event_types.h"
#include "weir/v1/event_bus.pb.h"

namespace weir::server {

// A descriptor set whose one file is written in protobuf's text format (of FileDescriptorProto).
DescriptorSetFile SetOf(std::string_view file_text, std::string name = "test.binpb");

// The types of the tests' package test.v1:
//   Note    {string text = 1; int32 number = 2; map<string, string> words = 3;}  event `note`, any topic
//   Scoped  {string text = 1;}  event `scoped`, only on `scoped.>`
//   Plain   no event; Hello: the control frame `hello`
std::shared_ptr<const EventTypes> TestTypes();

// `type.googleapis.com/test.v1.Note` with a text.
v1::Event NoteEvent(std::string topic, std::string text, std::string id = "");

// The reason of the status's ErrorInfo, or empty.
std::string ReasonOf(const google::rpc::Status& status);
// One entry of its metadata, or empty.
std::string MetadataOf(const google::rpc::Status& status, const std::string& key);

// A log that passes everything on to another, but fails or waits on command. Any thread.
class ScriptedLog final : public log::LogEngine {
 public:
  explicit ScriptedLog(std::unique_ptr<log::LogEngine> real) : real_(std::move(real)) {}

  // Appends fail with it from now on, until it is set to OK. UNAVAILABLE also makes the log unhealthy.
  void FailAppends(absl::Status status);
  // The same for one append.
  void FailNextAppend(absl::Status status);
  // Reads fail with it from now on, until it is set to OK.
  void FailReads(absl::Status status);
  // Trims fail with it from now on, until it is set to OK.
  void FailTrims(absl::Status status);
  // Called when a time is looked up, before it is. Set before others use the log.
  void BeforeTimeLookUp(std::function<void()> call) { before_time_look_up_ = std::move(call); }
  // Appends wait while it is closed.
  void CloseGate();
  void OpenGate();
  // Waits until an append waits at the closed gate.
  void AwaitAppendAtGate();
  // The sizes of the appends so far.
  std::vector<size_t> append_sizes() const;

  absl::StatusOr<std::vector<log::AppendResult>> Append(std::span<const log::NewEvent> events) override;
  absl::StatusOr<log::Page> Read(const log::ReadRequest& request) const override;
  absl::StatusOr<log::Page> ReadLastPerTopic(const log::ReadRequest& request) const override;
  absl::StatusOr<uint64_t> SequenceBefore(absl::Time time) const override;
  log::Bounds bounds() const override { return real_->bounds(); }
  absl::Status health() const override;
  absl::Status Trim(const log::TrimPolicy& policy) override;
  uint64_t TrimPoint(const log::TrimPolicy& policy) const override { return real_->TrimPoint(policy); }
  void SetObserver(Observer observer) override;
  std::string_view name() const override { return real_->name(); }

  int trims() const;
  // Those before it was observed.
  int unobserved_trims() const;
  // False when there were not so many within 10 s.
  bool AwaitTrims(int count);

 private:
  const std::unique_ptr<log::LogEngine> real_;
  std::function<void()> before_time_look_up_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  absl::Status append_status_ ABSL_GUARDED_BY(mutex_);
  absl::Status next_append_status_ ABSL_GUARDED_BY(mutex_);
  absl::Status read_status_ ABSL_GUARDED_BY(mutex_);
  absl::Status trim_status_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;
  int trims_ ABSL_GUARDED_BY(mutex_) = 0;
  int unobserved_trims_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<size_t> append_sizes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weir::server

#endif  // WEIR_SERVER_TESTING_H_
