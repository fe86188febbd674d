// Prints three car updates and the cursor to go on after: `weir_example_subscribe [SERVER [CURSOR]]`. Without a cursor
// it begins with the oldest event that the server still has. WEIR_TOKEN_FILE names a file with the token that says who
// reads, where the server asks for one.
#include <condition_variable>
#include <cstdlib>
#include <iostream>
#include <mutex>

#include "apps/vehicles/v1/vehicles.pb.h"
#include "weir/client.h"

int main(int argc, char** argv) {
  weir::ClientOptions connection{.server = argc > 1 ? argv[1] : "127.0.0.1:50051", .name = "example"};
  if (const char* file = std::getenv("WEIR_TOKEN_FILE"); file != nullptr) {
    connection.token = weir::TokenFromFile(file);  // for a server that asks who calls, as the demo's
  }
  weir::Client client(connection);

  std::mutex mutex;
  std::condition_variable changed;
  int seen = 0;
  bool failed = false;

  weir::SubscriberOptions options;
  options.filters = {"vehicles.>"};
  if (argc > 2) {
    options.start.set_after_cursor(argv[2]);
  } else {
    options.start.mutable_earliest();
  }

  weir::SubscriberCallbacks callbacks;
  callbacks.on_events = [&](const weir::v1::EventBatch& batch) {
    const std::lock_guard<std::mutex> lock(mutex);
    for (const weir::v1::Event& event : batch.events()) {
      apps::vehicles::v1::VehicleUpdate update;
      if (seen == 3 || !event.payload().UnpackTo(&update)) {
        continue;
      }
      for (const apps::vehicles::v1::Vehicle& vehicle : update.vehicles()) {
        std::cout << vehicle.make() << " " << vehicle.model() << " (resume after " << event.cursor() << ")"
                  << std::endl;
      }
      ++seen;
    }
    changed.notify_one();
  };
  // The events between the cursor and here are gone: whoever keeps a state fetches it anew.
  callbacks.on_gap = [](const weir::v1::Gap& gap) { std::cout << "gap before " << gap.resume_cursor() << std::endl; };
  callbacks.on_disconnected = [](const absl::Status& status, absl::Duration retry_in) {
    std::cerr << status << "; trying again in " << retry_in << std::endl;
  };
  callbacks.on_failed = [&](const absl::Status& status) {
    std::cerr << status << std::endl;
    const std::lock_guard<std::mutex> lock(mutex);
    failed = true;
    changed.notify_one();
  };
  const weir::Subscriber subscriber(client, options, callbacks);

  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [&] { return seen == 3 || failed; });
  return failed ? 1 : 0;
}
