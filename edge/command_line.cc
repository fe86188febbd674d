#include "edge/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <optional>
#include <utility>

#include "base/text.h"
#include "base/version.h"

namespace weir::edge {
namespace {

// A setting that flags and environment share with the file.
struct Option {
  const char* flag;
  const char* environment;
  const char* field;  // its path in the file
  const char* value;  // what stands for the value in the help
  const char* help;
};

constexpr std::array<Option, 6> kOptions = {{
    {"--listen", "WEIR_EDGE_LISTEN", "listen", "HOST:PORT", "Address for browsers [127.0.0.1:8080]"},
    {"--admin-listen", "WEIR_EDGE_ADMIN_LISTEN", "admin_listen", "HOST:PORT",
     "Address of health and metrics [127.0.0.1:9901]"},
    {"--server", "WEIR_EDGE_SERVER", "server", "HOST:PORT", "Address of weir-server's gRPC [127.0.0.1:50051]"},
    {"--threads", "WEIR_EDGE_THREADS", "threads", "COUNT", "Threads, 1 to 64 [one per processor]"},
    {"--static", "WEIR_EDGE_STATIC", "static.directory", "DIRECTORY", "Directory of static files [none]"},
    {"--log-level", "WEIR_EDGE_LOG_LEVEL", "log_level", "LEVEL", "trace, debug, info, warning or error [info]"},
}};

// The command line as it was written.
struct Flags {
  std::string config;
  bool check = false;
  std::array<std::optional<std::string>, kOptions.size()> values;
};

std::optional<Exit> ParseFlags(const std::vector<std::string>& arguments, Flags& flags) {
  CLI::App app("weir-edge: brings the events of weir-server to browsers", "weir-edge");
  app.footer(
      "Each flag can be set in the environment: WEIR_EDGE_LISTEN, WEIR_EDGE_SERVER, … (the file: WEIR_EDGE_CONFIG).\n"
      "Flags override the environment, which overrides the file. Routes are only in the file.\n"
      "SIGHUP reads all of it again: routes, keys, CORS and more change while streams go on.\n\n"
      "Examples:\n"
      "  weir-edge --config edge.yaml\n"
      "  weir-edge --config edge.yaml --listen 0.0.0.0:8080 --server weir.internal:50051\n"
      "  weir-edge --config edge.yaml --check");
  app.set_version_flag("--version", fmt::format("weir-edge {}", Version()), "Print the version");
  app.add_option("--config", flags.config, "YAML configuration file; required")->type_name("FILE");
  app.add_flag("--check", flags.check, "Check the configuration, and say whether it is good");
  for (size_t i = 0; i < kOptions.size(); ++i) {
    app.add_option_function<std::string>(
           kOptions[i].flag, [&flags, i](const std::string& text) { flags.values[i] = text; }, kOptions[i].help)
        ->type_name(kOptions[i].value)
        ->take_last();
  }
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    return Exit{.code = 0, .text = app.help()};
  } catch (const CLI::CallForVersion&) {
    return Exit{.code = 0, .text = fmt::format("weir-edge {}\n", Version())};
  } catch (const CLI::ParseError& error) {
    return Exit{.code = 2, .text = fmt::format("weir-edge: {}\nSee weir-edge --help\n", error.what())};
  }
  return std::nullopt;
}

}  // namespace

std::variant<CommandLine, Exit> ReadCommandLine(const std::vector<std::string>& arguments,
                                                const Environment& environment, uint32_t processors) {
  Flags flags;
  if (std::optional<Exit> exit = ParseFlags(arguments, flags)) {
    return *std::move(exit);
  }
  const std::string path = flags.config.empty() ? environment("WEIR_EDGE_CONFIG") : flags.config;
  EdgeOverrides overrides;
  for (size_t i = 0; i < kOptions.size(); ++i) {
    if (flags.values[i]) {
      overrides.values.push_back({kOptions[i].field, *flags.values[i], kOptions[i].flag});
    } else if (std::string text = environment(kOptions[i].environment); !text.empty()) {
      overrides.values.push_back({kOptions[i].field, std::move(text), kOptions[i].environment});
    }
  }
  const auto load = [path, overrides, processors] { return LoadEdgeConfig(path, overrides, processors); };
  absl::StatusOr<EdgeConfig> config = load();
  if (!config.ok()) {
    return Exit{.code = 2, .text = fmt::format("weir-edge: {}\n", Message(config.status()))};
  }
  return CommandLine{*std::move(config), flags.check, load};
}

}  // namespace weir::edge
