// Publishes car prices as they change: `weir_example_publish [SERVER]`, default 127.0.0.1:50051. WEIR_TOKEN_FILE names
// a file with the token that says who publishes, where the server asks for one.
//
// The server must know the type: start it with the descriptor set of apps/vehicles/v1/vehicles.proto.
#include <cstdlib>
#include <iostream>
#include <string>

#include "apps/vehicles/v1/vehicles.pb.h"
#include "weir/client.h"

int main(int argc, char** argv) {
  weir::ClientOptions connection{.server = argc > 1 ? argv[1] : "127.0.0.1:50051", .name = "example"};
  if (const char* file = std::getenv("WEIR_TOKEN_FILE"); file != nullptr) {
    connection.token = weir::TokenFromFile(file);  // for a server that asks who calls, as the demo's
  }
  weir::Client client(connection);
  weir::Publisher publisher(client);

  bool all_stored = true;  // written by the publisher's callbacks, read when Flush has returned
  for (const std::string make : {"Toyota", "Volvo", "Ford"}) {
    apps::vehicles::v1::VehicleUpdate update;
    apps::vehicles::v1::Vehicle* vehicle = update.add_vehicles();
    vehicle->set_id("example-" + make);
    vehicle->set_make(make);
    publisher.Publish({.topic = "vehicles.updates", .payload = update},
                      [make, &all_stored](const weir::PublishOutcome& outcome) {
                        if (outcome.status.ok()) {
                          std::cout << make << " is stored at " << outcome.ack.cursor() << std::endl;
                        } else {
                          std::cout << make << " was refused: " << outcome.status << std::endl;
                          all_stored = false;
                        }
                      });
  }

  // Without this the publisher's end would abort what is not yet answered.
  const absl::Status flushed = publisher.Flush(absl::Now() + absl::Seconds(10));
  if (!flushed.ok()) {
    std::cerr << flushed << std::endl;
  }
  return flushed.ok() && all_stored ? 0 : 1;
}
