// The families of metrics that a prometheus::Collectable of ours gives. Pure; any thread.
#ifndef WEIR_BASE_METRIC_FAMILY_H_
#define WEIR_BASE_METRIC_FAMILY_H_

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>

#include <string>
#include <vector>

namespace weir {

// Without a value yet.
prometheus::MetricFamily MakeFamily(std::string name, std::string help, prometheus::MetricType type);

// Adds one to a family of counters or gauges.
void AddValue(prometheus::MetricFamily& family, double value, std::vector<prometheus::ClientMetric::Label> labels = {});

// Adds a family of counters or gauges that has one value, without labels.
void AddMetric(std::vector<prometheus::MetricFamily>& families, std::string name, std::string help,
               prometheus::MetricType type, double value);

}  // namespace weir

#endif  // WEIR_BASE_METRIC_FAMILY_H_
