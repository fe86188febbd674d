#include "server/backup/backup_call.h"

#include <grpcpp/server_context.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "fmt/format.h"
#include "log/crc32c.h"
#include "server/rpc/call_alarm.h"
#include "server/rpc/grpc_status.h"

namespace weir::server {
namespace {

constexpr size_t kDataBytesMax = 1 << 20;

Fault FaultOf(const absl::Status& status, const log::LogEngine& log) {
  if (absl::IsUnimplemented(status)) {
    return {.reason = v1::ERROR_REASON_ENGINE_UNSUPPORTED, .message = std::string(Message(status))};
  }
  return {.reason = log.health().ok() ? v1::ERROR_REASON_LOG_UNAVAILABLE : v1::ERROR_REASON_LOG_POISONED,
          .message = std::string(Message(status))};
}

// One message is made at a time, by a thread of the pool; the next when gRPC has taken it. So nothing here is touched
// by two threads at once, but for the two flags.
class BackupCall final : public grpc::ServerWriteReactor<v1::BackupResponse>,
                         public Drainable,
                         public std::enable_shared_from_this<BackupCall> {
 public:
  BackupCall(const BackupContext& context, FaultOr<Caller> caller, grpc::CallbackServerContext& call)
      : context_(context), caller_(std::move(caller)), call_(call), peer_(call.peer()) {}

  void Begin() {
    self_ = shared_from_this();
    if (!caller_.ok()) {
      Finish(ToGrpcStatus(caller_.fault()));
      return;
    }
    if (!caller_->rights.MayBackUp()) {
      context_.access.CountRefused(v1::ERROR_REASON_BACKUP_DENIED);
      Finish(ToGrpcStatus({.reason = v1::ERROR_REASON_BACKUP_DENIED,
                           .message = "the caller's rules of access do not allow it to copy the log (backup: true)"}));
      return;
    }
    holds_place_ = context_.places.Take();
    if (!holds_place_) {
      Finish(ToGrpcStatus({.reason = v1::ERROR_REASON_BACKUP_UNDER_WAY,
                           .message = "a backup is being made already",
                           .retry_after = absl::Seconds(10)}));
    } else if (!context_.streams.Add(self_, caller_->token)) {
      FinishWith(StreamEnd::kDraining);
    } else if (const std::optional<StreamEnd> end = context_.access.EndOf(*caller_)) {
      FinishWith(*end);
    } else {
      expiry_.Set(caller_->expires, [this] { Drain(StreamEnd::kTokenExpired); });
      spdlog::info("backup for {} begins", peer_);
      context_.pool.Post([self = self_] { self->Open(); });
    }
  }

  void OnWriteDone(bool ok) override {
    ended_ = ended_ || !ok;
    context_.pool.Post([self = self_] { self->SendNext(); });
  }
  void OnCancel() override { ended_ = true; }
  void Drain(StreamEnd end) override {
    CutUnlessDone(cut_, call_, fmt::format("backup for {}", peer_));
    end_ = end;
  }
  void OnDone() override {
    expiry_.Cancel();
    cut_.Cancel();
    context_.streams.Remove(this);
    if (!holds_place_) {
      self_.reset();
      return;
    }
    // Removing files may block.
    context_.pool.Post([self = std::move(self_)] { self->Leave("before its end"); });
  }

 private:
  void Open() {
    absl::StatusOr<std::unique_ptr<log::LogSnapshot>> snapshot = context_.log.Snapshot();
    if (!snapshot.ok()) {
      Finish(ToGrpcStatus(FaultOf(snapshot.status(), context_.log)));
      return;
    }
    snapshot_ = *std::move(snapshot);
    v1::BackupHeader& header = *response_.mutable_header();
    header.set_epoch(std::string(snapshot_->bounds().epoch.text()));
    header.set_earliest_sequence(snapshot_->bounds().earliest);
    header.set_head_sequence(snapshot_->bounds().head);
    header.set_file_count(static_cast<uint32_t>(snapshot_->files().size()));
    for (const log::LogSnapshot::File& file : snapshot_->files()) {
      header.set_total_bytes(header.total_bytes() + file.bytes);
    }
    StartWrite(&response_);
  }

  void SendNext() {
    if (ended_) {
      Finish(grpc::Status::CANCELLED);
    } else if (const std::optional<StreamEnd> end = end_.load()) {
      FinishWith(*end);
    } else if (in_.is_open()) {
      SendContent();
    } else if (file_ < snapshot_->files().size()) {
      SendFile(snapshot_->files()[file_]);
    } else {
      Leave("whole");  // first: its client may make the next one at once
      Finish(grpc::Status::OK);
    }
  }

  void Leave(std::string_view how) {
    snapshot_.reset();
    spdlog::info("backup for {} ended {}", peer_, how);
    holds_place_ = false;
    context_.places.GiveBack();
  }

  void SendFile(const log::LogSnapshot::File& file) {
    in_.open(file.path, std::ios::binary);
    if (!in_.is_open()) {
      FinishUnreadable(file);
      return;
    }
    left_ = file.bytes;
    crc_ = 0;
    response_.mutable_file()->set_name(file.name);
    response_.mutable_file()->set_bytes(file.bytes);
    StartWrite(&response_);
  }

  void SendContent() {
    if (left_ == 0) {
      in_.close();
      ++file_;
      response_.mutable_file_end()->set_crc32c(crc_);
      StartWrite(&response_);
      return;
    }
    std::string& data = *response_.mutable_data();
    data.resize(std::min<uint64_t>(left_, kDataBytesMax));
    if (!in_.read(data.data(), static_cast<std::streamsize>(data.size()))) {
      FinishUnreadable(snapshot_->files()[file_]);
      return;
    }
    left_ -= data.size();
    crc_ = log::Crc32c(data, crc_);
    StartWrite(&response_);
  }

  void FinishUnreadable(const log::LogSnapshot::File& file) {
    Finish(ToGrpcStatus({.reason = v1::ERROR_REASON_LOG_UNAVAILABLE,
                         .message = fmt::format("the file {} of the log cannot be read", file.name)}));
  }
  void FinishWith(StreamEnd end) { Finish(ToGrpcStatus(FaultOf(end))); }

  const BackupContext& context_;
  const FaultOr<Caller> caller_;
  grpc::CallbackServerContext& call_;  // until OnDone
  const std::string peer_;
  CallAlarm expiry_;
  CallAlarm cut_;
  bool holds_place_ = false;
  std::atomic<bool> ended_{false};  // nobody reads any more
  std::atomic<std::optional<StreamEnd>> end_{std::nullopt};
  std::shared_ptr<BackupCall> self_;  // until OnDone
  std::unique_ptr<log::LogSnapshot> snapshot_;
  v1::BackupResponse response_;  // gRPC's while a write is under way
  size_t file_ = 0;              // the one that is sent, or is next
  std::ifstream in_;
  uint64_t left_ = 0;
  uint32_t crc_ = 0;
};

}  // namespace

grpc::ServerWriteReactor<v1::BackupResponse>* StartBackup(const BackupContext& context, FaultOr<Caller> caller,
                                                          grpc::CallbackServerContext& call) {
  const auto backup = std::make_shared<BackupCall>(context, std::move(caller), call);
  backup->Begin();
  return backup.get();
}

}  // namespace weir::server
