#include "base/metric_family.h"

#include <utility>

namespace weir {

prometheus::MetricFamily MakeFamily(std::string name, std::string help, prometheus::MetricType type) {
  prometheus::MetricFamily family;
  family.name = std::move(name);
  family.help = std::move(help);
  family.type = type;
  return family;
}

void AddValue(prometheus::MetricFamily& family, double value, std::vector<prometheus::ClientMetric::Label> labels) {
  prometheus::ClientMetric& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  (family.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
}

void AddMetric(std::vector<prometheus::MetricFamily>& families, std::string name, std::string help,
               prometheus::MetricType type, double value) {
  AddValue(families.emplace_back(MakeFamily(std::move(name), std::move(help), type)), value);
}

}  // namespace weir
