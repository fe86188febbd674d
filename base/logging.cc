#include "base/logging.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/text.h"
#include "base/visible.h"

namespace weir {
namespace {

constexpr char kPattern[] = "%Y-%m-%dT%H:%M:%S.%eZ %l %*";

class OneLine : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string text = Visible({message.payload.data(), message.payload.size()});
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<OneLine>(); }
};

std::optional<spdlog::level::level_enum> LevelOf(std::string_view level) {
  for (const auto candidate :
       {spdlog::level::trace, spdlog::level::debug, spdlog::level::info, spdlog::level::warn, spdlog::level::err}) {
    const auto name = spdlog::level::to_string_view(candidate);
    if (level == std::string_view(name.data(), name.size())) {
      return candidate;
    }
  }
  return std::nullopt;
}

}  // namespace

absl::Status ValidateLogLevel(std::string_view level) {
  if (LevelOf(level).has_value()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      fmt::format("is \"{}\"; allowed is trace, debug, info, warning or error", Quotable(level)));
}

absl::Status SetUpLogging(std::string_view level) {
  if (level.empty()) {
    level = "info";
  }
  if (absl::Status status = ValidateLogLevel(level); !status.ok()) {
    return status;
  }
  auto logger = std::make_shared<spdlog::logger>("weir", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<OneLine>('*').set_pattern(kPattern);
  logger->set_formatter(std::move(formatter));
  spdlog::set_default_logger(std::move(logger));
  return SetLogLevel(level);
}

void WarnUnlessOk(const absl::Status& status) {
  if (!status.ok()) {
    spdlog::warn("{}", Message(status));
  }
}

absl::Status SetLogLevel(std::string_view level) {
  const auto value = LevelOf(level);
  if (!value.has_value()) {
    return ValidateLogLevel(level);
  }
  spdlog::set_level(*value);
  return absl::OkStatus();
}

}  // namespace weir
