#include "server/subscribe/subscribe_call.h"

#include <fmt/format.h>
#include <grpcpp/server_context.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/uuid.h"
#include "server/rpc/call_alarm.h"
#include "server/rpc/grpc_status.h"

namespace weir::server {
namespace {

class SubscribeCall final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                            public SubscriptionSink,
                            public Drainable,
                            public std::enable_shared_from_this<SubscribeCall> {
 public:
  SubscribeCall(const SubscribeCallContext& context, FaultOr<Caller> caller, grpc::CallbackServerContext& call)
      : context_(context), caller_(std::move(caller)), call_(call), peer_(call.peer()) {}

  void Begin(const grpc::ByteBuffer& bytes) {
    self_ = shared_from_this();
    if (!caller_.ok()) {
      Finish(caller_.fault());
      return;
    }
    holds_place_ = context_.places.Take();
    if (!holds_place_) {
      Finish(TooMany());
      return;
    }
    FaultOr<SubscriptionOptions> options = Read(bytes);
    if (!options.ok()) {
      Finish(options.fault());
      return;
    }
    id_ = NewUuid();
    subscription_ = std::make_shared<Subscription>(context_.subscriptions, id_, *std::move(options), *this);
    if (!context_.streams.Add(self_, caller_->token)) {
      Finish(FaultOf(StreamEnd::kDraining));
      return;
    }
    if (const std::optional<StreamEnd> end = context_.access.EndOf(*caller_)) {
      Finish(FaultOf(*end));
      return;
    }
    expiry_.Set(caller_->expires, [this] { Drain(StreamEnd::kTokenExpired); });
    spdlog::info("{} begins", Name());
    subscription_->Begin();
  }

  void Write(WireMessage message) override {
    message_ = ToByteBuffer(message);
    StartWrite(&message_);
  }
  void Finish(const std::optional<Fault>& fault) override {
    ServerWriteReactor::Finish(fault.has_value() ? ToGrpcStatus(*fault) : grpc::Status::CANCELLED);
  }
  void Drain(StreamEnd end) override {
    CutUnlessDone(cut_, call_, Name());
    subscription_->Drain(end);
  }

  void OnWriteDone(bool ok) override { subscription_->OnWritten(ok); }
  void OnCancel() override {
    if (subscription_ != nullptr) {
      subscription_->Cancel();
    }
  }
  void OnDone() override {
    expiry_.Cancel();
    cut_.Cancel();
    context_.streams.Remove(this);
    if (holds_place_) {
      context_.places.GiveBack();
    }
    if (!id_.empty()) {
      spdlog::info("{} ended", Name());
    }
    self_.reset();
  }

 private:
  std::string Name() const { return fmt::format("subscription {} of \"{}\" at {}", id_, client_name_, peer_); }

  Fault TooMany() const {
    return {.reason = v1::ERROR_REASON_TOO_MANY_SUBSCRIPTIONS,
            .message = fmt::format("{} subscriptions are open, which is the limit", context_.places.most()),
            .limit = fmt::format("{}", context_.places.most()),
            .retry_after = absl::Seconds(1)};
  }

  FaultOr<SubscriptionOptions> Read(const grpc::ByteBuffer& bytes) {
    v1::SubscribeRequest request;
    const grpc::Slice slice = Flatten(bytes);
    if (!request.ParseFromArray(slice.begin(), static_cast<int>(slice.size()))) {
      return Fault{.reason = v1::ERROR_REASON_FIELD_INVALID, .message = "the bytes are not a SubscribeRequest"};
    }
    client_name_ = Quotable(request.client_name());
    FaultOr<SubscriptionOptions> options = ReadSubscribeRequest(request, context_.subscriptions.types.get());
    if (options.ok()) {
      if (std::optional<Fault> denied = CheckMayRead(caller_->rights, options->selection)) {
        context_.access.CountRefused(denied->reason);
        return *std::move(denied);
      }
    }
    return options;
  }

  const SubscribeCallContext& context_;
  FaultOr<Caller> caller_;
  grpc::CallbackServerContext& call_;  // until OnDone
  const std::string peer_;
  CallAlarm expiry_;
  CallAlarm cut_;
  bool holds_place_ = false;
  std::string id_;
  std::string client_name_;
  std::shared_ptr<SubscribeCall> self_;  // until OnDone
  std::shared_ptr<Subscription> subscription_;
  grpc::ByteBuffer message_;  // gRPC's while a write is under way
};

}  // namespace

grpc::ByteBuffer ToByteBuffer(const WireMessage& message) {
  std::vector<grpc::Slice> slices;
  slices.reserve(message.pieces().size());
  for (const WireMessage::Piece& piece : message.pieces()) {
    auto* owner = new std::shared_ptr<const void>(piece.owner);
    const auto release = [](void* held) { delete static_cast<std::shared_ptr<const void>*>(held); };
    // gRPC only reads what it sends.
    slices.emplace_back(const_cast<char*>(piece.bytes.data()), piece.bytes.size(), release, owner);
  }
  return {slices.data(), slices.size()};
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* StartSubscribe(const SubscribeCallContext& context, FaultOr<Caller> caller,
                                                           grpc::CallbackServerContext& call,
                                                           const grpc::ByteBuffer& request) {
  const auto stream = std::make_shared<SubscribeCall>(context, std::move(caller), call);
  stream->Begin(request);
  return stream.get();
}

}  // namespace weir::server
