// The cars of vega-datasets' cars.json as vehicles. Pure; any thread.
#ifndef WEIR_DEMO_FEED_CARS_H_
#define WEIR_DEMO_FEED_CARS_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "apps/vehicles/v1/vehicles.pb.h"

namespace weir::demo {

// Ids are v1, v2, … in the order of the file. INVALID_ARGUMENT names the record that is not a car; at least one is
// needed.
absl::StatusOr<std::vector<apps::vehicles::v1::Vehicle>> ParseCars(std::string_view json);

// The manufacturer and the model of a name: `toyota corona mark ii` is Toyota, Corona Mark II.
std::pair<std::string, std::string> SplitName(std::string_view name);

}  // namespace weir::demo

#endif  // WEIR_DEMO_FEED_CARS_H_
