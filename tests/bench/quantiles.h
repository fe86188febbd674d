// What stands for many measurements. Pure.
#ifndef WEIR_TESTS_BENCH_QUANTILES_H_
#define WEIR_TESTS_BENCH_QUANTILES_H_

#include <vector>

namespace weir::bench {

// Nearest rank; sorts. 0 without any.
double Percentile(std::vector<double>& values, double part);

// Of few: between the two in the middle, where they are even. 0 without any.
double Median(std::vector<double> values);

}  // namespace weir::bench

#endif  // WEIR_TESTS_BENCH_QUANTILES_H_
