#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <deque>
#include <optional>
#include <utility>

#include "base/config_value.h"
#include "base/text.h"
#include "base/version.h"
#include "server/config.h"

namespace weir::server {
namespace {

// A setting that flags and environment share with the file.
struct Option {
  const char* flag;
  const char* environment;
  const char* field;  // its path in the file
  const char* value;  // what stands for the value in the help
  const char* help;
  // Sets the field; the answer is what is wrong with the text, or empty.
  std::string (*apply)(const std::string& text, config::v1::Server& config);
};

std::string ApplyDuration(const std::string& text, google::protobuf::Duration& out) {
  const std::optional<absl::Duration> duration = ParseDurationText(text);
  if (!duration.has_value()) {
    return fmt::format("is \"{}\"; allowed is a duration like 30s, 5m or 168h", Quotable(text));
  }
  out.set_seconds(absl::ToInt64Seconds(*duration));
  out.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(*duration - absl::Seconds(out.seconds()))));
  return {};
}

std::string ApplyEngine(const std::string& text, config::v1::Server& config) {
  if (text != "memory" && text != "rocksdb") {
    return fmt::format("is \"{}\"; allowed is memory or rocksdb", Quotable(text));
  }
  config.set_engine(text == "memory" ? config::v1::LOG_ENGINE_MEMORY : config::v1::LOG_ENGINE_ROCKSDB);
  return {};
}

std::string ApplySync(const std::string& text, config::v1::Server& config) {
  if (text != "always" && text != "never") {
    return fmt::format("is \"{}\"; allowed is always or never", Quotable(text));
  }
  config.set_sync(text == "always" ? config::v1::SYNC_MODE_ALWAYS : config::v1::SYNC_MODE_NEVER);
  return {};
}

std::string ApplyBytes(const std::string& text, config::v1::Server& config) {
  const std::optional<uint64_t> bytes = ParseBytesText(text);
  if (!bytes.has_value()) {
    return fmt::format("is \"{}\"; allowed is a number of bytes like 65536, 64KiB or 8GiB", Quotable(text));
  }
  config.mutable_retention()->set_bytes_max(*bytes);
  return {};
}

std::string ApplyInsecure(const std::string& text, config::v1::Server& config) {
  if (text != "true" && text != "false") {
    return fmt::format("is \"{}\"; allowed is true or false", Quotable(text));
  }
  config.set_insecure(text == "true");
  return {};
}

constexpr Option kOptions[] = {
    {"--listen", "WEIR_SERVER_LISTEN", "listen", "HOST:PORT", "Address of gRPC [127.0.0.1:50051]",
     [](const std::string& text, config::v1::Server& config) {
       config.set_listen(text);
       return std::string();
     }},
    {"--admin-listen", "WEIR_SERVER_ADMIN_LISTEN", "admin_listen", "HOST:PORT",
     "Address of health and metrics [127.0.0.1:9902]",
     [](const std::string& text, config::v1::Server& config) {
       config.set_admin_listen(text);
       return std::string();
     }},
    {"--data-dir", "WEIR_SERVER_DATA_DIR", "data_dir", "DIRECTORY", "Directory of the log (rocksdb)",
     [](const std::string& text, config::v1::Server& config) {
       config.set_data_dir(text);
       return std::string();
     }},
    {"--engine", "WEIR_SERVER_ENGINE", "engine", "ENGINE", "Where events are kept: memory or rocksdb [rocksdb]",
     ApplyEngine},
    {"--sync", "WEIR_SERVER_SYNC", "sync", "MODE", "When an event is durable: always (fsync) or never [always]",
     ApplySync},
    {"--retention-age", "WEIR_SERVER_RETENTION_AGE", "retention.age", "DURATION",
     "Remove older events; 0s: never [168h]",
     [](const std::string& text, config::v1::Server& config) {
       return ApplyDuration(text, *config.mutable_retention()->mutable_age());
     }},
    {"--retention-bytes", "WEIR_SERVER_RETENTION_BYTES", "retention.bytes_max", "BYTES",
     "Remove the oldest events above this; 0: no limit [8GiB]", ApplyBytes},
    {"--log-level", "WEIR_SERVER_LOG_LEVEL", "log_level", "LEVEL", "trace, debug, info, warning or error [info]",
     [](const std::string& text, config::v1::Server& config) {
       config.set_log_level(text);
       return std::string();
     }},
    {"--insecure", "WEIR_SERVER_INSECURE", "insecure", "", "Allow gRPC without TLS on an address that is not loopback",
     ApplyInsecure},
};

std::vector<std::string> SplitPaths(const std::string& text) {
  std::vector<std::string> paths;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find(':', begin), text.size());
    if (end > begin) {
      paths.push_back(text.substr(begin, end - begin));
    }
    begin = end + 1;
  }
  return paths;
}

// The command line as it was written.
struct Flags {
  std::deque<std::pair<const Option*, std::string>> values;
  std::vector<std::string> descriptors;
  std::string config;
  bool check = false;
};

std::optional<Exit> ParseFlags(const std::vector<std::string>& arguments, Flags& flags) {
  CLI::App app("weir-server: the event bus of Weir", "weir-server");
  app.footer(
      "Each flag can be set in the environment: WEIR_SERVER_LISTEN, WEIR_SERVER_DATA_DIR, … (descriptor sets joined by "
      "\":\"). Flags override the environment, which overrides the file.\n"
      "SIGHUP reads all of it again: the descriptor sets, who may do what, and the log level change without a "
      "restart.\n\n"
      "Examples:\n"
      "  weir-server --data-dir /var/lib/weir --descriptors events.binpb\n"
      "  weir-server --engine memory --descriptors events.binpb --listen 127.0.0.1:0");
  app.set_version_flag("--version", fmt::format("weir-server {}", Version()), "Print the version");
  app.add_option("--config", flags.config, "YAML configuration file")->type_name("FILE");
  app.add_option("--descriptors", flags.descriptors, "Descriptor sets that define the event types")->type_name("FILE");
  app.add_flag("--check", flags.check, "Check the configuration, and say whether it is good");
  for (const Option& option : kOptions) {
    std::string& value = flags.values.emplace_back(&option, "").second;
    if (std::string_view(option.flag) == "--insecure") {
      app.add_flag_callback(
          option.flag, [&value] { value = "true"; }, option.help);
    } else {
      app.add_option(option.flag, value, option.help)->type_name(option.value)->take_last();
    }
  }
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return Exit{.code = 0, .text = app.help()};
  } catch (const CLI::CallForVersion&) {
    return Exit{.code = 0, .text = fmt::format("weir-server {}\n", Version())};
  } catch (const CLI::ParseError& error) {
    return Exit{.code = 2, .text = fmt::format("weir-server: {}\nSee weir-server --help\n", error.what())};
  }
  return std::nullopt;
}

absl::Status ApplyOptions(const Flags& flags, const Environment& environment, config::v1::Server& config,
                          ConfigFile& file) {
  for (const auto& [option, flag] : flags.values) {
    const std::string from_environment = flag.empty() ? environment(option->environment) : std::string();
    const std::string& text = flag.empty() ? from_environment : flag;
    if (text.empty()) {
      continue;
    }
    file.SetOrigin(option->field, flag.empty() ? option->environment : option->flag);
    if (const std::string fault = option->apply(text, config); !fault.empty()) {
      return file.Error(option->field, fault);
    }
  }
  std::vector<std::string> descriptors =
      flags.descriptors.empty() ? SplitPaths(environment("WEIR_SERVER_DESCRIPTORS")) : flags.descriptors;
  if (descriptors.empty()) {
    for (std::string& path : *config.mutable_descriptor_sets()) {
      path = file.Resolve(path);
    }
    return absl::OkStatus();
  }
  file.SetOrigin("descriptor_sets", flags.descriptors.empty() ? "WEIR_SERVER_DESCRIPTORS" : "--descriptors");
  config.mutable_descriptor_sets()->Assign(descriptors.begin(), descriptors.end());
  return absl::OkStatus();
}

Exit Mistake(const absl::Status& status) {
  return {.code = 2, .text = fmt::format("weir-server: {}\n", Message(status))};
}

}  // namespace

std::variant<Settings, Exit> ReadSettings(const std::vector<std::string>& arguments, const Environment& environment) {
  Flags flags;
  if (std::optional<Exit> exit = ParseFlags(arguments, flags)) {
    return *std::move(exit);
  }
  config::v1::Server config;
  ConfigFile file;
  const std::string path = flags.config.empty() ? environment("WEIR_SERVER_CONFIG") : flags.config;
  if (!path.empty()) {
    absl::StatusOr<ConfigFile> loaded = ConfigFile::Load(path, &config);
    if (!loaded.ok()) {
      return Mistake(loaded.status());
    }
    file = *std::move(loaded);
  }
  if (absl::Status status = ApplyOptions(flags, environment, config, file); !status.ok()) {
    return Mistake(status);
  }
  absl::StatusOr<Settings> settings = CheckConfig(config, file);
  if (!settings.ok()) {
    return Mistake(settings.status());
  }
  settings->check = flags.check;
  return *std::move(settings);
}

}  // namespace weir::server
