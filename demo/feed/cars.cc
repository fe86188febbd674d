#include "demo/feed/cars.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>

#include "fmt/format.h"

namespace weir::demo {
namespace {

using apps::vehicles::v1::Vehicle;
using Json = nlohmann::json;

// Abbreviations and numerals, which stay in capitals.
constexpr std::array<std::string_view, 6> kCapitals = {"amc", "bmw", "vw", "ii", "iii", "gt"};

std::string Capitalised(std::string_view word) {
  const bool all = std::find(kCapitals.begin(), kCapitals.end(), word) != kCapitals.end();
  std::string out;
  bool begins = true;
  for (const char c : word) {
    const auto byte = static_cast<unsigned char>(c);
    out += all || begins ? static_cast<char>(std::toupper(byte)) : c;
    begins = std::isalnum(byte) == 0 && c != '\'';
  }
  return out;
}

// Members as numbers or text; a record without a required one is no car.
class Record {
 public:
  explicit Record(const Json& json) : json_(json) {}

  double Number(const char* key) {
    const auto it = json_.find(key);
    ok_ = ok_ && it != json_.end() && it->is_number();
    return ok_ ? it->get<double>() : 0;
  }
  std::string Text(const char* key) {
    const auto it = json_.find(key);
    ok_ = ok_ && it != json_.end() && it->is_string();
    return ok_ ? it->get<std::string>() : std::string();
  }
  bool Has(const char* key) const { return json_.contains(key) && !json_[key].is_null(); }
  bool ok() const { return ok_; }
  void Fail() { ok_ = false; }

 private:
  const Json& json_;
  bool ok_ = true;
};

bool ReadCar(const Json& json, Vehicle& vehicle) {
  Record record(json);
  auto [make, model] = SplitName(record.Text("Name"));
  vehicle.set_make(std::move(make));
  vehicle.set_model(std::move(model));
  const std::string date = record.Text("Year");
  int year = 0;
  if (std::from_chars(date.data(), date.data() + std::min<size_t>(date.size(), 4), year).ec != std::errc()) {
    record.Fail();
  }
  vehicle.set_year(year);
  vehicle.set_origin(record.Text("Origin"));
  if (record.Has("Miles_per_Gallon")) {
    vehicle.set_miles_per_gallon(record.Number("Miles_per_Gallon"));
  }
  vehicle.set_cylinders(static_cast<int32_t>(record.Number("Cylinders")));
  vehicle.set_displacement(record.Number("Displacement"));
  if (record.Has("Horsepower")) {
    vehicle.set_horsepower(record.Number("Horsepower"));
  }
  vehicle.set_weight_lbs(static_cast<int32_t>(record.Number("Weight_in_lbs")));
  vehicle.set_acceleration(record.Number("Acceleration"));
  return record.ok();
}

}  // namespace

std::pair<std::string, std::string> SplitName(std::string_view name) {
  std::vector<std::string> words;
  while (!name.empty()) {
    const size_t space = std::min(name.find(' '), name.size());
    if (space > 0) {
      words.push_back(Capitalised(name.substr(0, space)));
    }
    name.remove_prefix(std::min(space + 1, name.size()));
  }
  if (words.empty()) {
    return {};
  }
  return {words.front(), fmt::format("{}", fmt::join(words.begin() + 1, words.end(), " "))};
}

absl::StatusOr<std::vector<Vehicle>> ParseCars(std::string_view json) {
  const Json records = Json::parse(json, nullptr, false);
  if (!records.is_array() || records.empty()) {
    return absl::InvalidArgumentError("the cars are not a JSON array of at least one record");
  }
  std::vector<Vehicle> cars;
  for (const Json& record : records) {
    Vehicle vehicle;
    vehicle.set_id(fmt::format("v{}", cars.size() + 1));
    if (!record.is_object() || !ReadCar(record, vehicle)) {
      return absl::InvalidArgumentError(fmt::format("record {} is not a car", cars.size() + 1));
    }
    cars.push_back(std::move(vehicle));
  }
  return cars;
}

}  // namespace weir::demo
