#include "server/publish/publish_call.h"

#include <memory>
#include <string>
#include <utility>

#include "server/rpc/grpc_status.h"

namespace weir::server {
namespace {

constexpr uint32_t kResults = 1;  // PublishResponse.results

class PublishCall final : public grpc::ServerUnaryReactor {
 public:
  PublishCall(const PublishContext& context, grpc::ByteBuffer& response) : context_(context), response_(response) {}

  void Begin(const Rights& rights, const grpc::ByteBuffer& request) {
    auto batch = std::make_unique<Batch>(*this, Flatten(request));
    if (const std::optional<Fault> fault = batch->Read(BytesOf(batch->request), context_.validator, rights)) {
      Finish(ToGrpcStatus(*fault));
      return;
    }
    if (batch->validate_only()) {
      batch->OnCommitted({});
      return;
    }
    if (const std::optional<Fault> fault = context_.committer.Submit(std::move(batch), Committer::WhenFull::kRefuse)) {
      Finish(ToGrpcStatus(*fault));
    }
  }

  void OnDone() override { delete this; }

 private:
  struct Batch final : PublishBatch {
    Batch(PublishCall& owner, grpc::Slice bytes) : call(owner), request(std::move(bytes)) {}

    void OnCommitted(std::span<const log::AppendResult> results) override {
      std::string out;
      call.context_.Count(WriteResults(kResults, call.context_.epoch, results, out));
      call.response_ = BufferOf(out);
      call.Finish(grpc::Status::OK);
    }
    void OnFailed(const Fault& fault) override { call.Finish(ToGrpcStatus(fault)); }

    PublishCall& call;  // lives until it is finished, which only the batch does once it is submitted
    const grpc::Slice request;
  };

  const PublishContext& context_;
  grpc::ByteBuffer& response_;
};

}  // namespace

grpc::ServerUnaryReactor* StartPublish(const PublishContext& context, const Rights& rights,
                                       const grpc::ByteBuffer& request, grpc::ByteBuffer& response) {
  auto* call = new PublishCall(context, response);
  call->Begin(rights, request);
  return call;
}

}  // namespace weir::server
