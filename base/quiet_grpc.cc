#include "base/quiet_grpc.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <spdlog/spdlog.h>

#include <string>

#include "base/text.h"

namespace weir {
namespace {

constexpr size_t kBytesMax = 1'000;

}  // namespace

void QuietGrpc() {
  gpr_set_log_function([](gpr_log_func_args* args) { spdlog::debug("grpc: {}", Quotable(args->message, kBytesMax)); });
  google::protobuf::SetLogHandler([](google::protobuf::LogLevel, const char*, int, const std::string& message) {
    spdlog::debug("protobuf: {}", Quotable(message, kBytesMax));
  });
}

}  // namespace weir
