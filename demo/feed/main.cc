// weir-demo-feed: publishes the demo's events.
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "base/address.h"
#include "base/logging.h"
#include "base/signals.h"
#include "base/text.h"
#include "base/version.h"
#include "demo/feed/cars.h"
#include "demo/feed/feed.h"
#include "demo/feed/schedule.h"
#include "fmt/format.h"

namespace {

constexpr int kUsage = 2;

struct Arguments {
  weir::demo::FeedOptions options{.server = "127.0.0.1:50051"};
  std::string rate = "2/s";
  std::string cars;
  std::string apps = "all";
};

void Describe(CLI::App& app, Arguments& arguments) {
  app.set_version_flag("--version", fmt::format("weir-demo-feed {}", weir::Version()));
  app.add_option("--server", arguments.options.server, "The server's gRPC address")
      ->envname("WEIR_SERVER")
      ->check([](const std::string& text) { return std::string(weir::Message(weir::ParseAddress(text).status())); })
      ->type_name("HOST:PORT")
      ->capture_default_str();
  app.add_option("--tls-ca", arguments.options.tls.ca,
                 "Use TLS; the server's certificate must come from these authorities")
      ->envname("WEIR_TLS_CA")
      ->type_name("FILE");
  app.add_option("--tls-certificate", arguments.options.tls.certificate, "The feed's certificate")
      ->envname("WEIR_TLS_CERTIFICATE")
      ->type_name("FILE");
  app.add_option("--tls-key", arguments.options.tls.key, "Its key")->envname("WEIR_TLS_KEY")->type_name("FILE");
  app.add_option("--token-file", arguments.options.token_file, "Holds the token that tells the server who publishes")
      ->envname("WEIR_TOKEN_FILE")
      ->type_name("FILE");
  app.add_option("--cars", arguments.cars, "cars.json of vega-datasets")->required()->type_name("FILE");
  app.add_option("--rate", arguments.rate, "Updates of cars: 2/s, 30/m, at most 10000/s")
      ->check([](const std::string& text) { return std::string(weir::Message(weir::demo::ParseRate(text).status())); })
      ->capture_default_str();
  app.add_option("--vehicles", arguments.options.vehicles_per_update_max, "At most so many cars in an update")
      ->check(CLI::Range(1, 406))
      ->capture_default_str();
  app.add_option("--count", arguments.options.count, "End after so many updates of cars");
  app.add_flag("--once", arguments.options.once, "End when every car was sent once");
  app.add_option("--apps", arguments.apps, "vehicles, or all: a trickle of goals, notifications and images too")
      ->check(CLI::IsMember({"vehicles", "all"}))
      ->capture_default_str();
  app.add_option("--tenant", arguments.options.tenants, "Whose goals; may be given again")
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--user", arguments.options.users,
                 "Whose notifications, and of the first one images; may be given again")
      ->type_name("NAME")
      ->capture_default_str();
}

}  // namespace

int main(int argc, char** argv) {
  weir::SetUpLogging("").IgnoreError();  // an empty level is a good one
  weir::Signals signals;
  CLI::App app(
      "Examples:\n  weir-demo-feed --cars node_modules/vega-datasets/data/cars.json --rate 2/s\n\n"
      "Publishes the demo's events: cars at a steady rate, over and over.",
      "weir-demo-feed");
  Arguments arguments;
  Describe(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      return app.exit(error);
    }
    std::cerr << "weir-demo-feed: " << error.what() << "; see weir-demo-feed --help" << std::endl;
    return kUsage;
  }
  arguments.options.interval = *weir::demo::ParseRate(arguments.rate);
  arguments.options.all_apps = arguments.apps == "all";

  const weir::demo::FeedOptions& options = arguments.options;
  std::vector<std::string> warnings;
  absl::Status credentials = weir::CheckClientTls(options.tls, &warnings);
  if (credentials.ok() && !options.token_file.empty()) {
    credentials = weir::CheckTokenFile(options.token_file, options.server, options.tls, &warnings);
  }
  if (!credentials.ok()) {
    std::cerr << "weir-demo-feed: " << weir::Message(credentials) << std::endl;
    return kUsage;
  }
  for (const std::string& warning : warnings) {
    spdlog::warn("{}", warning);
  }
  std::ifstream file(arguments.cars, std::ios::binary);
  const std::string json{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  auto cars = weir::demo::ParseCars(json);
  if (!file || !cars.ok()) {
    std::cerr << "weir-demo-feed: " << arguments.cars << ": "
              << (file ? std::string(weir::Message(cars.status())) : "cannot be read") << std::endl;
    return kUsage;
  }

  absl::Notification stop;
  std::thread waiter([&signals, &stop] {
    signals.WaitForTermination();
    stop.Notify();
  });
  const bool all_stored = weir::demo::RunFeed(arguments.options, *std::move(cars), stop);
  signals.RequestTermination();
  waiter.join();
  return all_stored ? 0 : 1;
}
