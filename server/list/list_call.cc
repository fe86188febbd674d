#include "server/list/list_call.h"

#include <grpcpp/server_context.h>

#include <utility>

#include "absl/time/clock.h"
#include "server/list/list_events.h"
#include "server/rpc/call_alarm.h"
#include "server/rpc/grpc_status.h"
#include "server/subscribe/subscribe_call.h"
#include "weir/v1/event_bus.pb.h"

namespace weir::server {
namespace {

class ListCall final : public grpc::ServerUnaryReactor {
 public:
  ListCall(const ListCallContext& context, FaultOr<Caller> caller, grpc::CallbackServerContext& call,
           grpc::ByteBuffer& response)
      : context_(context), caller_(std::move(caller)), call_(call), response_(response) {}

  void Begin(const grpc::ByteBuffer& bytes) {
    if (!caller_.ok()) {
      Finish(ToGrpcStatus(caller_.fault()));
      return;
    }
    const grpc::Slice slice = Flatten(bytes);
    if (!request_.ParseFromArray(slice.begin(), static_cast<int>(slice.size()))) {
      Finish(
          ToGrpcStatus({.reason = v1::ERROR_REASON_FIELD_INVALID, .message = "the bytes are not a ListEventsRequest"}));
      return;
    }
    holds_place_ = context_.places.Take();
    if (!holds_place_) {
      Finish(ToGrpcStatus({.reason = v1::ERROR_REASON_LOG_UNAVAILABLE,
                           .message = "too many ListEvents calls wait for the log, or to be taken; try again",
                           .retry_after = absl::Seconds(1)}));
      return;
    }
    context_.pool.Post([this] { Read(); });
  }

  void OnDone() override {
    cut_.Cancel();
    if (holds_place_) {
      context_.places.GiveBack();
    }
    delete this;
  }

 private:
  void Read() {
    FaultOr<WireMessage> page = ListEvents(request_, context_.log, context_.types.get(), caller_->rights);
    if (!page.ok()) {
      if (page.fault().reason == v1::ERROR_REASON_SUBSCRIBE_DENIED) {
        context_.access.CountRefused(page.fault().reason);
      }
      Finish(ToGrpcStatus(page.fault()));
      return;
    }
    response_ = ToByteBuffer(*page);
    cut_.Set(absl::Now() + kListAnswerGrace, [this] { call_.TryCancel(); });
    Finish(grpc::Status::OK);
  }

  const ListCallContext& context_;
  const FaultOr<Caller> caller_;
  grpc::CallbackServerContext& call_;  // until OnDone
  grpc::ByteBuffer& response_;
  v1::ListEventsRequest request_;
  bool holds_place_ = false;
  CallAlarm cut_;
};

}  // namespace

grpc::ServerUnaryReactor* StartListEvents(const ListCallContext& context, FaultOr<Caller> caller,
                                          grpc::CallbackServerContext& call, const grpc::ByteBuffer& request,
                                          grpc::ByteBuffer& response) {
  auto* reactor = new ListCall(context, std::move(caller), call, response);
  reactor->Begin(request);
  return reactor;
}

}  // namespace weir::server
