// What a run comes down to, for people.
#ifndef WEIR_TESTS_CHAOS_SUMMARY_H_
#define WEIR_TESTS_CHAOS_SUMMARY_H_

#include <string>

#include "tests/chaos/run.h"

namespace weir::chaos {

// `seed 7: 12345 events, …`: one line.
std::string Summary(const RunResult& result);

// The heads and a row of the table that docs/guarantees.md shows.
std::string TableHead();
std::string TableRow(const RunResult& result);

}  // namespace weir::chaos

#endif  // WEIR_TESTS_CHAOS_SUMMARY_H_
