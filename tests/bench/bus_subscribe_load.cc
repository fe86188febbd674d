#include "tests/bench/bus_subscribe_load.h"

#include <fmt/format.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/client_callback.h>

#include <string_view>

#include "absl/synchronization/blocking_counter.h"
#include "absl/time/clock.h"
#include "tests/bench/bus_batch_scan.h"

namespace weir::bench {
namespace {

constexpr char kMethod[] = "/weir.v1.EventBus/Subscribe";
constexpr absl::Duration kPatience = absl::Minutes(1);

class Reader final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Reader(const std::shared_ptr<grpc::Channel>& channel, const Reading& reading, absl::BlockingCounter& done)
      : stub_(channel), reading_(reading), done_(done) {
    const grpc::Slice slice(reading.request.SerializeAsString());
    request_ = grpc::ByteBuffer(&slice, 1);
    context_.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  }

  void Start() {
    stub_.PrepareBidiStreamingCall(&context_, kMethod, grpc::StubOptions(), this);
    StartWriteLast(&request_, grpc::WriteOptions());
    StartRead(&response_);
    StartCall();
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      return;
    }
    good_ = good_ && Scan();
    response_.Clear();
    if (events_ >= reading_.events) {
      end_ = absl::Now();
      context_.TryCancel();
    } else if (!good_) {
      context_.TryCancel();
    } else {
      StartRead(&response_);
    }
  }
  void OnDone(const grpc::Status& status) override {
    status_ = status;
    done_.DecrementCount();
  }

  // After it is done.
  absl::StatusOr<absl::Time> end() const {
    if (good_ && events_ == reading_.events) {
      return end_;
    }
    return absl::InternalError(fmt::format("a reader had {} of {} events{}: {}", events_, reading_.events,
                                           good_ ? "" : ", then one that is not the next", status_.error_message()));
  }

 private:
  bool Scan() {
    slices_.clear();
    pieces_.clear();
    if (!response_.Dump(&slices_).ok()) {
      return false;
    }
    for (const grpc::Slice& slice : slices_) {
      pieces_.emplace_back(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
    bool ordered = true;
    const bool read = ScanBatch(pieces_, [&](uint64_t sequence) {
      ordered = ordered && sequence > last_ && (last_ == 0 || !reading_.dense || sequence == last_ + 1);
      last_ = sequence;
      ++events_;
    });
    return read && ordered;
  }

  grpc::GenericStub stub_;
  const Reading& reading_;
  absl::BlockingCounter& done_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  std::vector<grpc::Slice> slices_;
  std::vector<std::string_view> pieces_;
  uint64_t last_ = 0;
  uint64_t events_ = 0;
  bool good_ = true;
  absl::Time end_;
  grpc::Status status_;
};

}  // namespace

absl::StatusOr<double> ReadTogether(const std::vector<std::shared_ptr<grpc::Channel>>& channels,
                                    const Reading& reading) {
  absl::BlockingCounter done(static_cast<int>(channels.size()));
  std::vector<std::unique_ptr<Reader>> readers;
  readers.reserve(channels.size());
  for (const auto& channel : channels) {
    readers.push_back(std::make_unique<Reader>(channel, reading, done));
  }
  const absl::Time start = absl::Now();
  for (const auto& reader : readers) {
    reader->Start();
  }
  done.Wait();
  absl::Time end = start;
  for (const auto& reader : readers) {
    const absl::StatusOr<absl::Time> read = reader->end();
    if (!read.ok()) {
      return read.status();
    }
    end = std::max(end, *read);
  }
  return absl::ToDoubleSeconds(end - start);
}

}  // namespace weir::bench
