// Seeded bugs: each changes a recorded history as a defect of the programs would have, so that it can be shown that the
// checker finds it. Pure.
#ifndef WEIR_TESTS_CHAOS_MUTATION_H_
#define WEIR_TESTS_CHAOS_MUTATION_H_

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "tests/chaos/history.h"

namespace weir::chaos {

struct Mutation {
  std::string name;
  // The property that must be violated then; others may be too.
  std::string property;
  // False when the history has no place for it; then it is unchanged.
  std::function<bool(History&, std::mt19937_64&)> apply;
};

// All of them.
std::vector<Mutation> Mutations();

}  // namespace weir::chaos

#endif  // WEIR_TESTS_CHAOS_MUTATION_H_
