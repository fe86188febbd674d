#include "server/revoke/revoke_call.h"

#include <spdlog/spdlog.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "base/token_revocation.h"
#include "server/revoke/revoke_request.h"
#include "server/rpc/grpc_status.h"
#include "weir/v1/event_bus.pb.h"

namespace weir::server {
namespace {

std::string BatchOf(const v1::TokenRevocation& revocation) {
  v1::PublishRequest request;
  v1::Event& event = *request.add_events();
  event.set_topic(std::string(kRevocationsTopic));
  event.mutable_payload()->PackFrom(revocation);
  return request.SerializeAsString();
}

class RevokeCall final : public grpc::ServerUnaryReactor {
 public:
  RevokeCall(const RevokeContext& context, grpc::ByteBuffer& response, std::string peer)
      : context_(context), response_(response), peer_(std::move(peer)) {}

  void Begin(const FaultOr<Caller>& caller, const grpc::ByteBuffer& request) {
    FaultOr<v1::TokenRevocation> revocation = Read(caller, request);
    if (!revocation.ok()) {
      Finish(ToGrpcStatus(revocation.fault()));
      return;
    }
    auto batch = std::make_unique<Batch>(*this, *std::move(revocation));
    // The caller's right is that to revoke: the event is published by the server itself.
    std::optional<Fault> fault = batch->Read(batch->request, context_.publish.validator);
    if (!fault.has_value()) {
      fault = context_.publish.committer.Submit(std::move(batch), Committer::WhenFull::kRefuse);
    }
    if (fault.has_value()) {
      Finish(ToGrpcStatus(*fault));
    }
  }

  void OnDone() override {
    if (sequence_ != 0) {
      spdlog::info("event {} revokes tokens, for {}", sequence_, peer_);
    }
    delete this;
  }

 private:
  struct Batch final : PublishBatch {
    Batch(RevokeCall& owner, v1::TokenRevocation written)
        : call(owner), revocation(std::move(written)), request(BatchOf(revocation)) {}

    void OnCommitted(std::span<const log::AppendResult> results) override { call.OnCommitted(*this, results); }
    void OnFailed(const Fault& fault) override { call.Finish(ToGrpcStatus(fault)); }

    RevokeCall& call;  // lives until it is finished, which only the batch does once it is submitted
    const v1::TokenRevocation revocation;
    const std::string request;
  };

  FaultOr<v1::TokenRevocation> Read(const FaultOr<Caller>& caller, const grpc::ByteBuffer& bytes) const {
    if (!caller.ok()) {
      return caller.fault();
    }
    if (!caller->rights.MayRevoke()) {
      context_.publish.access.CountRefused(v1::ERROR_REASON_REVOKE_DENIED);
      return Fault{.reason = v1::ERROR_REASON_REVOKE_DENIED,
                   .message = "the caller's rules of access do not allow it to revoke tokens (revoke: true)"};
    }
    v1::RevokeTokensRequest request;
    const grpc::Slice slice = Flatten(bytes);
    if (!request.ParseFromArray(slice.begin(), static_cast<int>(slice.size()))) {
      return Fault{.reason = v1::ERROR_REASON_FIELD_INVALID, .message = "the bytes are not a RevokeTokensRequest"};
    }
    return ReadRevokeRequest(request, context_.clock());
  }

  void OnCommitted(const Batch& batch, std::span<const log::AppendResult> results) {
    std::string bytes;
    context_.publish.Count(
        batch.WriteResults(v1::PublishResponse::kResultsFieldNumber, context_.publish.epoch, results, bytes));
    v1::PublishResponse published;
    published.ParseFromString(bytes);
    v1::PublishResult& result = *published.mutable_results(0);
    if (result.has_error()) {
      Finish({static_cast<grpc::StatusCode>(result.error().code()), result.error().message(),
              result.error().SerializeAsString()});
      return;
    }
    v1::RevokeTokensResponse response;
    *response.mutable_ack() = std::move(*result.mutable_ack());
    *response.mutable_revocation() = batch.revocation;
    response_ = BufferOf(response.SerializeAsString());
    sequence_ = response.ack().sequence();
    Finish(grpc::Status::OK);
  }

  const RevokeContext& context_;
  grpc::ByteBuffer& response_;
  const std::string peer_;
  uint64_t sequence_ = 0;  // of what was published; said when the committer need not wait for it
};

}  // namespace

grpc::ServerUnaryReactor* StartRevoke(const RevokeContext& context, const FaultOr<Caller>& caller,
                                      const grpc::ByteBuffer& request, grpc::ByteBuffer& response, std::string peer) {
  auto* call = new RevokeCall(context, response, std::move(peer));
  call->Begin(caller, request);
  return call;
}

}  // namespace weir::server
