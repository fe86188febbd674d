#include "tests/bench/bus_publish_load.h"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/client_callback.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "base/wire.h"

namespace weir::bench {
namespace {

constexpr char kMethod[] = "/weir.v1.EventBus/PublishStream";

// Checks the acknowledgements of a PublishStreamResponse one after another; false when one is not the next.
bool TakeAcks(std::string_view response, uint64_t& acked, uint64_t& head) {
  wire::Reader results(response);
  for (wire::Field result; results.Next(result);) {
    if (result.number != 2) {
      continue;
    }
    wire::Reader outcome(result.bytes);
    wire::Field ack;
    if (!outcome.Next(ack) || ack.number != 1) {
      return false;
    }
    uint64_t sequence = 0;
    wire::Reader fields(ack.bytes);
    for (wire::Field field; fields.Next(field);) {
      if (field.number == 2) {
        sequence = field.value;
      } else if (field.number == 5 && field.value != 0) {
        return false;
      }
    }
    if (head != 0 && sequence != head + 1) {
      return false;
    }
    head = sequence;
    ++acked;
  }
  return results.ok();
}

class PublishLoad final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  PublishLoad(const std::shared_ptr<grpc::Channel>& channel, EventMaker& maker, uint64_t events, size_t batch)
      : stub_(channel), maker_(maker), left_(events), batch_(batch), events_(events) {}

  absl::StatusOr<PublishResult> Run() {
    const absl::Time start = absl::Now();
    stub_.PrepareBidiStreamingCall(&context_, kMethod, grpc::StubOptions(), this);
    StartRead(&response_);
    WriteNext();
    StartCall();
    done_.WaitForNotification();
    if (!status_.ok() || !good_ || acked_ != events_) {
      return absl::InternalError(fmt::format("{} of {} events were acknowledged in order; {}", acked_, events_,
                                             status_.ok() ? "the stream ended well" : status_.error_message()));
    }
    return PublishResult{static_cast<double>(events_) / absl::ToDoubleSeconds(end_ - start), head_};
  }

  void OnWriteDone(bool ok) override {
    if (ok) {
      WriteNext();
    }
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      return;
    }
    grpc::Slice whole;
    good_ = good_ && (response_.TrySingleSlice(&whole).ok() || response_.DumpToSingleSlice(&whole).ok()) &&
            TakeAcks({reinterpret_cast<const char*>(whole.begin()), whole.size()}, acked_, head_);
    response_.Clear();
    if (acked_ == events_) {
      end_ = absl::Now();
    }
    if (good_) {
      StartRead(&response_);
    } else {
      context_.TryCancel();
    }
  }

  void OnDone(const grpc::Status& status) override {
    status_ = status;
    done_.Notify();
  }

 private:
  void WriteNext() {
    if (left_ == 0) {
      StartWritesDone();
      return;
    }
    const auto count = std::min<uint64_t>(batch_, left_);
    left_ -= count;
    grpc::Slice slice(count * EventMaker::kElementBytes);
    auto* out = reinterpret_cast<char*>(const_cast<uint8_t*>(slice.begin()));
    for (uint64_t i = 0; i < count; ++i) {
      maker_.Write(out + i * EventMaker::kElementBytes);
    }
    request_ = grpc::ByteBuffer(&slice, 1);
    // Small messages leave together: as many as the transport gathers while it is busy.
    grpc::WriteOptions options;
    if (left_ > 0) {
      options.set_buffer_hint();
    }
    StartWrite(&request_, options);
  }

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  EventMaker& maker_;
  uint64_t left_;
  const size_t batch_;
  const uint64_t events_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  uint64_t acked_ = 0;
  uint64_t head_ = 0;
  bool good_ = true;
  absl::Time end_;
  grpc::Status status_;
  absl::Notification done_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(4 << 20);
  std::shared_ptr<grpc::Channel> channel =
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10))) {
    return absl::UnavailableError(fmt::format("no connection to {}", address));
  }
  return channel;
}

absl::StatusOr<PublishResult> PublishWire(const std::shared_ptr<grpc::Channel>& channel, EventMaker& maker,
                                          uint64_t events, size_t batch) {
  PublishLoad load(channel, maker, events, batch);
  return load.Run();
}

}  // namespace weir::bench
